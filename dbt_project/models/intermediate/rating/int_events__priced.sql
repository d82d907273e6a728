{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['contract_id', 'charge_id', 'service_from'],
    on_schema_change='sync_all_columns'
) }}
-- The only model that reads events: those of charges priced per event, on the dates of the service periods whose state
-- has changed since they were read. A row of another state than int_event_periods__listed says is stale.
with listed as (

    select * from {{ ref('int_event_periods__listed') }}

),

known as (

    select
        contract_id,
        charge_id,
        service_from,
        state
    from {{ this if is_incremental() else 'listed' }}
    {{ 'where false' if not is_incremental() }}

),

touched as (

    select listed.*
    from listed
    left join (select distinct * from known) as known
        on listed.contract_id = known.contract_id
        and listed.charge_id = known.charge_id
        and listed.service_from = known.service_from
        and listed.state = known.state
    where known.state is null

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is null

),

keyed as (

    select * from {{ ref('int_charge_dimensions__keyed') }}

),

price_cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

dimensions as (

    select * from {{ ref('stg_metering__dimensions') }}

),

events as (

    select * from {{ ref('stg_metering__usage_events') }}

),

cells as (

    select * from price_cells
    where {{ priced_per_event('price_cells') }}

),

-- Every meter keeps the contract that usage names.
kept as (

    select
        touched.meter,
        list_sort(list_distinct(list_append(
            coalesce(list(dimensions.property) filter (where dimensions.property is not null), []), 'contract_id'
        ))) as properties
    from touched
    left join dimensions on touched.meter = dimensions.meter
    group by touched.meter

),

-- One row per series of usage, stretch of time and charge; `part_no` is one per line and price cell value.
series as (

    select
        matched.account_id,
        matched.meter,
        cast(cast(matched.dimensions as json) as map (varchar, varchar)) as properties,
        greatest(matched.from_at, touched.service_from_at) as from_at,
        least(matched.to_at, touched.service_to_at) as to_at,
        touched.contract_id,
        touched.charge_id,
        touched.service_from,
        touched.state,
        touched.aggregation,
        touched.measure,
        touched.divide_by,
        keyed.group_key,
        keyed.cell_key,
        coalesce(cells.rate_percent, 0) as rate_percent,
        coalesce(cells.fixed_per_event, 0) as fixed_per_event,
        nullif(cells.free_events, 0) as free_events,
        nullif(cells.free_amount, 0) as free_amount,
        cells.min_per_event,
        cells.max_per_event,
        {{ has_event_limits('cells') }} as has_limits,
        dense_rank() over (
            order by touched.contract_id, touched.charge_id, touched.service_from, keyed.group_key, keyed.cell_key
        ) as part_no
    from touched
    inner join matched
        on touched.contract_id = matched.contract_id
        and touched.charge_id = matched.charge_id
        and touched.service_from_at < matched.to_at
        and touched.service_to_at > matched.from_at
    inner join keyed
        on matched.contract_id = keyed.contract_id
        and matched.charge_id = keyed.charge_id
        and matched.version = keyed.version
        and matched.dimensions = keyed.dimensions
    inner join cells
        on touched.contract_id = cells.contract_id
        and touched.version = cells.version
        and touched.charge_id = cells.charge_id
        and keyed.cell_no = cells.cell_no

),

keyed_series as (

    select
        series.* exclude (properties),
        [series.properties[name] for name in kept.properties] as kept_values
    from series
    inner join kept on series.meter = kept.meter

),

parts as (

    select distinct
        part_no,
        contract_id,
        charge_id,
        service_from,
        state,
        group_key,
        cell_key,
        rate_percent,
        fixed_per_event,
        free_events,
        free_amount,
        min_per_event,
        max_per_event,
        has_limits
    from series

),

days as (

    select distinct cast(attributed.bucket_from as date) as event_date
    from attributed
    inner join touched
        on attributed.contract_id = touched.contract_id
        and attributed.charge_id = touched.charge_id
        and attributed.bucket_from >= touched.service_from_at
        and attributed.bucket_from < touched.service_to_at

),

read as (

    select
        events.event_time,
        events.source,
        events.event_id,
        events.account_id,
        events.meter,
        events.quantity,
        kept.properties as kept_properties,
        cast(cast(events.properties as json) as map (varchar, varchar)) as properties
    from events
    inner join kept on events.meter = kept.meter
    where events.event_date in (select event_date from days)

),

valued as (

    select
        series.part_no,
        series.has_limits,
        read.event_time,
        read.source,
        read.event_id,
        {{ convert_units(
            "case when series.aggregation = 'count' then 1 "
            ~ "when series.measure = 'quantity' then read.quantity "
            ~ "else try_cast(read.properties[series.measure] as decimal(38, 12)) end",
            'series.divide_by', "'none'") }} as value,
        read.properties['corrects'] as corrects
    from read
    inner join keyed_series as series
        on read.account_id = series.account_id
        and read.meter = series.meter
        and [read.properties[name] for name in read.kept_properties] = series.kept_values
        and read.event_time >= series.from_at
        and read.event_time < series.to_at

),

counted as (

    -- an event that lacks the property that is read is not in the roll-up either
    select * from valued
    where value is not null

),

-- With limits a correction belongs to the event that it corrects, where that one is of the same line.
corrections as (

    select
        counted.part_no,
        counted.source,
        counted.event_id,
        counted.corrects,
        counted.value
    from counted
    where counted.has_limits and counted.corrects is not null and counted.value < 0

),

met_corrections as (

    select corrections.*
    from corrections
    inner join counted
        on corrections.part_no = counted.part_no
        and corrections.source = counted.source
        and corrections.corrects = counted.event_id

),

