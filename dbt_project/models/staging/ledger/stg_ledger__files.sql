with source as (

    select * from {{ source('raw_ledger', 'files') }}

),

final as (

    select
        file_sequence,
        batch,
        first_seen,
        path,
        sha256,
        landed_sha256,
        size_bytes,
        source,
        status,
        duplicate_of
    from source

)

select * from final
