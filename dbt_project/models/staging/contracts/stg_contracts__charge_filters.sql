with source as (

    select * from {{ source('raw_contracts', 'charge_filters') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        property,
        value
    from source

)

select * from final
