with cases as (

    select
        *,
        {{ text_of('inputs', 'current_period_start') }} as start_text,
        {{ frequency_of(text_of('inputs', 'billing_period')) }} as frequency,
        {{ every_of(text_of('inputs', 'billing_period')) }}
        * coalesce({{ integer_of('inputs', 'every') }}, 1) as every
    from {{ ref('cases_stated') }}

),

periods as (

    select
        *,
        {{ local_time('start_text') }} as period_start,
        {{ local_time(text_of('inputs', 'anchor')) }} as anchor,
        {{ local_time(text_of('inputs', 'subscription_end')) }} as ends_at
    from cases
    where op = 'next_billing_date'

),

next_dates as (

    select
        case_id,
        json_object('next', {{ time_text(
            next_billing_date('period_start', 'anchor', 'frequency', 'every', 'ends_at'), 'start_text') }}) as figures
    from periods

),

month_ranges as (

    select
        *,
        {{ local_date(text_of('inputs', 'from')) }} as from_day,
        {{ local_date(text_of('inputs', 'to')) }} as to_day,
        {{ billing_day_anchor(
            "coalesce(" ~ integer_of('inputs', 'anchor_day') ~ ", extract('day' from "
            ~ local_date(text_of('inputs', 'from')) ~ "))") }} as anchor_date
    from cases
    where op = 'month_starts'

),

months as (

    select
        *,
        {{ billing_boundary('anchor_date', 'month_no', '1', '0') }} as window_from,
        {{ billing_boundary('anchor_date', '(month_no + 1)', '1', '0') }} as window_to
    from (
        select
            *,
            unnest(range(
                date_diff('month', anchor_date, from_day) - 1, date_diff('month', anchor_date, to_day) + 1
            )) as month_no
        from month_ranges
    ) as numbered

),

month_starts as (

    select
        case_id,
        json_object('dates', to_json(list(cast(window_from as varchar) order by window_from))) as figures
    from months
    where window_from < to_day and window_to > from_day
    group by case_id

),

advances as (

    select
        case_id,
        step_no,
        {{ billing_boundary(
            local_date(text_of('inputs', 'from')), 'step_no', '0', integer_of('inputs', 'step_days')) }} as advanced_to
    from (
        select *, unnest(range(1, {{ integer_of('inputs', 'count') }} + 1)) as step_no
        from cases
        where op = 'advance_days'
    ) as numbered

),

advanced_days as (

    select
        case_id,
        json_object('dates', to_json(list(cast(advanced_to as varchar) order by step_no))) as figures
    from advances
    group by case_id

),

spans as (

    select
        case_id,
        {{ local_date(text_of('inputs', 'from')) }} as from_day,
        {{ local_date(text_of('inputs', 'to')) }} as to_day,
        {{ calendar_step_months('frequency', 'every') }} as step_months,
        {{ calendar_step_days('frequency', 'every') }} as step_days
    from cases
    where op = 'whole_periods'

),

whole_periods as (

    select
        case_id,
        json_object('count', cast({{ whole_periods('from_day', 'to_day', 'step_months', 'step_days') }} as varchar))
            as figures
    from spans

),

starts as (

    select
        *,
        {{ local_date(text_of('inputs', 'start')) }} as start_day,
        {{ billing_day_anchor(text_of('inputs', 'billing_day')) }} as anchor_date,
        {{ calendar_step_months('frequency', 'every') }} as step_months
    from cases
    where op = 'first_period'

),

-- So many months on from the last billing day at or before the start.
first_ends as (

    select
        case_id,
        start_day,
        {{ billing_boundary(
            'anchor_date',
            "(date_diff('month', anchor_date, start_day) - case when "
            ~ billing_day_of_month('anchor_date', 'start_day') ~ " > start_day then 1 else 0 end + step_months)",
            '1', '0') }} as end_day
    from starts
    where step_months > 0

),

first_periods as (

    select
        case_id,
        json_object('from', cast(start_day as varchar), 'to', cast(end_day as varchar)) as figures
    from first_ends

),

final as (

    select * from next_dates
    union all
    select * from month_starts
    union all
    select * from advanced_days
    union all
    select * from whole_periods
    union all
    select * from first_periods

)

select * from final