corrected as (

    select
        part_no,
        source,
        corrects as event_id,
        sum(value) as value,
        count(*) as correction_count
    from met_corrections
    group by part_no, source, corrects

),

netted as (

    select
        counted.part_no,
        counted.event_time,
        counted.source,
        counted.event_id,
        cast(counted.value + coalesce(corrected.value, 0) as decimal(38, 12)) as value,
        1 + coalesce(corrected.correction_count, 0) as landed_count,
        -- what is left is no event: it is charged by percentage alone, and uses no allowance
        counted.has_limits
        and (counted.value < 0 or (corrected.event_id is not null and counted.value + corrected.value <= 0))
            as is_taken_back
    from counted
    left join corrected
        on counted.part_no = corrected.part_no
        and counted.source = corrected.source
        and counted.event_id = corrected.event_id
    left join met_corrections
        on counted.part_no = met_corrections.part_no
        and counted.source = met_corrections.source
        and counted.event_id = met_corrections.event_id
    where met_corrections.event_id is null

),

-- Only allowances ask for the order.
ordered as (

    select
        netted.*,
        row_number() over in_time as event_no,
        sum(netted.value) over in_time as running_total
    from netted
    inner join parts on netted.part_no = parts.part_no
    where coalesce(parts.free_events, parts.free_amount) is not null and not netted.is_taken_back
    window
        in_time as (
            partition by netted.part_no
            order by netted.event_time, netted.source, netted.event_id
            rows between unbounded preceding and current row
        )

),

sequenced as (

    select * from ordered
    union all
    select
        netted.*,
        null as event_no,
        null as running_total
    from netted
    inner join parts on netted.part_no = parts.part_no
    where coalesce(parts.free_events, parts.free_amount) is null or netted.is_taken_back

),

charged as (

    select
        sequenced.*,
        parts.rate_percent,
        parts.fixed_per_event,
        parts.min_per_event,
        parts.max_per_event,
        case
            when sequenced.is_taken_back or coalesce(parts.free_events, parts.free_amount) is null then sequenced.value
            else {{ event_value_charged(
                'sequenced.value', 'sequenced.event_no', 'sequenced.running_total', 'parts.free_events',
                'parts.free_amount') }}
        end as charged_value
    from sequenced
    inner join parts on sequenced.part_no = parts.part_no
    where parts.has_limits

),

fees as (

    select
        *,
        {{ multiply_divide('charged_value', 'rate_percent', '100') }} + fixed_per_event as fee
    from charged

),

judged as (

    select
        *,
        case
            when is_taken_back then 'correction'
            else {{ event_outcome('charged_value', 'fee', 'min_per_event', 'max_per_event') }}
        end as outcome
    from fees

),

limited as (

    select
        part_no,
        outcome,
        count(*) as event_count,
        sum(landed_count) as landed_count,
        sum(value) as quantity,
        coalesce(sum(charged_value), 0) as charged_quantity,
        to_json(min(struct_pack(
            event_time := event_time,
            source := source,
            event := event_id,
            value := cast(value as varchar),
            charged := cast(charged_value as varchar),
            fee := cast(fee as varchar)
        ), 3)) as first_events
    from judged
    group by part_no, outcome

),

sums as (

    select
        sequenced.part_no,
        count(*) as event_count,
        sum(sequenced.value) as quantity,
        coalesce(sum(sequenced.value) filter (
            where parts.free_events is null or sequenced.event_no <= parts.free_events
        ), 0) as leading_total,
        count(*) filter (
            where
            (parts.free_events is null or sequenced.event_no <= parts.free_events)
            and sequenced.running_total < parts.free_amount
        ) as below_free_amount,
        to_json(min(struct_pack(
            event_time := sequenced.event_time,
            source := sequenced.source,
            event := sequenced.event_id,
            value := cast(sequenced.value as varchar),
            running_total := cast(sequenced.running_total as varchar)
        ), 3)) as first_events
    from sequenced
    inner join parts on sequenced.part_no = parts.part_no
    where not parts.has_limits
    group by sequenced.part_no

),

totals as (

    select
        sums.*,
        greatest(sums.quantity - {{ free_units_of_totals('sums.leading_total', 'parts.free_amount') }}, 0)
            as charged_quantity,
        {{ free_events_of_totals(
            'sums.event_count', 'parts.free_events', 'sums.below_free_amount', 'parts.free_amount') }} as free_count
    from sums
    inner join parts on sums.part_no = parts.part_no

),

outcomes as (

    select * from limited
    union all
    select
        part_no,
        'free' as outcome,
        free_count as event_count,
        free_count as landed_count,
        quantity - charged_quantity as quantity,
        0 as charged_quantity,
        null as first_events
    from totals
    where free_count <> 0 or quantity <> charged_quantity
    union all
    select
        part_no,
        'charged' as outcome,
        event_count - free_count as event_count,
        event_count - free_count as landed_count,
        charged_quantity as quantity,
        charged_quantity,
        first_events
    from totals

),

final as (

    select
        parts.contract_id,
        parts.charge_id,
        parts.service_from,
        parts.group_key,
        parts.cell_key,
        outcomes.outcome,
        parts.state,
        parts.rate_percent,
        parts.fixed_per_event,
        parts.min_per_event,
        parts.max_per_event,
        cast(outcomes.event_count as bigint) as event_count,
        cast(outcomes.landed_count as bigint) as landed_count,
        cast(outcomes.quantity as decimal(38, 12)) as quantity,
        cast(outcomes.charged_quantity as decimal(38, 12)) as charged_quantity,
        cast(outcomes.first_events as varchar) as first_events
    from outcomes
    inner join parts on outcomes.part_no = parts.part_no

)

select * from final
