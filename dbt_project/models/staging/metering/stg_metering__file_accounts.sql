with source as (

    select * from {{ source('raw_metering', 'file_accounts') }}

),

final as (

    select
        file_sequence,
        account_id,
        meter,
        event_month,
        accepted,
        duplicate,
        conflict,
        quarantined,
        quantity_accepted
    from source

)

select * from final
