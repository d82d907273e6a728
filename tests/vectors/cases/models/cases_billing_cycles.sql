-- Billing cycles due by a target date when billed in advance: a leading fraction, whole periods, a trailing fraction.
with cases as (

    select
        *,
        {{ local_date(text_of('inputs', 'start')) }} as starts_on,
        {{ local_date(text_of('inputs', 'end')) }} as ends_on,
        {{ local_date(text_of('inputs', 'target')) }} as target_on,
        {{ billing_day_anchor(text_of('inputs', 'billing_day')) }} as anchor_date,
        {{ calendar_step_months(
            frequency_of(text_of('inputs', 'billing_period')), every_of(text_of('inputs', 'billing_period'))) }}
            as step_months
    from {{ ref('cases_stated') }}
    where op = 'billing_cycles'

),

anchored as (

    select
        *,
        coalesce(ends_on, date '9999-12-31') as last_to,
        least(coalesce(target_on, ends_on), coalesce(ends_on, target_on)) as reached_on,
        -- Months from the anchor to the first billing day on or after the start.
        date_diff('month', anchor_date, starts_on)
        + case when {{ billing_day_of_month('anchor_date', 'starts_on') }} < starts_on then 1 else 0 end as first_month
    from cases
    where step_months > 0

),

periods as (

    select
        *,
        {{ billing_boundary('anchor_date', '(first_month + cycle_no * step_months)', '1', '0') }} as full_from,
        {{ billing_boundary('anchor_date', '(first_month + (cycle_no + 1) * step_months)', '1', '0') }} as full_to
    from (
        select
            *,
            unnest(range(-1, date_diff('month', starts_on, reached_on) // step_months + 2)) as cycle_no
        from anchored
    ) as numbered

),

fractions as (

    select
        *,
        {{ prorate(
            '1', days_between('greatest(full_from, starts_on)', 'least(full_to, last_to)'),
            days_between('full_from', 'full_to')) }} as cycles
    from periods
    where
        greatest(full_from, starts_on) < least(full_to, last_to)
        and (target_on is null or greatest(full_from, starts_on) <= target_on)

),

summed as (

    select
        case_id,
        {{ rounded_sum('cycles') }} as cycles
    from fractions
    group by case_id

),

final as (

    select
        anchored.case_id,
        json_object('cycles', {{ figure('coalesce(summed.cycles, 0)') }}) as figures
    from anchored
    left join summed on anchored.case_id = summed.case_id

)

select * from final
