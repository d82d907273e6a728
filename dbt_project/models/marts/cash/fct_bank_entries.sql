with matched as (

    select * from {{ ref('int_bank_entries__matched') }}

),

entries as (

    select * from {{ ref('stg_bank__entries') }}

),

files as (

    select * from {{ ref('stg_landing__files') }}

),

targets as (

    select
        entry_id,
        to_json(
            list(
                json_object(
                    'kind', target_kind, 'id', target_id, 'amount', {{ plain_number('amount') }}, 'rung', rung,
                    'applied_on', cast(applied_on as varchar)
                )
                order by target_kind, target_id
            )
        ) as applied_to,
        min(rung) as rung
    from {{ ref('stg_match__applications') }}
    group by entry_id

),

final as (

    select
        matched.entry_id,
        matched.selling_entity,
        matched.channel,
        matched.account,
        entries.statement_id,
        matched.booking_date,
        matched.value_date,
        matched.period,
        entries.counterparty,
        entries.reference,
        entries.bank_reference,
        entries.narrative,
        matched.amount,
        matched.currency,
        coalesce(matched.classification, 'other') as classification,
        coalesce(matched.status, 'unapplied') as status,
        matched.applied,
        cast(coalesce(matched.unapplied, 0) as decimal(38, 12)) as unapplied,
        matched.age_days,
        coalesce(matched.is_past_policy, false) as is_past_policy,
        targets.rung,
        cast(targets.applied_to as varchar) as applied_to,
        matched.candidates,
        entries.format,
        files.path,
        entries.line
    from matched
    inner join entries on matched.entry_id = entries.entry_id
    left join files on entries.file_sequence = files.file_sequence
    left join targets on matched.entry_id = targets.entry_id

)

select * from final
