with buckets as (

    select * from {{ ref('stg_metering__usage_buckets') }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is not null

),

final as (

    select
        buckets.*,
        matched.reason
    from buckets
    inner join matched
        on buckets.account_id = matched.account_id
        and buckets.meter = matched.meter
        and buckets.dimensions = matched.dimensions
        and buckets.bucket_from >= matched.from_at
        and buckets.bucket_from < matched.to_at

)

select * from final
