with source as (

    select * from {{ source('raw_contracts', 'applies_to') }}

),

final as (

    select
        contract_id,
        version,
        owner_kind,
        owner_id,
        target
    from source

)

select * from final
