with source as (

    select * from {{ source('raw_ledger', 'publication_attempts') }}

),

final as (

    select
        target,
        document_id,
        key,
        attempt_no,
        state,
        detail,
        as_of
    from source

)

select * from final
