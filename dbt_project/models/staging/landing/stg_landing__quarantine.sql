with source as (

    select * from {{ source('raw_landing', 'quarantine') }}

),

final as (

    select
        file_sequence,
        path,
        sha256,
        source,
        line,
        code,
        reason,
        original,
        account_id,
        meter,
        event_id,
        event_source,
        event_time,
        quantity
    from source

)

select * from final
