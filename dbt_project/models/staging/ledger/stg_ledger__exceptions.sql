with source as (

    select * from {{ source('raw_ledger', 'exceptions') }}

),

final as (

    select
        exception_id,
        first_seen,
        closed_on,
        control_id,
        business_key,
        period
    from source

)

select * from final
