{#- A view: cash is matched again once documents are issued, and phase B reads what was matched last. -#}
{{ config(materialized='view') }}

{#- Policy: cash that waits longer than five business days is chased; a remittance advice arrives within a week. -#}
{%- set policy_days = 5 -%}
with entries as (

    select * from {{ ref('stg_bank__entries') }}

),

matched as (

    select * from {{ ref('stg_match__entries') }}

),

applied as (

    select
        entry_id,
        sum(amount) as amount
    from {{ ref('stg_match__applications') }}
    group by entry_id

),

accounts as (

    select * from {{ ref('int_bank_accounts__placed') }}

),

run as (

    select {{ as_of() }} as as_of

),

-- What is booked after the business date is not known yet on that date.
final as (

    select
        entries.entry_id,
        entries.account,
        accounts.selling_entity,
        case when matched.classification = 'marketplace_payout' then 'aws_marketplace' else 'direct' end as channel,
        entries.value_date,
        entries.booking_date,
        {{ month_of('entries.booking_date') }} as period,
        entries.amount,
        entries.currency,
        matched.classification,
        matched.status,
        -- from the applications themselves: the summary beside them is what CSH-01 proves
        cast(coalesce(applied.amount, 0) as decimal(38, 12)) as applied,
        matched.unapplied,
        matched.candidates,
        cast(date_diff('day', entries.booking_date, run.as_of) as integer) as age_days,
        matched.unapplied <> 0
        and cast({{ add_weekdays('entries.booking_date', policy_days | string) }} as date) < run.as_of
            as is_past_policy
    from entries
    cross join run
    inner join accounts on entries.account = accounts.account
    left join matched on entries.entry_id = matched.entry_id
    left join applied on entries.entry_id = applied.entry_id
    where entries.booking_date <= run.as_of

)

select * from final
