with segments as (

    select * from {{ ref('int_charges__in_force') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

tiers as (

    select * from {{ ref('stg_contracts__price_tiers') }}

),

discounts as (

    select * from {{ ref('stg_contracts__discounts') }}

),

grants as (

    select * from {{ ref('stg_contracts__grants') }}

),

cell_terms as (

    select
        cells.*,
        (
            select count(*) from tiers
            where
                tiers.contract_id = cells.contract_id
                and tiers.version = cells.version
                and tiers.charge_id = cells.charge_id
                and tiers.cell_no = cells.cell_no
        ) as tier_count
    from cells

),

-- Discounts and grants are terms of the contract, so they count on every day their version is in force.
free_quantities as (

    select
        discounts.contract_id,
        versioned.in_force_from,
        versioned.in_force_to,
        count(*) as discount_count
    from discounts
    inner join versioned
        on discounts.contract_id = versioned.contract_id
        and discounts.version = versioned.version
    where discounts.kind = 'free_quantity' and discounts.charge_id is null
    group by discounts.contract_id, versioned.in_force_from, versioned.in_force_to

),

charge_free_quantities as (

    select distinct
        contract_id,
        version,
        charge_id
    from discounts
    where kind = 'free_quantity' and charge_id is not null

),

meter_grants as (

    select distinct
        grants.contract_id,
        grants.unit as meter,
        versioned.in_force_from,
        versioned.in_force_to
    from grants
    inner join versioned
        on grants.contract_id = versioned.contract_id
        and grants.version = versioned.version
    where grants.unit <> 'currency'

),

usage_cells as (

    select
        segments.*,
        cell_terms.cell_no,
        coalesce(cell_terms.model, segments.model) as cell_model,
        coalesce({{ priced_per_event('cell_terms') }}, false) as is_priced_per_event,
        -- landing refuses prices without their figures; this guards tables filled any other way
        case coalesce(cell_terms.model, segments.model)
            when 'unit' then cell_terms.unit_price is not null
            when 'dynamic' then cell_terms.multiplier is not null
            when 'package' then cell_terms.package_price is not null and coalesce(cell_terms.package_size, 0) > 0
            when 'percentage' then true
            when 'precomputed' then true
            else cell_terms.tier_count > 0
        end as is_complete
    from segments
    left join cell_terms
        on segments.contract_id = cell_terms.contract_id
        and segments.version = cell_terms.version
        and segments.charge_id = cell_terms.charge_id
    where segments.type = 'usage'

),

-- One CASE says what rating cannot do right: first reason that holds, from the header down to the price.
judged_usage as (

    select
        usage_cells.contract_id,
        usage_cells.charge_id,
        usage_cells.version,
        case
            when usage_cells.meter is null then 'usage charge without a meter'
            when usage_cells.aggregation not in (
                'sum', 'count', 'max', 'min', 'latest', 'average', 'unique_count', 'weighted_sum'
            ) then 'unknown aggregation ' || usage_cells.aggregation
            when usage_cells.aggregation = 'unique_count' and usage_cells.property is null
                then 'unique_count without a property'
            when usage_cells.conversion_rounding not in ('none', 'up', 'down', 'half_up')
                then 'unknown rounding of the unit conversion ' || usage_cells.conversion_rounding
            when usage_cells.divide_by <= 0 then 'unit conversion by zero or less'
            -- which of them a charge takes from first is not said
            when free_quantities.discount_count > 1 then 'several free quantities of the whole contract'
            when usage_cells.cell_no is null then 'no price'
            when usage_cells.cell_model is null or usage_cells.cell_model not in (
                'unit', 'graduated', 'volume', 'graduated_percentage', 'package', 'percentage', 'dynamic',
                'precomputed', 'capacity'
            ) then 'price model ' || coalesce(usage_cells.cell_model, 'missing') || ' on usage'
            when usage_cells.is_priced_per_event and usage_cells.aggregation not in ('sum', 'count')
                then 'percentage priced per event of aggregation ' || usage_cells.aggregation
            when usage_cells.is_priced_per_event and usage_cells.conversion_rounding <> 'none'
                then 'percentage priced per event of rounded units'
            when
                usage_cells.is_priced_per_event
                and (
                    coalesce(usage_cells.included_quantity, 0) <> 0
                    or coalesce(free_quantities.contract_id, charge_free_quantities.contract_id) is not null
                )
                then 'percentage priced per event with a free or included quantity'
            -- These do not price the quantity alone, so credit cannot be taken off it.
            when
                meter_grants.contract_id is not null
                and usage_cells.cell_model in ('percentage', 'precomputed', 'capacity')
                then 'credit in units of the meter on price model ' || usage_cells.cell_model
            when not usage_cells.is_complete then 'incomplete price of model ' || usage_cells.cell_model
        end as reason
    from usage_cells
    left join free_quantities
        on usage_cells.contract_id = free_quantities.contract_id
        and usage_cells.segment_from < free_quantities.in_force_to
        and usage_cells.segment_to > free_quantities.in_force_from
    left join charge_free_quantities
        on usage_cells.contract_id = charge_free_quantities.contract_id
        and usage_cells.version = charge_free_quantities.version
        and usage_cells.charge_id = charge_free_quantities.charge_id
    left join meter_grants
        on usage_cells.contract_id = meter_grants.contract_id
        and usage_cells.meter = meter_grants.meter
        and usage_cells.segment_from < meter_grants.in_force_to
        and usage_cells.segment_to > meter_grants.in_force_from

),

judged_headers as (

    select
        versioned.contract_id,
        segments.charge_id,
        versioned.version,
        versioned.header_fault as reason
    from versioned
    inner join segments
        on versioned.contract_id = segments.contract_id
        and versioned.in_force_from < segments.segment_to
        and versioned.in_force_to > segments.segment_from

),

judged as (

    select * from judged_usage
    union all
    select * from judged_headers

),

final as (

    select distinct
        contract_id,
        charge_id,
        version,
        reason
    from judged
    where reason is not null

)

select * from final
