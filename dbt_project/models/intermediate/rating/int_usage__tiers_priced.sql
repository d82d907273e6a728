{% set key = ['contract_id', 'charge_id', 'service_from'] %}

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget(['contract_id', 'charge_id', 'service_from'], ref('int_charge_periods__touched'), ref('int_usage__service_periods')) }}"
) }}

with converted as (

    select * from {{ ref('int_usage__credited') }}
    where {{ of_touched(key, ref('int_charge_periods__touched')) }}

),

slices as (

    select * from {{ ref('int_usage__service_periods') }}

),

cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

tiers as (

    select * from {{ ref('stg_contracts__price_tiers') }}

),

priced_cells as (

    select
        converted.contract_id,
        converted.charge_id,
        converted.service_from,
        converted.group_key,
        converted.cell_key,
        converted.cell_no,
        converted.billable_quantity,
        converted.event_count,
        converted.metered_amount,
        slices.version,
        coalesce(cells.model, slices.model) as model,
        cells.unit_price,
        coalesce(cells.per, 1) as per,
        cells.package_size,
        cells.package_price,
        coalesce(cells.free_units, 0) as free_units,
        coalesce(cells.package_rounding, 'up') as package_rounding,
        coalesce(cells.rate_percent, 0) as rate_percent,
        coalesce(cells.fixed_per_event, 0) as fixed_per_event,
        coalesce(cells.free_amount, 0) as free_amount,
        cells.multiplier,
        coalesce(cells.flat_at_zero, false) as flat_at_zero,
        -- int_event_tiers__priced has those
        coalesce({{ priced_per_event('cells') }}, false) as is_priced_per_event
    from converted
    inner join slices
        on converted.contract_id = slices.contract_id
        and converted.charge_id = slices.charge_id
        and converted.service_from = slices.service_from
    inner join cells
        on slices.contract_id = cells.contract_id
        and slices.version = cells.version
        and slices.charge_id = cells.charge_id
        and converted.cell_no = cells.cell_no

),

tiered as (

    select
        priced_cells.* exclude (unit_price, per, rate_percent),
        tiers.tier_no,
        tiers.from_quantity,
        tiers.up_to,
        coalesce(tiers.rate_percent, tiers.unit_price, 0) as unit_price,
        case
            when priced_cells.model = 'graduated_percentage' then 100
            else coalesce(tiers.per, priced_cells.per)
        end as per,
        tiers.block_size,
        coalesce(tiers.flat_price, 0) as flat_price,
        case
            when priced_cells.model = 'volume'
                then {{ volume_tier_reached(
                    'priced_cells.billable_quantity', 'tiers.tier_no', 'tiers.from_quantity', 'tiers.up_to',
                    'priced_cells.flat_at_zero') }}
            else {{ graduated_tier_reached(
                'priced_cells.billable_quantity', 'tiers.tier_no', 'tiers.from_quantity', 'priced_cells.flat_at_zero') }}
        end as is_reached,
        case
            when priced_cells.model <> 'volume'
                then {{ graduated_tier_quantity(
                    'priced_cells.billable_quantity', 'tiers.tier_no', 'tiers.from_quantity', 'tiers.up_to') }}
            when {{ volume_tier_holds(
                'priced_cells.billable_quantity', 'tiers.tier_no', 'tiers.from_quantity', 'tiers.up_to') }}
                then priced_cells.billable_quantity
            else 0
        end as quantity
    from priced_cells
    inner join tiers
        on priced_cells.contract_id = tiers.contract_id
        and priced_cells.version = tiers.version
        and priced_cells.charge_id = tiers.charge_id
        and priced_cells.cell_no = tiers.cell_no
    where priced_cells.model in ('graduated', 'volume', 'graduated_percentage')

),

-- `quantity` is what is read on the bill, `priced_quantity` what the unit price is for.
tier_parts as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        tier_no,
        from_quantity,
        up_to,
        quantity,
        case
            when block_size is not null then {{ started_blocks('quantity', 'block_size') }}
            else quantity
        end as priced_quantity,
        unit_price,
        case when block_size is not null then 1 else per end as per,
        case when is_reached then flat_price else 0 end as flat_price
    from tiered
    where is_reached or quantity <> 0

),

