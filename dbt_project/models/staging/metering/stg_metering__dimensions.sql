with source as (

    select * from {{ source('raw_metering', 'dimensions') }}

),

final as (

    select
        meter,
        property
    from source

)

select * from final
