with cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

tiers as (

    select * from {{ ref('stg_contracts__price_tiers') }}

),

-- A price without tiers is one band that holds every quantity.
final as (

    select
        cells.contract_id,
        cells.charge_id,
        cells.version,
        cells.cell_no,
        cells.model,
        coalesce(tiers.tier_no, 0) as tier_no,
        cast(coalesce(tiers.from_quantity, 0) as decimal(38, 12)) as from_quantity,
        tiers.up_to,
        coalesce(tiers.unit_price, cells.unit_price) as unit_price,
        cast(coalesce(tiers.per, cells.per, 1) as decimal(38, 12)) as per,
        tiers.flat_price,
        coalesce(tiers.rate_percent, cells.rate_percent) as rate_percent,
        coalesce(tiers.amount, cells.amount) as amount,
        cells.package_size,
        cells.package_price,
        coalesce(cells.free_units, 0) as free_units,
        coalesce(cells.package_rounding, 'up') as package_rounding,
        cells.multiplier
    from cells
    left join tiers
        on cells.contract_id = tiers.contract_id
        and cells.charge_id = tiers.charge_id
        and cells.version = tiers.version
        and cells.cell_no = tiers.cell_no

)

select * from final
