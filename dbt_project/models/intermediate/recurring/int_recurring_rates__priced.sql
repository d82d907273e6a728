with stretches as (

    select * from {{ ref('int_recurring_stretches__cut') }}

),

price_cells as (

    select * from {{ ref('stg_contracts__price_cells') }}
    where cell_no = 0

),

price_tiers as (

    select * from {{ ref('stg_contracts__price_tiers') }}
    where cell_no = 0

),

-- What is included costs nothing: `seats` are there, `quantity` of them are priced.
quantities as (

    select distinct
        contract_id,
        version,
        charge_id,
        quantity as seats,
        maximum,
        greatest(quantity - coalesce(included_quantity, 0), 0) as quantity
    from stretches

),

celled as (

    select
        quantities.*,
        price_cells.model,
        price_cells.amount,
        price_cells.unit_price,
        coalesce(price_cells.per, 1) as per,
        price_cells.package_size,
        price_cells.package_price,
        coalesce(price_cells.package_rounding, 'up') as package_rounding,
        coalesce(price_cells.free_units, 0) as free_units,
        coalesce(price_cells.flat_at_zero, false) as flat_at_zero
    from quantities
    inner join price_cells
        on quantities.contract_id = price_cells.contract_id
        and quantities.version = price_cells.version
        and quantities.charge_id = price_cells.charge_id

),

tiered as (

    select
        celled.contract_id,
        celled.version,
        celled.charge_id,
        celled.seats,
        celled.quantity,
        celled.model,
        celled.flat_at_zero,
        price_tiers.tier_no,
        price_tiers.from_quantity,
        price_tiers.up_to,
        coalesce(price_tiers.unit_price, 0) as unit_price,
        coalesce(price_tiers.per, 1) as per,
        coalesce(price_tiers.flat_price, 0) as flat_price,
        price_tiers.block_size
    from celled
    inner join price_tiers
        on celled.contract_id = price_tiers.contract_id
        and celled.version = price_tiers.version
        and celled.charge_id = price_tiers.charge_id
    where celled.model in ('graduated', 'volume')

),

tier_parts as (

    select
        *,
        case
            when model = 'graduated' then {{ graduated_tier_quantity('quantity', 'tier_no', 'from_quantity', 'up_to') }}
            when {{ volume_tier_holds('quantity', 'tier_no', 'from_quantity', 'up_to') }} then quantity
            else 0
        end as tier_quantity,
        case
            when model = 'graduated'
                then {{ graduated_tier_reached('quantity', 'tier_no', 'from_quantity', 'flat_at_zero') }}
            else {{ volume_tier_reached('quantity', 'tier_no', 'from_quantity', 'up_to', 'flat_at_zero') }}
        end as is_reached
    from tiered

),

tier_prices as (

    select
        *,
        case
            when block_size > 0 then {{ started_blocks('tier_quantity', 'block_size') }}
            else tier_quantity
        end as priced_quantity,
        case when is_reached then flat_price else 0 end as due_flat_price
    from tier_parts

),

tier_totals as (

    select
        contract_id,
        version,
        charge_id,
        seats,
        cast(sum({{ price_amount('priced_quantity', 'unit_price', 'per', 'due_flat_price') }}) as decimal(38, 12))
            as amount,
        max(up_to) as last_up_to,
        bool_or(up_to is null) as is_open
    from tier_prices
    group by contract_id, version, charge_id, seats

),

packaged as (

    select
        *,
        case
            when model = 'package' and package_size > 0
                then {{ package_count('quantity', 'package_size', 'free_units', 'package_rounding') }}
        end as packages
    from celled

),

-- Null where the price cannot say (see int_terms__unsupported).
priced as (

    select
        packaged.contract_id,
        packaged.version,
        packaged.charge_id,
        packaged.seats as quantity,
        packaged.model,
        packaged.maximum,
        cast(case
            when packaged.model = 'flat' then packaged.amount
            when packaged.model = 'unit'
                then {{ price_amount('packaged.quantity', 'packaged.unit_price', 'packaged.per', '0') }}
            when packaged.model = 'package' then {{ multiply('packaged.packages', 'packaged.package_price') }}
            when
                packaged.model in ('graduated', 'volume')
                and (tier_totals.is_open or packaged.quantity <= tier_totals.last_up_to)
                then tier_totals.amount
        end as decimal(38, 12)) as priced_amount
    from packaged
    left join tier_totals
        on packaged.contract_id = tier_totals.contract_id
        and packaged.version = tier_totals.version
        and packaged.charge_id = tier_totals.charge_id
        and packaged.seats = tier_totals.seats

),

-- What a whole period costs, of which a part of the period costs its share.
final as (

    select
        *,
        case when priced_amount > maximum then maximum else priced_amount end as period_amount
    from priced

)

select * from final
