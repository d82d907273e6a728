-- Windows by local day, hour and time of day: each against its own commitment, with or without usage.
with commitments as (

    select * from {{ ref('int_commitments__in_force') }}

),

bands as (

    select * from {{ ref('stg_contracts__commitment_hours') }}

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'commitment'

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

slices as (

    select * from {{ ref('int_usage__service_periods') }}

),

cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

run as (

    select {{ as_of() }} as as_of

),

scopes as (

    {{ term_scopes('commitment_id') }}

),

-- A commitment's terms over a billing period that is over.
parts as (

    select
        commitments.contract_id,
        commitments.commitment_id,
        commitments.version,
        commitments.time_window,
        commitments.amount,
        commitments.quantity,
        coalesce(commitments.overage_factor, 1) as overage_factor,
        coalesce(commitments.true_up, false) as true_up,
        commitments.timezone,
        commitments.currency,
        commitments.rounding_places,
        commitments.rounding_mode,
        scopes.targets,
        periods.period_to as bill_date,
        greatest(periods.period_from, commitments.part_from) as part_from,
        least(periods.period_to, commitments.part_to) as part_to,
        {{ local_midnight('greatest(periods.period_from, commitments.part_from)', 'commitments.timezone') }}
            as part_from_at,
        {{ local_midnight('least(periods.period_to, commitments.part_to)', 'commitments.timezone') }} as part_to_at
    from commitments
    cross join run
    inner join periods
        on commitments.contract_id = periods.contract_id
        and commitments.part_from < periods.period_to
        and commitments.part_to > periods.period_from
        and periods.period_to <= run.as_of
    left join scopes
        on commitments.contract_id = scopes.contract_id
        and commitments.version = scopes.version
        and commitments.commitment_id = scopes.commitment_id
    where {{ is_settled_by_window('commitments') }}

),

-- The hours that pass between two local midnights: 23 or 25 of them where the clock changes.
hours as (

    select
        *,
        unnest(generate_series(part_from_at, part_to_at - interval 15 minute, interval 1 hour)) as hour_at,
        timezone(timezone, timezone('UTC', hour_at)) as local_hour
    from parts

),

banded_hours as (

    select
        hours.contract_id,
        hours.commitment_id,
        hours.part_from,
        hours.hour_at,
        min(bands.from_hour) as from_hour
    from hours
    inner join bands
        on hours.contract_id = bands.contract_id
        and hours.version = bands.version
        and hours.commitment_id = bands.commitment_id
        and {{ hour_in_band("extract('hour' from hours.local_hour)", 'bands.from_hour', 'bands.to_hour') }}
    group by hours.contract_id, hours.commitment_id, hours.part_from, hours.hour_at

),

-- What its band does not say of an hour the commitment says; an hour without a band has the commitment's own terms.
hour_terms as (

    select
        hours.* exclude (amount, quantity, overage_factor, true_up),
        banded_hours.from_hour,
        case when bands.from_hour is null then hours.amount else bands.amount end as amount,
        case when bands.from_hour is null then hours.quantity else bands.quantity end as committed_quantity,
        bands.unit_price as band_price,
        coalesce(bands.overage_factor, hours.overage_factor) as overage_factor,
        coalesce(bands.true_up, hours.true_up) as true_up,
        case hours.time_window
            when 'hour' then hours.hour_at
            when 'day' then date_trunc('day', hours.local_hour)
            else hours.part_from_at
        end as window_start
    from hours
    left join banded_hours
        on hours.contract_id = banded_hours.contract_id
        and hours.commitment_id = banded_hours.commitment_id
        and hours.part_from = banded_hours.part_from
        and hours.hour_at = banded_hours.hour_at
    left join bands
        on hours.contract_id = bands.contract_id
        and hours.version = bands.version
        and hours.commitment_id = bands.commitment_id
        and banded_hours.from_hour = bands.from_hour

),

-- The price of one unit, of the charges that the commitment is about; prices that follow usage evenly have one.
-- Made before usage is read: few contracts have such a commitment, and only their usage is then looked at.
prices as materialized (

    select
        parts.contract_id,
        parts.commitment_id,
        parts.part_from,
        parts.part_from_at,
        parts.part_to_at,
        slices.charge_id,
        slices.service_from,
        slices.service_from_at,
        slices.service_to_at,
        slices.aggregation,
        slices.divide_by,
        case when cells.model = 'precomputed' then 'amount' else slices.measure end as measure,
        cells.cell_no,
        case cells.model when 'dynamic' then cells.multiplier when 'precomputed' then 1 else cells.unit_price end
            as unit_price,
        case cells.model when 'unit' then coalesce(cells.per, 1) else 1 end as per
    from parts
    inner join slices
        on parts.contract_id = slices.contract_id
        and parts.part_from_at < slices.service_to_at
        and parts.part_to_at > slices.service_from_at
    inner join cells
        on slices.contract_id = cells.contract_id
        and slices.version = cells.version
        and slices.charge_id = cells.charge_id
    where {{ in_scope('parts.targets', 'slices', "'usage'") }}

),

bucket_quantities as (

    select
        prices.contract_id,
        prices.commitment_id,
        prices.part_from,
        prices.part_from_at
        + to_hours(date_diff('second', prices.part_from_at, attributed.bucket_from) // 3600) as hour_at,
        case when prices.aggregation = 'count' then attributed.event_count else attributed.quantity_sum end
            as raw_quantity,
        prices.divide_by,
        prices.unit_price,
        prices.per
    from prices
    inner join attributed
        on prices.contract_id = attributed.contract_id
        and prices.charge_id = attributed.charge_id
        and prices.cell_no = attributed.cell_no
        and prices.measure = attributed.measure
        and attributed.bucket_from >= greatest(prices.service_from_at, prices.part_from_at)
        and attributed.bucket_from < least(prices.service_to_at, prices.part_to_at)

),

bucket_units as (

    select
        *,
        {{ convert_units('raw_quantity', 'divide_by', "'none'") }} as quantity
    from bucket_quantities

),

bucket_costs as (

    select
        contract_id,
        commitment_id,
        part_from,
        hour_at,
        quantity,
        {{ multiply_divide('quantity', 'unit_price', 'per') }} as cost
    from bucket_units

),

hour_costs as (

    select
        contract_id,
        commitment_id,
        part_from,
        hour_at,
        sum(quantity) as quantity,
        sum(cost) as cost
    from bucket_costs
    group by contract_id, commitment_id, part_from, hour_at

),

windows as (

    select
        hour_terms.contract_id,
        hour_terms.commitment_id,
        hour_terms.part_from,
        hour_terms.window_start,
        hour_terms.from_hour,
        any_value(hour_terms.part_to) as part_to,
        any_value(hour_terms.bill_date) as bill_date,
        any_value(hour_terms.version) as version,
        any_value(hour_terms.currency) as currency,
        any_value(hour_terms.rounding_places) as rounding_places,
        any_value(hour_terms.rounding_mode) as rounding_mode,
        min(hour_terms.hour_at) as window_from_at,
        count(*) as hour_count,
        any_value(hour_terms.amount) as amount,
        any_value(hour_terms.committed_quantity) as committed_quantity,
        any_value(hour_terms.band_price) as band_price,
        any_value(hour_terms.overage_factor) as overage_factor,
        any_value(hour_terms.true_up) as true_up,
        coalesce(sum(hour_costs.quantity), 0) as quantity,
        coalesce(sum(hour_costs.cost), 0) as list_cost
    from hour_terms
    left join hour_costs
        on hour_terms.contract_id = hour_costs.contract_id
        and hour_terms.commitment_id = hour_costs.commitment_id
        and hour_terms.part_from = hour_costs.part_from
        and hour_terms.hour_at = hour_costs.hour_at
    group by
        hour_terms.contract_id, hour_terms.commitment_id, hour_terms.part_from, hour_terms.window_start,
        hour_terms.from_hour

),

-- A commitment in units is worth what they cost: at the band's price, else at the list price as the window begins.
list_prices as (

    select
        windows.contract_id,
        windows.commitment_id,
        windows.part_from,
        windows.window_start,
        windows.from_hour,
        max({{ divide('prices.unit_price', 'prices.per') }}) as list_price
    from windows
    inner join prices
        on windows.contract_id = prices.contract_id
        and windows.commitment_id = prices.commitment_id
        and windows.part_from = prices.part_from
        and windows.window_from_at >= prices.service_from_at
        and windows.window_from_at < prices.service_to_at
    where windows.committed_quantity is not null
    group by
        windows.contract_id, windows.commitment_id, windows.part_from, windows.window_start, windows.from_hour

),

costed as (

    select
        windows.* exclude (quantity, list_cost),
        cast(windows.quantity as decimal(38, 12)) as quantity,
        cast(windows.list_cost as decimal(38, 12)) as list_cost,
        cast(coalesce({{ multiply('windows.quantity', 'windows.band_price') }}, windows.list_cost) as decimal(38, 12))
            as window_cost,
        cast(coalesce(
            windows.amount,
            {{ multiply('windows.committed_quantity', 'coalesce(windows.band_price, list_prices.list_price)') }}
        ) as decimal(38, 12)) as committed_amount
    from windows
    left join list_prices
        on windows.contract_id = list_prices.contract_id
        and windows.commitment_id = list_prices.commitment_id
        and windows.part_from = list_prices.part_from
        and windows.window_start = list_prices.window_start
        and windows.from_hour is not distinct from list_prices.from_hour

),

final as (

    select
        contract_id,
        commitment_id,
        version,
        part_from,
        part_to,
        bill_date,
        window_start,
        from_hour,
        hour_count,
        quantity,
        list_cost,
        window_cost,
        committed_amount,
        overage_factor,
        true_up,
        currency,
        rounding_places,
        rounding_mode,
        case when window_cost < committed_amount and true_up then 'true_up' else 'overage' end as line_kind,
        cast({{ window_charge('window_cost', 'committed_amount', 'overage_factor', 'true_up') }} as decimal(38, 12))
            as window_amount,
        -- usage lines stay at list price
        cast(window_amount - list_cost as decimal(38, 12)) as adjustment
    from costed

)

select * from final