package_parts as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        1 as tier_no,
        0 as from_quantity,
        null as up_to,
        {{ package_count('billable_quantity', 'package_size', 'free_units', 'package_rounding') }} as quantity,
        quantity as priced_quantity,
        package_price as unit_price,
        1 as per,
        0 as flat_price
    from priced_cells
    where model = 'package'

),

single_parts as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        1 as tier_no,
        0 as from_quantity,
        null as up_to,
        billable_quantity as quantity,
        case model
            when 'percentage' then {{ percentage_quantity('billable_quantity', 'free_amount') }}
            when 'precomputed' then metered_amount
            else billable_quantity
        end as priced_quantity,
        case model
            when 'unit' then unit_price
            when 'percentage' then rate_percent
            when 'dynamic' then multiplier
            when 'precomputed' then 1
        end as unit_price,
        case when model = 'percentage' then 100 else per end as per,
        case
            when model = 'percentage' then {{ percentage_event_fees('event_count', 'fixed_per_event') }}
            else 0
        end as flat_price
    from priced_cells
    where model in ('unit', 'percentage', 'dynamic', 'precomputed') and not is_priced_per_event

),

-- capacity: the first tier whose limits hold all peaks of the group; its amount is a flat one.
capacity_peaks as (

    select
        priced_cells.*,
        min(cell_key) over (partition by contract_id, charge_id, service_from, group_key) as first_cell_key,
        cast(cell_key as json) ->> '$.unit' as capacity_unit
    from priced_cells
    where model = 'capacity'

),

capacity_tiers as (

    select
        capacity_peaks.contract_id,
        capacity_peaks.charge_id,
        capacity_peaks.service_from,
        capacity_peaks.group_key,
        capacity_peaks.first_cell_key as cell_key,
        tiers.tier_no,
        any_value(tiers.amount) as amount
    from capacity_peaks
    inner join tiers
        on capacity_peaks.contract_id = tiers.contract_id
        and capacity_peaks.version = tiers.version
        and capacity_peaks.charge_id = tiers.charge_id
        and capacity_peaks.cell_no = tiers.cell_no
    group by
        capacity_peaks.contract_id, capacity_peaks.charge_id, capacity_peaks.service_from, capacity_peaks.group_key,
        capacity_peaks.first_cell_key, tiers.tier_no
    having
        bool_and({{ capacity_limit_holds(
        'capacity_peaks.billable_quantity', 'tiers.limits', 'capacity_peaks.capacity_unit') }})

),

capacity_parts as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        tier_no,
        0 as from_quantity,
        null as up_to,
        1 as quantity,
        1 as priced_quantity,
        amount as unit_price,
        1 as per,
        0 as flat_price
    from capacity_tiers
    qualify row_number() over (
        partition by contract_id, charge_id, service_from, group_key order by tier_no
    ) = 1

),

gathered as (

    select * from tier_parts
    union all
    select * from package_parts
    union all
    select * from single_parts
    union all
    select * from capacity_parts

),

typed as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        tier_no,
        cast(from_quantity as decimal(38, 12)) as from_quantity,
        cast(up_to as decimal(38, 12)) as up_to,
        cast(quantity as decimal(38, 12)) as quantity,
        cast(priced_quantity as decimal(38, 12)) as priced_quantity,
        cast(unit_price as decimal(38, 12)) as unit_price,
        cast(per as decimal(38, 12)) as per,
        cast(flat_price as decimal(38, 12)) as flat_price
    from gathered

),

final as (

    select
        *,
        -- an incomplete price has no amount: its charge is in int_charges__unsupported
        cast(
            coalesce({{ price_amount('priced_quantity', 'unit_price', 'per', 'flat_price') }}, 0) as decimal(38, 12)
        ) as amount
    from typed

)

select * from final
