with source as (

    select * from {{ source('raw_ledger', 'number_starts') }}

),

final as (

    select
        selling_entity,
        kind,
        next_no,
        sha256,
        as_of
    from source

)

select * from final
