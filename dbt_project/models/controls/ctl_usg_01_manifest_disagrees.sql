with files as (

    select * from {{ ref('int_controls__files') }}

),

periods as (

    select * from {{ ref('int_controls__file_periods') }}

),

producer_scopes as (

    select * from {{ ref('int_controls__producer_scopes') }}

),

population as (

    select distinct
        periods.period,
        producer_scopes.selling_entity,
        producer_scopes.channel,
        cast(null as varchar) as currency,
        files.file_sequence,
        cast(null as decimal(38, 12)) as amount
    from files
    inner join periods on files.file_sequence = periods.file_sequence
    inner join producer_scopes on files.producer = producer_scopes.producer
    where files.is_sequenced or files.agrees is not null

),

-- The value of a file that was set aside is not known; what its rows were worth on average in the producer's
-- other files is an estimate, counted in the first of its months only.
violations as (

    select
        periods.period,
        producer_scopes.selling_entity,
        producer_scopes.channel,
        concat_ws(
            '/', files.path, substr(files.sha256, 1, 8),
            producer_scopes.selling_entity, producer_scopes.channel, producer_scopes.currency
        ) as violation_key,
        'B21' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        true as holds,
        case
            when periods.period = min(periods.period) over (partition by files.file_sequence)
                then {{ multiply_divide('files.received', 'producer_scopes.amount', 'producer_scopes.accepted') }}
        end as amount,
        producer_scopes.currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'path', files.path, 'sha256', files.sha256, 'disagreement', files.disagreement,
            'rows', files.received, 'producer', files.producer, 'amount_is', 'estimate'
        ) as evidence
    from files
    inner join periods on files.file_sequence = periods.file_sequence
    inner join producer_scopes on files.producer = producer_scopes.producer
    where files.status = 'set_aside' and files.set_aside_code = 'manifest' and not files.is_replaced

),

{{ control_rows('USG-01') }}
