with source as (

    select * from {{ source('raw_contracts', 'charge_group_by') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        property,
        position
    from source

)

select * from final
