with {{ file_population('is_sequenced or agrees is not null') }},

-- The value of a file that was set aside is not known; what its rows were worth on average in the producer's
-- other files is an estimate, counted in the first of its months only.
violations as (

    select
        period,
        selling_entity,
        channel,
        violation_key,
        'B21' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        true as holds,
        case
            when is_first_period then {{ multiply_divide('received', 'producer_amount', 'producer_accepted') }}
        end as amount,
        currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'path', path, 'sha256', sha256, 'disagreement', disagreement,
            'rows', received, 'producer', producer, 'amount_is', 'estimate'
        ) as evidence
    from file_scopes
    where status = 'set_aside' and set_aside_code = 'manifest' and not is_replaced

),

{{ control_rows('USG-01') }}
