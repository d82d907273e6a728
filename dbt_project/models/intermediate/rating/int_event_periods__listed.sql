-- `state` is all that the figures of a service period follow from: while it stays, its events are not read again.
with slices as (

    select * from {{ ref('int_usage__service_periods') }}

),

price_cells as (

    select * from {{ ref('stg_contracts__price_cells') }}

),

aggregated as (

    select * from {{ ref('int_usage__aggregated') }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is null

),

-- Other code may mean other figures.
run as (

    select code_hash from {{ source('raw', 'run_context') }}

),

cells as (

    select * from price_cells
    where {{ priced_per_event('price_cells') }}

),

priced as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        any_value(slices.service_from_at) as service_from_at,
        any_value(slices.service_to_at) as service_to_at,
        any_value(slices.version) as version,
        any_value(slices.meter) as meter,
        any_value(slices.aggregation) as aggregation,
        any_value(slices.measure) as measure,
        any_value(slices.divide_by) as divide_by,
        string_agg(
            to_json(struct_pack(
                cell := cells.cell_no,
                rate := cells.rate_percent,
                fee := cells.fixed_per_event,
                events := cells.free_events,
                amount := cells.free_amount,
                low := cells.min_per_event,
                high := cells.max_per_event
            )), ','
            order by cells.cell_no
        ) as prices
    from slices
    inner join cells
        on slices.contract_id = cells.contract_id
        and slices.version = cells.version
        and slices.charge_id = cells.charge_id
    group by slices.contract_id, slices.charge_id, slices.service_from

),

-- Events are only ever added to the lake, so that their number and sum tell whether there are others.
quantities as (

    select
        priced.contract_id,
        priced.charge_id,
        priced.service_from,
        string_agg(
            to_json(struct_pack(
                grouped := aggregated.group_key,
                cell := aggregated.cell_key,
                quantity := aggregated.raw_quantity,
                events := aggregated.event_count
            )), ','
            order by aggregated.group_key, aggregated.cell_key
        ) as quantities
    from priced
    inner join aggregated
        on priced.contract_id = aggregated.contract_id
        and priced.charge_id = aggregated.charge_id
        and priced.service_from = aggregated.service_from
    group by priced.contract_id, priced.charge_id, priced.service_from

),

series as (

    select
        priced.contract_id,
        priced.charge_id,
        priced.service_from,
        string_agg(
            to_json(struct_pack(
                account := matched.account_id,
                dimensions := matched.dimensions,
                opens := matched.from_at,
                closes := matched.to_at
            )), ','
            order by matched.account_id, matched.dimensions, matched.from_at
        ) as series
    from priced
    inner join matched
        on priced.contract_id = matched.contract_id
        and priced.charge_id = matched.charge_id
        and priced.service_from_at < matched.to_at
        and priced.service_to_at > matched.from_at
    group by priced.contract_id, priced.charge_id, priced.service_from

),

final as (

    select
        priced.* exclude (prices),
        md5(cast(to_json(struct_pack(
            code := run.code_hash,
            opens := priced.service_from_at,
            closes := priced.service_to_at,
            aggregation := priced.aggregation,
            measure := priced.measure,
            divide_by := priced.divide_by,
            prices := priced.prices,
            quantities := quantities.quantities,
            series := series.series
        )) as varchar)) as state
    from priced
    cross join run
    inner join quantities
        on priced.contract_id = quantities.contract_id
        and priced.charge_id = quantities.charge_id
        and priced.service_from = quantities.service_from
    left join series
        on priced.contract_id = series.contract_id
        and priced.charge_id = series.charge_id
        and priced.service_from = series.service_from

)

select * from final
