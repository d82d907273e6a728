{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_usage(ref('int_usage__touched')) }}"
) }}

{% set touched = ref('int_usage__touched') %}

with buckets as (

    select buckets.* from {{ ref('stg_metering__usage_buckets') }} as buckets
    where {{ of_touched_usage('buckets', touched) }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is null

),

keyed as (

    select * from {{ ref('int_charge_dimensions__keyed') }}

),

final as (

    select
        buckets.*,
        matched.contract_id,
        matched.charge_id,
        matched.version,
        matched.segment_from,
        matched.charge_position,
        keyed.group_key,
        keyed.cell_no,
        keyed.cell_key
    from buckets
    inner join matched
        on buckets.account_id = matched.account_id
        and buckets.meter = matched.meter
        and buckets.dimensions = matched.dimensions
        and buckets.bucket_from >= matched.from_at
        and buckets.bucket_from < matched.to_at
    inner join keyed
        on matched.contract_id = keyed.contract_id
        and matched.charge_id = keyed.charge_id
        and matched.version = keyed.version
        and matched.dimensions = keyed.dimensions

)

select * from final
