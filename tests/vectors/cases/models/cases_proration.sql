with cases as (

    select * from {{ ref('cases_stated') }}

),

ranges as (

    select
        *,
        {{ local_date(text_of('inputs', 'charged.from')) }} as charged_from,
        {{ local_date(text_of('inputs', 'charged.to')) }} as charged_to,
        {{ local_date("coalesce(" ~ text_of('inputs', 'full_period.from') ~ ", period_from)") }} as full_from,
        {{ local_date("coalesce(" ~ text_of('inputs', 'full_period.to') ~ ", period_to)") }} as full_to,
        coalesce({{ integer_of('inputs', 'trial_days') }}, 0) as trial_days
    from cases
    where op = 'prorate'

),

parts as (

    select
        *,
        coalesce(
            {{ number_of('inputs', 'days') }},
            greatest({{ days_between('charged_from + trial_days', 'charged_to') }}, 0)
        ) as part_days,
        coalesce({{ number_of('inputs', 'period_days') }}, {{ days_between('full_from', 'full_to') }}) as full_days,
        {{ number_of('inputs', 'amount') }} as amount
    from ranges

),

prorated as (

    select
        *,
        {{ prorate('amount', 'part_days', 'full_days') }} as part_amount
    from parts

),

prorated_figures as (

    select
        case_id,
        json_object('amount', {{ figure(rounded('part_amount')) }}) as figures
    from prorated

),

instants as (

    select
        *,
        try_cast(period_from as timestamptz) as from_at,
        try_cast(period_to as timestamptz) as to_at,
        try_cast({{ text_of('inputs', 'at') }} as timestamptz) as moment_at
    from cases
    where op = 'prorate_seconds'

),

-- What is left of the period from a moment on: all of it before its start, nothing after its end.
seconds_left as (

    select
        *,
        {{ seconds_between('greatest(from_at, least(moment_at, to_at))', 'to_at') }} as part_seconds,
        {{ seconds_between('from_at', 'to_at') }} as full_seconds,
        {{ number_of('inputs', 'amount') }} as amount
    from instants

),

prorated_seconds as (

    select
        *,
        {{ prorate('amount', 'part_seconds', 'full_seconds') }} as part_amount
    from seconds_left

),

second_figures as (

    select
        case_id,
        json_object('amount', {{ figure(rounded('part_amount')) }}) as figures
    from prorated_seconds

),

days as (

    select
        *,
        {{ local_date(text_of('inputs', 'from')) }} as from_day,
        {{ local_date(text_of('inputs', 'to')) }} as to_day,
        {{ local_date('period_from') }} as full_from,
        {{ local_date('period_to') }} as full_to,
        {{ integer_of('inputs', 'fixed_days_in_month') }} as fixed_days
    from cases
    where op in ('days_between', 'days_ratio')

),

counted as (

    select
        *,
        case
            when fixed_days is null then {{ days_between('from_day', 'to_day') }}
            else {{ fixed_days_between('from_day', 'to_day', 'fixed_days') }}
        end as part_days,
        case
            when fixed_days is null then {{ days_between('full_from', 'full_to') }}
            else coalesce({{ fixed_days_between('full_from', 'full_to', 'fixed_days') }}, fixed_days)
        end as full_days
    from days

),

ratios as (

    select
        *,
        {{ prorate('1', 'part_days', 'full_days') }} as coefficient
    from counted

),

day_figures as (

    select
        case_id,
        case op
            when 'days_between' then json_object('days', cast(part_days as varchar))
            else json_object('coefficient', {{ figure(rounded('coefficient')) }})
        end as figures
    from ratios

),

stated_fractions as (

    select
        *,
        {{ number_of('item', 'amount') }} as full_amount,
        {{ number_of('item', 'days') }} as part_days,
        {{ number_of('item', 'period_days') }} as full_days
    from {{ items('cases', "(inputs -> '$.items')") }}
    where op = 'sum_fractions'

),

fractions as (

    select
        *,
        {{ prorate('full_amount', 'part_days', 'full_days') }} as amount
    from stated_fractions

),

fraction_figures as (

    select
        case_id,
        json_object(
            'amount', {{ figure(rounded_sum('amount')) }},
            'lines', {{ figure_list(rounded('amount'), 'item_no') }}
        ) as figures
    from fractions
    group by case_id

),

final as (

    select * from prorated_figures
    union all
    select * from second_figures
    union all
    select * from day_figures
    union all
    select * from fraction_figures

)

select * from final
