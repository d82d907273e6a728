with charges as (

    select
        *,
        lag(version) over (partition by contract_id, charge_id order by version) as prior_version,
        lag(price_hash) over (partition by contract_id, charge_id order by version) as prior_price_hash
    from {{ ref('stg_contracts__charges') }}

),

conditions as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        string_agg(property || '=' || value, '&' order by property, value) as signature
    from {{ ref('stg_contracts__price_cell_conditions') }}
    group by contract_id, version, charge_id, cell_no

),

cells as (

    select
        price_cells.*,
        coalesce(conditions.signature, '') as signature
    from {{ ref('stg_contracts__price_cells') }} as price_cells
    left join conditions
        on price_cells.contract_id = conditions.contract_id
        and price_cells.version = conditions.version
        and price_cells.charge_id = conditions.charge_id
        and price_cells.cell_no = conditions.cell_no

),

bands as (

    select * from {{ ref('int_controls__price_bands') }}

),

-- A value that had no price of its own before had the default one.
paired as (

    select
        charges.contract_id,
        charges.charge_id,
        charges.version,
        charges.prior_version,
        cells.cell_no,
        prior_cells.cell_no as prior_cell_no,
        cells.package_size,
        cells.package_price,
        prior_cells.package_size as prior_package_size,
        prior_cells.package_price as prior_package_price,
        coalesce(cells.free_units, 0) > coalesce(prior_cells.free_units, 0)
        or cells.rate_percent < prior_cells.rate_percent
        or cells.fixed_per_event < prior_cells.fixed_per_event
        or cells.min_per_event < prior_cells.min_per_event
        or cells.multiplier < prior_cells.multiplier
        or cells.amount < prior_cells.amount as is_cell_lower
    from charges
    inner join cells
        on charges.contract_id = cells.contract_id
        and charges.charge_id = cells.charge_id
        and charges.version = cells.version
    inner join cells as prior_cells
        on charges.contract_id = prior_cells.contract_id
        and charges.charge_id = prior_cells.charge_id
        and charges.prior_version = prior_cells.version
        and (cells.signature = prior_cells.signature or prior_cells.is_default)
    where charges.price_hash <> charges.prior_price_hash
    qualify
        row_number() over (
            partition by charges.contract_id, charges.charge_id, charges.version, cells.cell_no
            order by cells.signature = prior_cells.signature desc, prior_cells.cell_no
        ) = 1

),

-- Prices are compared where their bands of quantity overlap.
lower_bands as (

    select distinct
        paired.contract_id,
        paired.charge_id,
        paired.version,
        paired.cell_no
    from paired
    inner join bands
        on paired.contract_id = bands.contract_id
        and paired.charge_id = bands.charge_id
        and paired.version = bands.version
        and paired.cell_no = bands.cell_no
    inner join bands as prior_bands
        on paired.contract_id = prior_bands.contract_id
        and paired.charge_id = prior_bands.charge_id
        and paired.prior_version = prior_bands.version
        and paired.prior_cell_no = prior_bands.cell_no
        and bands.from_quantity < coalesce(prior_bands.up_to, 99999999999999)
        and prior_bands.from_quantity < coalesce(bands.up_to, 99999999999999)
    where
        {{ multiply('bands.unit_price', 'prior_bands.per') }} < {{ multiply('prior_bands.unit_price', 'bands.per') }}
        or bands.flat_price < prior_bands.flat_price
        or bands.rate_percent < prior_bands.rate_percent
        or bands.amount < prior_bands.amount

),

final as (

    select
        paired.contract_id,
        paired.charge_id,
        paired.version,
        paired.prior_version,
        paired.cell_no,
        paired.prior_cell_no
    from paired
    left join lower_bands
        on paired.contract_id = lower_bands.contract_id
        and paired.charge_id = lower_bands.charge_id
        and paired.version = lower_bands.version
        and paired.cell_no = lower_bands.cell_no
    where
        lower_bands.contract_id is not null
        or paired.is_cell_lower
        or {{ multiply('paired.package_price', 'paired.prior_package_size') }}
        < {{ multiply('paired.prior_package_price', 'paired.package_size') }}

)

select * from final
