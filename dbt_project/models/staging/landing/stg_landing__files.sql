with source as (

    select * from {{ source('raw_landing', 'files') }}

),

final as (

    select
        file_sequence,
        batch,
        first_seen,
        path,
        sha256,
        size_bytes,
        source,
        status,
        loaded_batch
    from source

)

select * from final
