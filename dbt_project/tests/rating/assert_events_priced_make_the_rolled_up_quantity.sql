-- What was read from the lake event by event is what the roll-up holds, in events and units: nothing lost or doubled.
-- A conversion rounds each event at the 12th place.
with priced as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        sum(event_count) as event_count,
        sum(quantity) as quantity
    from {{ ref('int_event_tiers__priced') }}
    group by contract_id, charge_id, service_from, group_key, cell_key

),

landed as (

    select
        events.contract_id,
        events.charge_id,
        events.service_from,
        events.group_key,
        events.cell_key,
        sum(events.landed_count) as landed_count
    from {{ ref('int_events__priced') }} as events
    inner join {{ ref('int_event_periods__listed') }} as periods
        on events.contract_id = periods.contract_id
        and events.charge_id = periods.charge_id
        and events.service_from = periods.service_from
        and events.state = periods.state
    group by events.contract_id, events.charge_id, events.service_from, events.group_key, events.cell_key

),

rolled_up as (

    select converted.*
    from {{ ref('int_usage__converted') }} as converted
    inner join {{ ref('int_event_periods__listed') }} as periods
        on converted.contract_id = periods.contract_id
        and converted.charge_id = periods.charge_id
        and converted.service_from = periods.service_from
    inner join {{ ref('stg_contracts__price_cells') }} as cells
        on periods.contract_id = cells.contract_id
        and periods.version = cells.version
        and periods.charge_id = cells.charge_id
        and converted.cell_no = cells.cell_no
        and {{ priced_per_event('cells') }}

)

select
    rolled_up.contract_id,
    rolled_up.charge_id,
    rolled_up.service_from,
    rolled_up.group_key,
    rolled_up.cell_key,
    rolled_up.event_count,
    rolled_up.converted_quantity,
    landed.landed_count,
    priced.quantity
from rolled_up
full join landed
    on rolled_up.contract_id = landed.contract_id
    and rolled_up.charge_id = landed.charge_id
    and rolled_up.service_from = landed.service_from
    and rolled_up.group_key = landed.group_key
    and rolled_up.cell_key = landed.cell_key
left join priced
    on landed.contract_id = priced.contract_id
    and landed.charge_id = priced.charge_id
    and landed.service_from = priced.service_from
    and landed.group_key = priced.group_key
    and landed.cell_key = priced.cell_key
where
    coalesce(rolled_up.event_count, 0) <> coalesce(landed.landed_count, 0)
    or abs(coalesce(rolled_up.converted_quantity, 0) - coalesce(priced.quantity, 0)) > coalesce(
        case when rolled_up.converted_quantity <> rolled_up.raw_quantity then rolled_up.event_count end, 0
    ) * 0.000000000001
