{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget(
        ['contract_id', 'charge_id', 'bill_date'], ref('int_charge_periods__touched'),
        '(select *, period_to as bill_date from ' ~ ref('int_usage__rated') ~ ')') }}"
) }}

with rated as (

    select * from {{ ref('int_usage__rated') }}
    where {{ of_touched(['contract_id', 'charge_id', 'service_from'], ref('int_charge_periods__touched')) }}

),

rounded as (

    select
        *,
        contract_id || '/' || period_to || '/' || charge_id || '/usage/' || service_from || '/' || group_key
            as line_key,
        {{ round_amount('unrounded_amount', 'rounding_places', 'rounding_mode') }} as rounded_amount,
        {{ round_amount('maximum', 'rounding_places', 'rounding_mode') }} as rounded_maximum,
        -- before the maximum: of its shares the last holds what the 12th place of the others left over
        greatest(priced_amount, 0) as weight
    from rated

),

-- A maximum is kept to the cent: where the lines, each rounded by itself, would exceed it, they are rounded together.
held as (

    select
        *,
        is_capped or coalesce(rounded_maximum < sum(rounded_amount) over (
            partition by contract_id, charge_id, period_from
        ), false) as is_held
    from rounded

),

capped as (

    select *
    from {{ allocate(
        relation="(select * from held where is_held and rounding_stage = 'line')",
        partition_by='contract_id, charge_id, period_from',
        total='rounded_maximum',
        weight='weight',
        places='rounding_places',
        order_by='service_from, group_key') }}

),

amounts as (

    select
        rounded.*,
        case
            when rounded.rounding_stage = 'total' then rounded.unrounded_amount
            else coalesce(capped.allocated, rounded.rounded_amount)
        end as amount
    from rounded
    left join capped on rounded.line_key = capped.line_key

),

usage_lines as (

    select
        line_key,
        contract_id,
        period_to as bill_date,
        charge_id,
        'usage' as line_kind,
        product,
        meter,
        group_key,
        service_from,
        service_to,
        billable_quantity as quantity,
        meter as unit,
        unrounded_amount,
        amount,
        currency,
        price_version
    from amounts
    where billable_quantity <> 0 or amount <> 0

),

charge_sums as (

    select
        contract_id,
        charge_id,
        period_to,
        any_value(minimum) as minimum,
        any_value(product) as product,
        any_value(meter) as meter,
        any_value(charge_from) as charge_from,
        any_value(charge_to) as charge_to,
        any_value(currency) as currency,
        any_value(rounding_places) as rounding_places,
        any_value(rounding_mode) as rounding_mode,
        any_value(rounding_stage) as rounding_stage,
        arg_max(price_version, service_from) as price_version,
        sum(amount) as line_amount
    from amounts
    where minimum is not null
    group by contract_id, charge_id, period_to

),

-- Under stage total the lines are not rounded yet; the minimum is compared with the charge's sum rounded once.
rounded_sums as (

    select
        *,
        {{ round_amount('line_amount', 'rounding_places', 'rounding_mode') }} as charge_amount,
        {{ round_amount('minimum', 'rounding_places', 'rounding_mode') }} as rounded_minimum
    from charge_sums

),

shortfalls as (

    select
        *,
        {{ minimum_shortfall('rounded_minimum', 'charge_amount') }} as amount
    from rounded_sums

),

minimum_lines as (

    select
        contract_id || '/' || period_to || '/' || charge_id || '/minimum/' || charge_from as line_key,
        contract_id,
        period_to as bill_date,
        charge_id,
        'minimum' as line_kind,
        product,
        meter,
        '{}' as group_key,
        charge_from as service_from,
        charge_to as service_to,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        amount as unrounded_amount,
        amount,
        currency,
        price_version
    from shortfalls
    where amount > 0

),

gathered as (

    select * from usage_lines
    union all
    select * from minimum_lines

),

final as (

    select
        line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        bill_date,
        'arrears' as timing,
        charge_id,
        cast(null as varchar) as reference_id,
        line_kind,
        product,
        meter,
        group_key,
        service_from,
        service_to,
        cast(quantity as decimal(38, 12)) as quantity,
        unit,
        cast(unrounded_amount as decimal(38, 12)) as unrounded_amount,
        cast(amount as decimal(38, 12)) as amount,
        currency,
        price_version,
        cast(null as varchar) as original_period
    from gathered

)

select * from final
