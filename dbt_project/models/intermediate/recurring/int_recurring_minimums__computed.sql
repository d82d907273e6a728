-- The minimum of a recurring charge for a billing period less its rounded lines, on the bill at the period's end.
with charges as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'recurring'

),

stretches as (

    select * from {{ ref('int_recurring_stretches__cut') }}

),

recurring_lines as (

    select * from {{ ref('int_recurring_lines__priced') }}
    where line_kind = 'recurring'

),

-- Where it changes inside the period the last terms hold; a prorated one is weighed by the days for which each held.
terms as (

    select
        stretches.contract_id,
        stretches.charge_id,
        stretches.period_no,
        any_value(stretches.period_from) as period_from,
        any_value(stretches.period_to) as period_to,
        min(stretches.stretch_from) as charge_from,
        max(stretches.stretch_to) as charge_to,
        any_value(stretches.currency) as currency,
        arg_max(stretches.product, stretches.stretch_no) as product,
        arg_max(stretches.price_version, stretches.stretch_no) as price_version,
        arg_max(stretches.rounding_places, stretches.stretch_no) as rounding_places,
        arg_max(stretches.rounding_mode, stretches.stretch_no) as rounding_mode,
        list(charges.minimum order by stretches.stretch_no desc)[1] as last_minimum,
        arg_max(charges.prorate, stretches.stretch_no) as prorate,
        sum(charges.minimum * date_diff('day', stretches.stretch_from, stretches.stretch_to)) as minimum_days,
        any_value(date_diff('day', stretches.full_from, stretches.full_to)) as full_days
    from stretches
    inner join charges
        on stretches.contract_id = charges.contract_id
        and stretches.charge_id = charges.charge_id
        and stretches.stretch_from >= charges.segment_from
        and stretches.stretch_from < charges.segment_to
    group by stretches.contract_id, stretches.charge_id, stretches.period_no

),

-- A charge without a line, because it is suspended or has no seats yet, owes no minimum.
billed as (

    select
        terms.contract_id,
        terms.charge_id,
        terms.period_no,
        sum(recurring_lines.amount) as charge_amount
    from terms
    inner join recurring_lines
        on terms.contract_id = recurring_lines.contract_id
        and terms.charge_id = recurring_lines.charge_id
        and recurring_lines.bill_date
        = case when recurring_lines.timing = 'advance' then terms.period_from else terms.period_to end
    group by terms.contract_id, terms.charge_id, terms.period_no

),

due as (

    select
        terms.*,
        billed.charge_amount,
        case when terms.prorate then {{ divide('terms.minimum_days', 'terms.full_days') }} else terms.last_minimum end
            as minimum
    from terms
    inner join billed
        on terms.contract_id = billed.contract_id
        and terms.charge_id = billed.charge_id
        and terms.period_no = billed.period_no
    where terms.last_minimum is not null

),

rounded as (

    select
        *,
        {{ round_amount('minimum', 'rounding_places', 'rounding_mode') }} as rounded_minimum
    from due

),

shortfalls as (

    select
        *,
        {{ minimum_shortfall('rounded_minimum', 'charge_amount') }} as amount
    from rounded

),

final as (

    select
        contract_id || '/' || period_to || '/' || charge_id || '/minimum/' || charge_from as line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        period_to as bill_date,
        'arrears' as timing,
        charge_id,
        cast(null as varchar) as reference_id,
        'minimum' as line_kind,
        product,
        cast(null as varchar) as meter,
        '{}' as group_key,
        charge_from as service_from,
        charge_to as service_to,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        cast(amount as decimal(38, 12)) as unrounded_amount,
        cast(amount as decimal(38, 12)) as amount,
        currency,
        price_version,
        cast(null as varchar) as original_period
    from shortfalls
    where amount > 0

)

select * from final
