with source as (

    select * from {{ source('raw_landing', 'conservation') }}

),

final as (

    select
        file_sequence,
        path,
        sha256,
        source,
        received,
        accepted,
        duplicate,
        conflict,
        quarantined,
        units_received,
        units_accepted,
        units_duplicate,
        units_conflict,
        units_quarantined
    from source

)

select * from final
