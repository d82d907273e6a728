with versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

run as (

    select {{ as_of() }} as as_of

),

stepped as (

    select
        *,
        {{ calendar_step_months('frequency', 'every') }} as step_months,
        {{ calendar_step_days('frequency', 'every') }} as step_days
    from versioned

),

-- A document has one account, seller, channel, currency and zone, so a change of any of them is a boundary
-- as well as a change of the calendar. An anchor moved by whole steps is the same calendar.
keyed as (

    select
        *,
        concat_ws(
            '|', {{ calendar_key('anchor_date', 'step_months', 'step_days') }},
            account_id, selling_entity, channel, currency, timezone
        ) as header_key
    from stepped
    where step_months > 0 or step_days > 0

),

compared as (

    select
        *,
        coalesce(
            lag(header_key) over by_contract = header_key
            and lag(in_force_to) over by_contract = in_force_from, false
        ) as continues
    from keyed
    window by_contract as (partition by contract_id order by in_force_from)

),

numbered as (

    select
        *,
        sum(case when continues then 0 else 1 end) over (
            partition by contract_id order by in_force_from
        ) as calendar_no
    from compared

),

calendars as (

    select
        contract_id,
        calendar_no,
        arg_min(anchor_date, in_force_from) as anchor_date,
        any_value(step_months) as step_months,
        any_value(step_days) as step_days,
        min(in_force_from) as calendar_from,
        max(in_force_to) as calendar_to,
        min(in_force_from_at) as calendar_from_at,
        max(in_force_to_at) as calendar_to_at,
        any_value(account_id) as account_id,
        any_value(selling_entity) as selling_entity,
        any_value(channel) as channel,
        any_value(currency) as currency,
        any_value(timezone) as timezone
    from numbered
    group by contract_id, calendar_no

),

steps as (

    select
        calendars.*,
        run.as_of,
        unnest(range(
            {{ billing_step_near('anchor_date', 'calendar_from', 'step_months', 'step_days', -2) }},
            {{ billing_step_near('anchor_date', 'least(calendar_to, run.as_of)', 'step_months', 'step_days', 3) }}
        )) as step_no
    from calendars
    cross join run
    where calendars.calendar_from <= run.as_of

),

calendar_periods as (

    select
        *,
        {{ billing_boundary('anchor_date', 'step_no', 'step_months', 'step_days') }} as full_from,
        {{ billing_boundary('anchor_date', '(step_no + 1)', 'step_months', 'step_days') }} as full_to
    from steps

),

-- Stubs: the part of a whole calendar period that lies inside the stretch over which the calendar holds.
clipped as (

    select
        *,
        greatest(full_from, calendar_from) as period_from,
        least(full_to, calendar_to) as period_to,
        max(calendar_to) over (partition by contract_id) as contract_to
    from calendar_periods

),

final as (

    select
        contract_id,
        row_number() over (partition by contract_id order by period_from) as period_no,
        period_from,
        period_to,
        case
            when period_from = calendar_from then calendar_from_at
            else {{ local_midnight('period_from', 'timezone') }}
        end as period_from_at,
        case
            when period_to = calendar_to then calendar_to_at
            else {{ local_midnight('period_to', 'timezone') }}
        end as period_to_at,
        full_from,
        full_to,
        period_to = contract_to as is_last,
        account_id,
        selling_entity,
        channel,
        currency,
        timezone
    from clipped
    where period_from < period_to and period_from <= as_of

)

select * from final
