with partials as (

    select * from {{ source('raw_metering', 'usage_partials') }}

),

series as (

    select * from {{ source('raw_metering', 'usage_series') }}

),

final as (

    select
        series.account_id,
        series.meter,
        series.dimensions,
        series.measure,
        partials.bucket_from,
        partials.batch
    from partials
    inner join series on partials.series_id = series.series_id

)

select * from final
