with accounts as (

    select * from {{ ref('int_controls__accounts') }}
    where is_named and channel <> 'aws_marketplace'

),

charges as (

    select distinct
        contract_id,
        meter
    from {{ ref('stg_contracts__charges') }}
    where meter is not null

),

shared_terms as (

    select * from {{ ref('int_channels__overlapping') }}

),

rated as (

    select * from {{ ref('int_usage__rated') }}

),

-- Judged: every meter of a contract that is sold elsewhere.
population as (

    select distinct
        {{ month_of('accounts.starts_on') }} as period,
        accounts.selling_entity,
        accounts.channel,
        accounts.currency,
        accounts.contract_id,
        charges.meter,
        cast(null as decimal(38, 12)) as amount
    from accounts
    inner join charges on accounts.contract_id = charges.contract_id

),

doubled as (

    select
        shared_terms.*,
        (
            select sum(rated.unrounded_amount)
            from rated
            where
                rated.contract_id = shared_terms.contract_id
                and rated.meter = shared_terms.meter
                and rated.service_from < shared_terms.overlap_to
                and rated.service_to > shared_terms.overlap_from
        ) as amount
    from shared_terms

),

violations as (

    select
        {{ month_of('overlap_from') }} as period,
        selling_entity,
        channel,
        concat_ws('/', contract_id, marketplace_contract_id, meter) as violation_key,
        'B03' as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        amount,
        currency,
        'over_billed' as direction,
        null as suggested_cause,
        json_object(
            'direct_contract', contract_id, 'marketplace_contract', marketplace_contract_id, 'meter', meter,
            'from', overlap_from, 'to', overlap_to, 'landed_as', landed_ids
        ) as evidence
    from doubled

),

{{ control_rows('MKT-12') }}
