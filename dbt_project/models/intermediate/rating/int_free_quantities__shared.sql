-- A free quantity of the whole contract is one per billing period: the usage charges in its scope take from it in
-- ascending charge id, each what it has left after its own allowance.
with discounts as (

    select * from {{ ref('stg_contracts__discounts') }}
    where kind = 'free_quantity' and charge_id is null

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'discount'

),

slices as (

    select * from {{ ref('int_usage__service_periods') }}

),

aggregated as (

    select * from {{ ref('int_usage__aggregated') }}

),

scopes as (

    {{ term_scopes('discount_id') }}

),

quantities as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.period_from,
        slices.charge_from,
        arg_max(slices.product, slices.service_from) as product,
        any_value(slices.included_quantity) as included_quantity,
        sum(greatest({{ convert_units(
            'aggregated.raw_quantity', 'slices.divide_by', 'slices.conversion_rounding') }}, 0)) as quantity
    from slices
    inner join aggregated
        on slices.contract_id = aggregated.contract_id
        and slices.charge_id = aggregated.charge_id
        and slices.service_from = aggregated.service_from
    group by slices.contract_id, slices.charge_id, slices.period_from, slices.charge_from

),

-- By the service's start; in the first so many billing periods where its duration says so.
eligible as (

    select
        quantities.contract_id,
        quantities.charge_id,
        quantities.period_from,
        discounts.discount_id,
        discounts.value,
        greatest(quantities.quantity - coalesce(quantities.included_quantity, 0), 0) as quantity_left,
        case discounts.duration_kind when 'once' then 1 when 'periods' then discounts.duration_periods end as periods,
        dense_rank() over (
            partition by quantities.contract_id, discounts.discount_id order by quantities.period_from
        ) as period_no
    from quantities
    inner join versioned
        on quantities.contract_id = versioned.contract_id
        and quantities.charge_from >= versioned.in_force_from
        and quantities.charge_from < versioned.in_force_to
    inner join discounts
        on versioned.contract_id = discounts.contract_id
        and versioned.version = discounts.version
        and quantities.charge_from >= coalesce(discounts.from_date, quantities.charge_from)
        and quantities.charge_from < coalesce(discounts.to_date, date '9999-12-31')
    left join scopes
        on discounts.contract_id = scopes.contract_id
        and discounts.version = scopes.version
        and discounts.discount_id = scopes.discount_id
    where {{ in_scope('scopes.targets', 'quantities', "'usage'") }}

),

counted as (

    select
        *,
        coalesce(sum(quantity_left) over (
            partition by contract_id, discount_id, period_from
            order by charge_id
            rows between unbounded preceding and 1 preceding
        ), 0) as used_before
    from eligible
    where periods is null or period_no <= periods

),

final as (

    select
        contract_id,
        charge_id,
        period_from,
        discount_id,
        cast({{ use_included_quantity('quantity_left', 'value', 'used_before') }} as decimal(38, 12)) as free_quantity
    from counted

)

select * from final
