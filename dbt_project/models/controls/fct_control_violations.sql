{{ config(schema='marts', contract={'enforced': true}) }}

with judged as (

    select * from {{ ref('int_controls__judged') }}
    where row_type = 'violation'

),

catalogue as (

    select * from {{ ref('control_catalogue') }}

),

waivers as (

    select * from {{ ref('stg_ledger__waivers') }}

),

violations as (

    select
        {{ exception_id('judged.control_id', 'judged.violation_key', 'judged.period') }} as exception_id,
        judged.control_id,
        judged.code,
        judged.period,
        judged.selling_entity,
        judged.channel,
        judged.violation_key,
        judged.account_id,
        judged.contract_id,
        judged.document_id,
        judged.holds and catalogue.blocks <> 'none' as holds,
        judged.amount,
        judged.currency,
        judged.direction,
        catalogue.severity,
        catalogue.blocks,
        catalogue.owner,
        coalesce(judged.suggested_cause, catalogue.suggested_cause) as suggested_cause,
        catalogue.next_step,
        catalogue.sla_hours,
        judged.evidence,
        -- what a waiver is bound to: another figure or other rows are another violation
        sha256(
            concat_ws(
                chr(31), judged.control_id, judged.violation_key, judged.period, coalesce(judged.document_id, ''),
                coalesce(cast(judged.amount as varchar), ''), coalesce(judged.currency, ''), judged.evidence
            )
        ) as row_hash
    from judged
    inner join catalogue on judged.control_id = catalogue.control_id

),

final as (

    select
        violations.*,
        exists(
            select 1
            from waivers
            where
                waivers.exception_id = violations.exception_id
                and waivers.row_hash = violations.row_hash
                and waivers.amount is not distinct from violations.amount
        ) as is_waived
    from violations

)

select * from final
