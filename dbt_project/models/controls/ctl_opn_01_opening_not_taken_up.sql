with openings as (

    select * from {{ ref('int_openings__effective') }}

),

starts as (

    select * from {{ ref('stg_ledger__number_starts') }}

),

contracts as (

    select
        contract_id,
        arg_max(currency, version) as currency,
        arg_max(selling_entity, version) as selling_entity
    from {{ ref('stg_contracts__versions') }}
    group by contract_id

),

population as (

    select
        period,
        selling_entity,
        'direct' as channel,
        currency,
        amount
    from openings

),

-- Receivables may be a customer's who has no contract any more; everything else goes on with one.
judged as (

    select
        openings.*,
        starts.next_no,
        contracts.currency as contract_currency,
        contracts.selling_entity as contract_entity,
        case
            when openings.kind = 'number' and coalesce(openings.next_number <> starts.next_no, true)
                then 'number_refused'
            when openings.kind not in ('wallet', 'deferred', 'carry') then null
            when contracts.contract_id is null then 'contract_unknown'
            when contracts.selling_entity <> openings.selling_entity then 'other_entity'
            when contracts.currency <> openings.currency then 'other_currency'
        end as problem
    from openings
    left join starts
        on openings.selling_entity = starts.selling_entity
        and openings.document_kind = starts.kind
    left join contracts on openings.contract_id = contracts.contract_id

),

violations as (

    select
        period,
        selling_entity,
        'direct' as channel,
        concat_ws('/', opening_id, problem) as violation_key,
        case problem when 'number_refused' then 'B01' when 'other_currency' then 'B07' else 'B15' end as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        amount,
        currency,
        'none' as direction,
        case problem
            when 'number_refused' then 'The range had begun before the opening number landed, or begins elsewhere.'
            when 'contract_unknown' then 'The contract has not landed, or the row misspells its id.'
        end as suggested_cause,
        json_object(
            'opening_id', opening_id, 'problem', problem, 'next_number', next_number, 'number_range_starts_at', next_no,
            'contract_currency', contract_currency, 'contract_entity', contract_entity
        ) as evidence
    from judged
    where problem is not null

),

{{ control_rows('OPN-01') }}
