with source as (

    select * from {{ source('raw_metering', 'unique_values') }}

),

final as (

    select
        bucket_from,
        bucket_to,
        account_id,
        meter,
        dimensions,
        property,
        value
    from source

)

select * from final
