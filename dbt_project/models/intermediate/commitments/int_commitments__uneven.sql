-- What a day or an hour costs is told by its own usage only where the price follows usage evenly.
with commitments as (

    select * from {{ ref('int_commitments__in_force') }}

),

bands as (

    select * from {{ ref('stg_contracts__commitment_hours') }}

),

charges as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'usage'

),

cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

discounts as (

    select * from {{ ref('stg_contracts__discounts') }}
    where kind = 'free_quantity'

),

unit_credits as (

    select distinct
        contract_id,
        unit as meter
    from {{ ref('stg_contracts__grants') }}
    where unit <> 'currency'

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'commitment'

),

scopes as (

    {{ term_scopes('commitment_id') }}

),

free_charges as (

    select distinct
        contract_id,
        charge_id
    from discounts
    where charge_id is not null

),

free_contracts as (

    select distinct contract_id
    from discounts
    where charge_id is null

),

counted_bands as (

    select
        contract_id,
        version,
        commitment_id,
        bool_or(unit_price is not null) as has_prices,
        bool_or(quantity is not null and unit_price is null) as has_quantities
    from bands
    group by contract_id, version, commitment_id

),

scoped as (

    select
        commitments.contract_id,
        commitments.version,
        commitments.commitment_id,
        commitments.time_window,
        commitments.quantity is not null or coalesce(counted_bands.has_quantities, false) as needs_one_price,
        coalesce(counted_bands.has_prices, false) as has_band_prices,
        charges.charge_id,
        charges.aggregation,
        charges.conversion_rounding,
        charges.included_quantity,
        charges.maximum,
        cells.model,
        {{ divide(
            "case cells.model when 'dynamic' then cells.multiplier else cells.unit_price end",
            'coalesce(cells.per, 1)') }} as unit_price,
        free_charges.charge_id is not null or free_contracts.contract_id is not null
        or unit_credits.meter is not null as has_free_quantity
    from commitments
    left join scopes
        on commitments.contract_id = scopes.contract_id
        and commitments.version = scopes.version
        and commitments.commitment_id = scopes.commitment_id
    left join counted_bands
        on commitments.contract_id = counted_bands.contract_id
        and commitments.version = counted_bands.version
        and commitments.commitment_id = counted_bands.commitment_id
    inner join charges
        on commitments.contract_id = charges.contract_id
        and commitments.part_from < charges.segment_to
        and commitments.part_to > charges.segment_from
    inner join cells
        on charges.contract_id = cells.contract_id
        and charges.version = cells.version
        and charges.charge_id = cells.charge_id
    left join free_charges
        on charges.contract_id = free_charges.contract_id
        and charges.charge_id = free_charges.charge_id
    left join free_contracts on charges.contract_id = free_contracts.contract_id
    left join unit_credits
        on charges.contract_id = unit_credits.contract_id
        and charges.meter = unit_credits.meter
    where {{ is_settled_by_window('commitments') }} and {{ in_scope('scopes.targets', 'charges', "'usage'") }}

),

uneven as (

    select distinct
        contract_id,
        version,
        commitment_id,
        'windowed commitment by ' || time_window || ' over ' || charge_id
        || ', whose price does not follow usage evenly' as reason
    from scoped
    where
        model not in ('unit', 'dynamic', 'precomputed')
        or aggregation not in ('sum', 'count')
        or conversion_rounding <> 'none'
        or coalesce(included_quantity, 0) <> 0
        or maximum is not null
        or has_free_quantity

),

several_prices as (

    select
        contract_id,
        version,
        commitment_id,
        'commitment in units over usage of several prices' as reason
    from scoped
    where needs_one_price
    group by contract_id, version, commitment_id
    having count(distinct unit_price) > 1 or bool_or(unit_price is null)

),

banded_amounts as (

    select distinct
        contract_id,
        version,
        commitment_id,
        'price by time of day of usage that brings its own amount' as reason
    from scoped
    where has_band_prices and model = 'precomputed'

),

doubled_hours as (

    select
        bands.contract_id,
        bands.version,
        bands.commitment_id,
        hours.hour_of_day
    from bands
    cross join range(24) as hours (hour_of_day)
    where {{ hour_in_band('hours.hour_of_day', 'bands.from_hour', 'bands.to_hour') }}
    group by bands.contract_id, bands.version, bands.commitment_id, hours.hour_of_day
    having count(*) > 1

),

overlapping as (

    select distinct
        contract_id,
        version,
        commitment_id,
        'times of day that overlap' as reason
    from doubled_hours

),

final as (

    select * from uneven
    union all
    select * from several_prices
    union all
    select * from banded_amounts
    union all
    select * from overlapping

)

select * from final
