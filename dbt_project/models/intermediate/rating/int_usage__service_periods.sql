with segments as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'usage'

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

discounts as (

    select * from {{ ref('stg_contracts__discounts') }}
    where kind = 'free_quantity' and charge_id is not null

),

-- Usage keeps counting in the same tiers as long as price and measurement stay as they are.
compared as (

    select
        *,
        concat_ws(
            '|', price_hash, meter, aggregation, coalesce(property, ''), coalesce(cast(divide_by as varchar), ''),
            conversion_rounding
        ) as counting_key
    from segments

),

continued as (

    select
        *,
        coalesce(
            lag(counting_key) over by_charge = counting_key and lag(segment_to) over by_charge = segment_from, false
        ) as continues
    from compared
    window by_charge as (partition by contract_id, charge_id order by segment_from)

),

counted as (

    select
        *,
        sum(case when continues then 0 else 1 end) over (
            partition by contract_id, charge_id order by segment_from
        ) as counting_no
    from continued

),

parts as (

    select
        counted.contract_id,
        counted.charge_id,
        periods.period_from,
        periods.period_to,
        periods.full_from,
        periods.full_to,
        periods.currency,
        counted.counting_no,
        counted.version,
        counted.price_version,
        counted.product,
        counted.meter,
        counted.aggregation,
        counted.property,
        counted.divide_by,
        counted.conversion_rounding,
        counted.model,
        counted.included_quantity,
        counted.minimum,
        counted.maximum,
        counted.prorate,
        greatest(counted.segment_from, periods.period_from) as part_from,
        least(counted.segment_to, periods.period_to) as part_to,
        greatest(counted.segment_from_at, periods.period_from_at) as part_from_at,
        least(counted.segment_to_at, periods.period_to_at) as part_to_at
    from counted
    inner join periods
        on counted.contract_id = periods.contract_id
        and counted.segment_from < periods.period_to
        and counted.segment_to > periods.period_from

),

charge_periods as (

    select
        contract_id,
        charge_id,
        period_from,
        min(part_from) as charge_from,
        max(part_to) as charge_to,
        arg_max(version, part_from) as last_version,
        min(part_from_at) as charge_from_at,
        max(part_to_at) as charge_to_at
    from parts
    group by contract_id, charge_id, period_from

),

-- Included quantity, minimum and maximum belong to the charge and the whole period. Where they change inside it, the
-- last terms hold; prorated ones are weighed by the days for which each held, out of the days of the full period.
charge_terms as (

    select
        contract_id,
        charge_id,
        period_from,
        part_from,
        prorate,
        date_diff('day', part_from, part_to) as days,
        date_diff('day', full_from, full_to) as full_days,
        unnest(['included_quantity', 'minimum', 'maximum']) as term,
        unnest([included_quantity, minimum, maximum]) as term_value
    from parts

),

weighed_terms as (

    select
        contract_id,
        charge_id,
        period_from,
        term,
        -- a list keeps the null of a last part without the term, which arg_max would skip
        list(term_value order by part_from desc)[1] as last_value,
        arg_max(prorate, part_from) as prorate,
        sum(term_value * days) as value_days,
        any_value(full_days) as full_days
    from charge_terms
    group by contract_id, charge_id, period_from, term

),

prorated_terms as (

    select
        contract_id,
        charge_id,
        period_from,
        term,
        case
            when last_value is null then null
            when prorate then {{ divide('value_days', 'full_days') }}
            else last_value
        end as term_value
    from weighed_terms

),

-- A free quantity counts by the service's start, in the first so many periods where its duration says so.
dated_discounts as (

    select
        charge_periods.contract_id,
        charge_periods.charge_id,
        charge_periods.period_from,
        discounts.value,
        case discounts.duration_kind when 'once' then 1 when 'periods' then discounts.duration_periods end as periods,
        row_number() over (
            partition by charge_periods.contract_id, charge_periods.charge_id, discounts.discount_id
            order by charge_periods.period_from
        ) as period_no
    from charge_periods
    inner join discounts
        on charge_periods.contract_id = discounts.contract_id
        and charge_periods.charge_id = discounts.charge_id
        and charge_periods.last_version = discounts.version
        and charge_periods.charge_from >= coalesce(discounts.from_date, charge_periods.charge_from)
        and charge_periods.charge_from < coalesce(discounts.to_date, date '9999-12-31')

),

