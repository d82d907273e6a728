with charges as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'recurring'

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

charge_quantities as (

    select * from {{ ref('stg_contracts__charge_quantities') }}

),

trials as (

    select
        contract_id,
        min(in_force_from) + cast(arg_min(trial_days, in_force_from) as integer) as trial_to
    from versioned
    group by contract_id

),

-- A list of dated quantities says nothing before its first date: no seats yet.
dated_quantities as (

    select
        contract_id,
        version,
        charge_id,
        coalesce(from_date, date '0001-01-01') as quantity_from,
        quantity
    from charge_quantities

    union all

    select
        contract_id,
        version,
        charge_id,
        date '0001-01-01' as quantity_from,
        0 as quantity
    from charge_quantities
    group by contract_id, version, charge_id
    having count(*) filter (where from_date is null) = 0

),

quantity_ranges as (

    select
        *,
        lead(quantity_from, 1, date '9999-12-31') over (
            partition by contract_id, version, charge_id order by quantity_from
        ) as quantity_to
    from dated_quantities

),

parts as (

    select
        charges.contract_id,
        charges.charge_id,
        charges.version,
        charges.price_version,
        charges.price_hash,
        charges.timing,
        charges.product,
        charges.position,
        charges.effective_to,
        coalesce(quantity_ranges.quantity, charges.quantity, 1) as quantity,
        coalesce(charges.included_quantity, 0) as included_quantity,
        charges.maximum,
        periods.period_no,
        periods.period_from,
        periods.period_to,
        periods.full_from,
        periods.full_to,
        periods.currency,
        periods.timezone,
        greatest(
            charges.segment_from, periods.period_from, coalesce(quantity_ranges.quantity_from, periods.period_from)
        ) as part_from,
        least(
            charges.segment_to, periods.period_to, coalesce(quantity_ranges.quantity_to, periods.period_to)
        ) as part_to
    from charges
    inner join periods
        on charges.contract_id = periods.contract_id
        and charges.segment_from < periods.period_to
        and charges.segment_to > periods.period_from
    left join quantity_ranges
        on charges.contract_id = quantity_ranges.contract_id
        and charges.version = quantity_ranges.version
        and charges.charge_id = quantity_ranges.charge_id

),

-- Only a change of price, its maximum, quantity (or how much of it is included), product or timing makes a part of its
-- own.
compared as (

    select
        *,
        coalesce(
            lag(part_to) over by_period = part_from
            and lag(price_hash) over by_period = price_hash
            and lag(quantity) over by_period = quantity
            and lag(included_quantity) over by_period = included_quantity
            and lag(maximum) over by_period is not distinct from maximum
            and lag(timing) over by_period = timing
            and lag(product) over by_period is not distinct from product, false
        ) as continues
    from parts
    where part_from < part_to
    window by_period as (partition by contract_id, charge_id, period_no order by part_from)

),

numbered as (

    select
        *,
        sum(case when continues then 0 else 1 end) over (
            partition by contract_id, charge_id, period_no order by part_from
        ) as part_no
    from compared

),

merged as (

    select
        contract_id,
        charge_id,
        period_no,
        part_no,
        max(version) as version,
        min(price_version) as price_version,
        any_value(timing) as timing,
        any_value(product) as product,
        any_value(position) as position,
        any_value(quantity) as quantity,
        any_value(included_quantity) as included_quantity,
        any_value(maximum) as maximum,
        any_value(period_from) as period_from,
        any_value(period_to) as period_to,
        any_value(full_from) as full_from,
        any_value(full_to) as full_to,
        any_value(currency) as currency,
        any_value(timezone) as timezone,
        arg_min(effective_to, part_from) as effective_to,
        min(part_from) as part_from,
        max(part_to) as part_to
    from numbered
    group by contract_id, charge_id, period_no, part_no

),

-- Trial days come off the front of the contract.
untried as (

    select
        merged.* exclude (part_from),
        greatest(merged.part_from, trials.trial_to) as part_from,
        greatest(merged.period_from, trials.trial_to) as charged_from
    from merged
    inner join trials on merged.contract_id = trials.contract_id
    where merged.part_to > trials.trial_to

),

final as (

    select
        untried.contract_id,
        untried.charge_id,
        untried.period_no,
        row_number() over (
            partition by untried.contract_id, untried.charge_id, untried.period_no order by untried.part_from
        ) as stretch_no,
        untried.part_from as stretch_from,
        untried.part_to as stretch_to,
        untried.version,
        untried.price_version,
        untried.timing,
        untried.product,
        untried.position,
        untried.quantity,
        untried.included_quantity,
        untried.maximum,
        untried.period_from,
        untried.period_to,
        untried.full_from,
        untried.full_to,
        untried.charged_from,
        -- How far an advance bill reaches, as known on its day: the whole calendar period, unless the terms then in
        -- force already name an earlier end.
        least(
            untried.full_to,
            coalesce(versioned.ends_on, untried.full_to),
            coalesce(untried.effective_to, untried.full_to)
        ) as planned_to,
        untried.currency,
        untried.timezone,
        versioned.proration,
        versioned.rounding_places,
        versioned.rounding_mode
    from untried
    inner join versioned
        on untried.contract_id = versioned.contract_id
        and untried.part_from >= versioned.in_force_from
        and untried.part_from < versioned.in_force_to

)

select * from final
