with source as (

    select * from {{ source('raw_ledger', 'waivers') }}

),

final as (

    select
        request_no,
        exception_id,
        amount,
        row_hash,
        maker,
        checker,
        expires_on
    from source

)

select * from final
