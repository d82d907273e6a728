-- What went in is what is billed plus what is set aside, in buckets, events and units, per meter and measure.
with landed as (

    select
        meter,
        measure,
        count(*) as buckets,
        sum(event_count) as events,
        sum(quantity_sum) as quantity
    from {{ ref('stg_metering__usage_buckets') }}
    group by meter, measure

),

explained as (

    select
        meter,
        measure,
        count(*) as buckets,
        sum(event_count) as events,
        sum(quantity_sum) as quantity
    from (
        select
            meter,
            measure,
            event_count,
            quantity_sum
        from {{ ref('int_usage__attributed') }}
        where charge_position = 1
        union all
        select
            meter,
            measure,
            event_count,
            quantity_sum
        from {{ ref('int_usage__unattributed') }}
    ) as explained_buckets
    group by meter, measure

)

select *
from landed
full join explained
    on landed.meter = explained.meter
    and landed.measure = explained.measure
where
    landed.buckets is distinct from explained.buckets
    or landed.events is distinct from explained.events
    or landed.quantity is distinct from explained.quantity