free_quantities as (

    select
        contract_id,
        charge_id,
        period_from,
        sum(value) as free_quantity
    from dated_discounts
    where periods is null or period_no <= periods
    group by contract_id, charge_id, period_from

),

allowances as (

    select
        contract_id,
        charge_id,
        period_from,
        max(term_value) filter (where term = 'included_quantity') as included_quantity,
        max(term_value) filter (where term = 'minimum') as minimum,
        max(term_value) filter (where term = 'maximum') as maximum
    from prorated_terms
    group by contract_id, charge_id, period_from

),

slices as (

    select
        contract_id,
        charge_id,
        period_from,
        counting_no,
        min(part_from) as service_from,
        max(part_to) as service_to,
        min(part_from_at) as service_from_at,
        max(part_to_at) as service_to_at,
        max(version) as version,
        min(price_version) as price_version
    from parts
    group by contract_id, charge_id, period_from, counting_no

),

terms as (

    select distinct
        contract_id,
        charge_id,
        period_from,
        counting_no,
        version,
        period_to,
        currency,
        product,
        meter,
        aggregation,
        property,
        divide_by,
        conversion_rounding,
        model
    from parts

),

final as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.period_from,
        terms.period_to,
        slices.service_from,
        slices.service_to,
        slices.service_from_at,
        slices.service_to_at,
        slices.price_version,
        slices.version,
        terms.product,
        terms.meter,
        terms.model,
        -- A capacity price compares peaks; a precomputed one takes each event's amount, whatever the quantity says.
        case
            when terms.model = 'capacity' then 'max'
            when terms.model = 'precomputed' and terms.aggregation <> 'count' then 'sum'
            else terms.aggregation
        end as aggregation,
        case
            when terms.aggregation in ('count', 'unique_count') or terms.model = 'precomputed' then 'quantity'
            else coalesce(terms.property, 'quantity')
        end as measure,
        terms.property,
        terms.divide_by,
        terms.conversion_rounding,
        terms.currency,
        versioned.rounding_places,
        versioned.rounding_mode,
        versioned.rounding_stage,
        charge_periods.charge_from,
        charge_periods.charge_to,
        charge_periods.charge_from_at,
        charge_periods.charge_to_at,
        -- Both come off the quantity in the same way, so rating knows one allowance.
        case
            when free_quantities.free_quantity is null then allowances.included_quantity
            else cast(coalesce(allowances.included_quantity, 0) + free_quantities.free_quantity as decimal(38, 12))
        end as included_quantity,
        allowances.minimum,
        allowances.maximum
    from slices
    inner join terms
        on slices.contract_id = terms.contract_id
        and slices.charge_id = terms.charge_id
        and slices.period_from = terms.period_from
        and slices.counting_no = terms.counting_no
        and slices.version = terms.version
    inner join charge_periods
        on slices.contract_id = charge_periods.contract_id
        and slices.charge_id = charge_periods.charge_id
        and slices.period_from = charge_periods.period_from
    inner join allowances
        on slices.contract_id = allowances.contract_id
        and slices.charge_id = allowances.charge_id
        and slices.period_from = allowances.period_from
    left join free_quantities
        on slices.contract_id = free_quantities.contract_id
        and slices.charge_id = free_quantities.charge_id
        and slices.period_from = free_quantities.period_from
    -- The header in force when the period began rules its rounding.
    inner join versioned
        on slices.contract_id = versioned.contract_id
        and slices.period_from >= versioned.in_force_from
        and slices.period_from < versioned.in_force_to

)

select * from final
