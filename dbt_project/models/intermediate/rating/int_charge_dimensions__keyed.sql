with matched as (

    select distinct
        contract_id,
        version,
        charge_id,
        dimensions
    from {{ ref('int_usage__matched') }}
    where reason is null

),

segments as (

    select distinct
        contract_id,
        version,
        charge_id,
        model
    from {{ ref('int_charges__in_force') }}

),

group_by as (

    select * from {{ ref('stg_contracts__charge_group_by') }}

),

cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

cell_conditions as (

    select * from {{ ref('stg_contracts__price_cell_conditions') }}

),

dimension_values as (

    select
        dimensions,
        cast(cast(dimensions as json) as map (varchar, varchar)) as properties
    from (select distinct dimensions from matched) as distinct_dimensions

),

charge_dimensions as (

    select
        matched.contract_id,
        matched.version,
        matched.charge_id,
        matched.dimensions,
        dimension_values.properties
    from matched
    inner join dimension_values on matched.dimensions = dimension_values.dimensions

),

group_keys as (

    select
        charge_dimensions.contract_id,
        charge_dimensions.version,
        charge_dimensions.charge_id,
        charge_dimensions.dimensions,
        {{ json_key('group_by.property', 'charge_dimensions.properties[group_by.property]') }} as group_key
    from charge_dimensions
    inner join group_by
        on charge_dimensions.contract_id = group_by.contract_id
        and charge_dimensions.version = group_by.version
        and charge_dimensions.charge_id = group_by.charge_id
    group by
        charge_dimensions.contract_id, charge_dimensions.version, charge_dimensions.charge_id,
        charge_dimensions.dimensions

),

cell_sizes as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        count(*) as condition_count
    from cell_conditions
    group by contract_id, version, charge_id, cell_no

),

-- matrix: the first cell whose conditions all hold.
fitting_cells as (

    select
        charge_dimensions.contract_id,
        charge_dimensions.version,
        charge_dimensions.charge_id,
        charge_dimensions.dimensions,
        cell_conditions.cell_no,
        {{ json_key('cell_conditions.property', 'cell_conditions.value') }} as cell_key
    from charge_dimensions
    inner join cell_conditions
        on charge_dimensions.contract_id = cell_conditions.contract_id
        and charge_dimensions.version = cell_conditions.version
        and charge_dimensions.charge_id = cell_conditions.charge_id
        and charge_dimensions.properties[cell_conditions.property] = cell_conditions.value
    inner join cell_sizes
        on cell_conditions.contract_id = cell_sizes.contract_id
        and cell_conditions.version = cell_sizes.version
        and cell_conditions.charge_id = cell_sizes.charge_id
        and cell_conditions.cell_no = cell_sizes.cell_no
    group by
        charge_dimensions.contract_id, charge_dimensions.version, charge_dimensions.charge_id,
        charge_dimensions.dimensions, cell_conditions.cell_no
    having count(*) = any_value(cell_sizes.condition_count)

),

first_cells as (

    select *
    from fitting_cells
    qualify row_number() over (
        partition by contract_id, version, charge_id, dimensions order by cell_no
    ) = 1

),

-- The default cell (no condition) serves what no other cell fits; its tiers too restart for each value.
cell_properties as (

    select distinct
        contract_id,
        version,
        charge_id,
        property
    from cell_conditions

),

default_keys as (

    select
        charge_dimensions.contract_id,
        charge_dimensions.version,
        charge_dimensions.charge_id,
        charge_dimensions.dimensions,
        {{ json_key('cell_properties.property', 'charge_dimensions.properties[cell_properties.property]') }}
            as cell_key
    from charge_dimensions
    inner join cell_properties
        on charge_dimensions.contract_id = cell_properties.contract_id
        and charge_dimensions.version = cell_properties.version
        and charge_dimensions.charge_id = cell_properties.charge_id
    group by
        charge_dimensions.contract_id, charge_dimensions.version, charge_dimensions.charge_id,
        charge_dimensions.dimensions

),

default_cells as (

    select
        cells.contract_id,
        cells.version,
        cells.charge_id,
        min(cells.cell_no) as cell_no
    from cells
    left join cell_sizes
        on cells.contract_id = cell_sizes.contract_id
        and cells.version = cell_sizes.version
        and cells.charge_id = cell_sizes.charge_id
        and cells.cell_no = cell_sizes.cell_no
    where cell_sizes.condition_count is null
    group by cells.contract_id, cells.version, cells.charge_id

),

-- capacity: peaks are kept apart by the property `unit`.
capacity_keys as (

    select
        charge_dimensions.contract_id,
        charge_dimensions.version,
        charge_dimensions.charge_id,
        charge_dimensions.dimensions,
        '{"unit":' || coalesce(to_json(charge_dimensions.properties['unit']), 'null') || '}' as cell_key
    from charge_dimensions
    inner join segments
        on charge_dimensions.contract_id = segments.contract_id
        and charge_dimensions.version = segments.version
        and charge_dimensions.charge_id = segments.charge_id
        and segments.model = 'capacity'

),

final as (

    select
        matched.contract_id,
        matched.version,
        matched.charge_id,
        matched.dimensions,
        coalesce(group_keys.group_key, '{}') as group_key,
        coalesce(first_cells.cell_no, default_cells.cell_no) as cell_no,
        coalesce(first_cells.cell_key, default_keys.cell_key, capacity_keys.cell_key, '{}') as cell_key
    from matched
    left join group_keys
        on matched.contract_id = group_keys.contract_id
        and matched.version = group_keys.version
        and matched.charge_id = group_keys.charge_id
        and matched.dimensions = group_keys.dimensions
    left join first_cells
        on matched.contract_id = first_cells.contract_id
        and matched.version = first_cells.version
        and matched.charge_id = first_cells.charge_id
        and matched.dimensions = first_cells.dimensions
    left join default_keys
        on matched.contract_id = default_keys.contract_id
        and matched.version = default_keys.version
        and matched.charge_id = default_keys.charge_id
        and matched.dimensions = default_keys.dimensions
    left join default_cells
        on matched.contract_id = default_cells.contract_id
        and matched.version = default_cells.version
        and matched.charge_id = default_cells.charge_id
    left join capacity_keys
        on matched.contract_id = capacity_keys.contract_id
        and matched.version = capacity_keys.version
        and matched.charge_id = capacity_keys.charge_id
        and matched.dimensions = capacity_keys.dimensions

)

select * from final
