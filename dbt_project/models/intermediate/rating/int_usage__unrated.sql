with converted as (

    select * from {{ ref('int_usage__credited') }}

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

tiers_priced as (

    select * from {{ ref('int_usage__tiers_priced') }}

),

-- The quantity up to which the tiers of a cell go; null where the last one is open.
tier_limits as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        case when bool_or(up_to is null) then null else max(up_to) end as last_up_to
    from tiers
    group by contract_id, version, charge_id, cell_no

),

capacity_found as (

    select distinct
        contract_id,
        charge_id,
        service_from,
        group_key
    from tiers_priced

),

judged as (

    select
        converted.contract_id,
        converted.charge_id,
        converted.service_from,
        slices.service_to,
        converted.group_key,
        converted.cell_key,
        converted.billable_quantity,
        case
            when cells.cell_no is null then 'no_price_cell'
            when slices.model = 'capacity' and capacity_found.contract_id is null then 'above_last_tier'
            when
                coalesce(cells.model, slices.model) in ('graduated', 'volume', 'graduated_percentage')
                and converted.billable_quantity > tier_limits.last_up_to
                then 'above_last_tier'
        end as reason,
        case
            when
                cells.cell_no is not null
                and coalesce(cells.model, slices.model) in ('graduated', 'graduated_percentage')
                then converted.billable_quantity - tier_limits.last_up_to
            else converted.billable_quantity
        end as unrated_quantity
    from converted
    inner join slices
        on converted.contract_id = slices.contract_id
        and converted.charge_id = slices.charge_id
        and converted.service_from = slices.service_from
    left join cells
        on slices.contract_id = cells.contract_id
        and slices.version = cells.version
        and slices.charge_id = cells.charge_id
        and converted.cell_no = cells.cell_no
    left join tier_limits
        on slices.contract_id = tier_limits.contract_id
        and slices.version = tier_limits.version
        and slices.charge_id = tier_limits.charge_id
        and converted.cell_no = tier_limits.cell_no
    left join capacity_found
        on converted.contract_id = capacity_found.contract_id
        and converted.charge_id = capacity_found.charge_id
        and converted.service_from = capacity_found.service_from
        and converted.group_key = capacity_found.group_key

),

final as (

    select
        contract_id,
        charge_id,
        service_from,
        service_to,
        group_key,
        cell_key,
        reason,
        unrated_quantity
    from judged
    where reason is not null and billable_quantity <> 0

)

select * from final
