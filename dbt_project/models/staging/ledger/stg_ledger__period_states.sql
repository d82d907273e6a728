with source as (

    select * from {{ source('raw_ledger', 'period_states') }}

),

final as (

    select
        selling_entity,
        period,
        version,
        state,
        as_of,
        locked_through
    from source

)

select * from final
