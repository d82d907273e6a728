with source as (

    select * from {{ source('raw_ledger', 'publications') }}

),

final as (

    select
        target,
        document_id,
        key,
        payload_hash,
        state,
        attempts,
        confirmed_at
    from source

)

select * from final
