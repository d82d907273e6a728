{% set key = ['contract_id', 'charge_id', 'service_from'] %}

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget(['contract_id', 'charge_id', 'service_from'], ref('int_service_periods__touched'), ref('int_usage__service_periods')) }}"
) }}

with slices as (

    select * from {{ ref('int_usage__service_periods') }}
    where {{ of_touched(key, ref('int_service_periods__touched')) }}

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

unique_values as (

    select * from {{ ref('stg_metering__unique_values') }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is null

),

keyed as (

    select * from {{ ref('int_charge_dimensions__keyed') }}

),

measured as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        attributed.group_key,
        attributed.cell_no,
        attributed.cell_key,
        any_value(slices.aggregation) as aggregation,
        {{ aggregate_sum() }} as quantity_sum,
        {{ aggregate_count() }} as event_count,
        {{ aggregate_max() }} as quantity_max,
        {{ aggregate_min() }} as quantity_min,
        {{ aggregate_latest() }} as quantity_latest,
        case
            when any_value(slices.aggregation) = 'weighted_sum'
                then {{ aggregate_level_seconds('slices.service_to_at') }}
        end as level_seconds
    from slices
    inner join attributed
        on slices.contract_id = attributed.contract_id
        and slices.charge_id = attributed.charge_id
        and slices.measure = attributed.measure
        and slices.service_from_at <= attributed.bucket_from
        and slices.service_to_at > attributed.bucket_from
    group by
        slices.contract_id, slices.charge_id, slices.service_from, attributed.group_key, attributed.cell_no,
        attributed.cell_key

),

distinct_values as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        keyed.group_key,
        keyed.cell_no,
        keyed.cell_key,
        {{ aggregate_unique_count('unique_values.value') }} as value_count
    from slices
    inner join matched
        on slices.contract_id = matched.contract_id
        and slices.charge_id = matched.charge_id
    inner join keyed
        on matched.contract_id = keyed.contract_id
        and matched.charge_id = keyed.charge_id
        and matched.version = keyed.version
        and matched.dimensions = keyed.dimensions
    inner join unique_values
        on matched.account_id = unique_values.account_id
        and matched.meter = unique_values.meter
        and matched.dimensions = unique_values.dimensions
        and slices.property = unique_values.property
        and unique_values.bucket_from >= matched.from_at
        and unique_values.bucket_from < matched.to_at
        and unique_values.bucket_from >= slices.service_from_at
        and unique_values.bucket_from < slices.service_to_at
    where slices.aggregation = 'unique_count'
    group by
        slices.contract_id, slices.charge_id, slices.service_from, keyed.group_key, keyed.cell_no, keyed.cell_key

),

-- A level outlasts the period in which it was set: every later service period opens with what came before.
levels as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        measured.group_key,
        measured.cell_no,
        measured.cell_key,
        sum(case when measured.service_from = slices.service_from then measured.event_count else 0 end)
            as event_count,
        sum(case when measured.service_from = slices.service_from then measured.level_seconds else 0 end)
            as level_seconds,
        sum(case when measured.service_from < slices.service_from then measured.quantity_sum else 0 end)
            as opening_level,
        any_value(date_diff('second', slices.service_from_at, slices.service_to_at)) as service_seconds,
        any_value(date_diff('second', slices.charge_from_at, slices.charge_to_at)) as period_seconds
    from slices
    inner join measured
        on slices.contract_id = measured.contract_id
        and slices.charge_id = measured.charge_id
        and slices.service_from >= measured.service_from
    where slices.aggregation = 'weighted_sum' and measured.aggregation = 'weighted_sum'
    group by
        slices.contract_id, slices.charge_id, slices.service_from, measured.group_key, measured.cell_no,
        measured.cell_key

),

integrated_levels as (

    select
        * exclude (level_seconds),
        level_seconds + {{ opening_level_seconds('opening_level', 'service_seconds') }} as level_seconds
    from levels

),

-- precomputed: the amount that each event brings, beside its quantity.
metered_amounts as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        attributed.group_key,
        attributed.cell_key,
        sum(attributed.quantity_sum) as metered_amount
    from slices
    inner join attributed
        on slices.contract_id = attributed.contract_id
        and slices.charge_id = attributed.charge_id
        and slices.service_from_at <= attributed.bucket_from
        and slices.service_to_at > attributed.bucket_from
        and attributed.measure = 'amount'
    where slices.model = 'precomputed'
    group by
        slices.contract_id, slices.charge_id, slices.service_from, attributed.group_key, attributed.cell_key

),

quantities as (

    select
        measured.contract_id,
        measured.charge_id,
        measured.service_from,
        measured.group_key,
        measured.cell_no,
        measured.cell_key,
        case measured.aggregation
            when 'sum' then measured.quantity_sum
            when 'count' then measured.event_count
            when 'max' then measured.quantity_max
            when 'min' then measured.quantity_min
            when 'latest' then measured.quantity_latest
            when 'average' then {{ aggregate_average('measured.quantity_sum', 'measured.event_count') }}
            when 'unique_count' then coalesce(distinct_values.value_count, 0)
        end as raw_quantity,
        measured.event_count
    from measured
    left join distinct_values
        on measured.contract_id = distinct_values.contract_id
        and measured.charge_id = distinct_values.charge_id
        and measured.service_from = distinct_values.service_from
        and measured.group_key = distinct_values.group_key
        and measured.cell_key = distinct_values.cell_key
    where measured.aggregation <> 'weighted_sum'
    union all
    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_no,
        cell_key,
        {{ aggregate_weighted_sum('level_seconds', 'period_seconds') }} as raw_quantity,
        event_count
    from integrated_levels

),

-- Service periods without any event count as zero: a minimum or a flat price at zero may still be due.
filled as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        coalesce(quantities.group_key, '{}') as group_key,
        case
            when quantities.contract_id is not null then quantities.cell_no
            when slices.model <> 'matrix' then 0
        end as cell_no,
        coalesce(quantities.cell_key, '{}') as cell_key,
        coalesce(quantities.raw_quantity, 0) as raw_quantity,
        coalesce(quantities.event_count, 0) as event_count
    from slices
    left join quantities
        on slices.contract_id = quantities.contract_id
        and slices.charge_id = quantities.charge_id
        and slices.service_from = quantities.service_from

),

final as (

    select
        filled.contract_id,
        filled.charge_id,
        filled.service_from,
        filled.group_key,
        filled.cell_no,
        filled.cell_key,
        cast(filled.raw_quantity as decimal(38, 12)) as raw_quantity,
        cast(filled.event_count as decimal(38, 12)) as event_count,
        cast(coalesce(metered_amounts.metered_amount, 0) as decimal(38, 12)) as metered_amount
    from filled
    left join metered_amounts
        on filled.contract_id = metered_amounts.contract_id
        and filled.charge_id = metered_amounts.charge_id
        and filled.service_from = metered_amounts.service_from
        and filled.group_key = metered_amounts.group_key
        and filled.cell_key = metered_amounts.cell_key

)

select * from final
