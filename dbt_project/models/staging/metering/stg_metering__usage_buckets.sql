with source as (

    select * from {{ source('raw_metering', 'usage_buckets') }}

),

final as (

    select
        bucket_from,
        bucket_to,
        account_id,
        meter,
        dimensions,
        measure,
        event_count,
        quantity_sum,
        quantity_max,
        quantity_min,
        latest_at,
        latest_source,
        latest_event_id,
        latest_quantity,
        level_seconds
    from source

)

select * from final
