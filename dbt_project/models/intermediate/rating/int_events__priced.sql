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
        {{ value_at_fee('cells.min_per_event', 'cells.rate_percent', 'coalesce(cells.fixed_per_event, 0)') }}
            as value_at_minimum,
        {{ value_at_fee('cells.max_per_event', 'cells.rate_percent', 'coalesce(cells.fixed_per_event, 0)') }}
            as value_at_maximum,
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
        value_at_minimum,
        value_at_maximum,
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
    where
        events.event_date in (select event_date from days)
        and events.account_id in (select account_id from series)

),

valued as (

    select
        series.part_no,
        series.has_limits,
        read.event_time,
        read.source,
        read.event_id,
        series.divide_by,
        case
            when series.aggregation = 'count' then 1
            when series.measure = 'quantity' then read.quantity
            else try_cast(read.properties[series.measure] as decimal(38, 12))
        end as raw_value,
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
    select
        * exclude (divide_by, raw_value),
        {{ convert_units('raw_value', 'divide_by', "'none'") }} as value
    from valued
    where raw_value is not null

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

ordered as (

    select
        *,
        row_number() over in_time as event_no,
        sum(value) over in_time as running_total
    from netted
    window
        in_time as (
            partition by part_no, is_taken_back
            order by event_time, source, event_id
            rows between unbounded preceding and current row
        )

),

charged as (

    select
        ordered.*,
        parts.has_limits,
        parts.free_events,
        parts.free_amount,
        parts.value_at_minimum,
        parts.value_at_maximum,
        case
            when ordered.is_taken_back or coalesce(parts.free_events, parts.free_amount) is null then ordered.value
            else {{ event_value_charged(
                'ordered.value', 'ordered.event_no', 'ordered.running_total', 'parts.free_events',
                'parts.free_amount') }}
        end as charged_value
    from ordered
    inner join parts on ordered.part_no = parts.part_no

),

judged as (

    select
        *,
        case
            when not has_limits then 'total'
            when is_taken_back then 'correction'
            else {{ event_outcome('charged_value', 'value_at_minimum', 'value_at_maximum') }}
        end as outcome
    from charged

),

sums as (

    select
        part_no,
        outcome,
        count(*) as event_count,
        sum(landed_count) as landed_count,
        sum(value) as quantity,
        coalesce(sum(charged_value), 0) as charged_quantity,
        coalesce(sum(value) filter (where free_events is null or event_no <= free_events), 0) as leading_total,
        count(*) filter (
            where (free_events is null or event_no <= free_events) and running_total < free_amount
        ) as below_free_amount,
        to_json(min(struct_pack(
            event_time := event_time,
            source := source,
            event := event_id,
            value := cast(value as varchar),
            charged := cast(charged_value as varchar)
        ), 3)) as first_events
    from judged
    group by part_no, outcome

),

totals as (

    select
        sums.*,
        greatest(sums.quantity - {{ free_units_of_totals('sums.leading_total', 'parts.free_amount') }}, 0)
            as paid_quantity,
        {{ free_events_of_totals(
            'sums.event_count', 'parts.free_events', 'sums.below_free_amount', 'parts.free_amount') }} as free_count
    from sums
    inner join parts on sums.part_no = parts.part_no
    where sums.outcome = 'total'

),

outcomes as (

    select
        part_no,
        outcome,
        event_count,
        landed_count,
        quantity,
        charged_quantity,
        first_events
    from sums
    where outcome <> 'total'
    union all
    select
        part_no,
        'free' as outcome,
        free_count as event_count,
        free_count as landed_count,
        quantity - paid_quantity as quantity,
        0 as charged_quantity,
        null as first_events
    from totals
    where free_count <> 0 or quantity <> paid_quantity
    union all
    select
        part_no,
        'charged' as outcome,
        event_count - free_count as event_count,
        event_count - free_count as landed_count,
        paid_quantity as quantity,
        paid_quantity as charged_quantity,
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
