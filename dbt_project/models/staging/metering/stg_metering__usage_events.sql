with source as (

    select * from {{ source('raw_metering', 'usage_events') }}

),

final as (

    select
        event_date,
        event_time,
        source,
        event_id,
        event_type as meter,
        account_id,
        quantity,
        properties
    from source

)

select * from final
