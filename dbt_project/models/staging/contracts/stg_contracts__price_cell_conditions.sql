with source as (

    select * from {{ source('raw_contracts', 'price_cell_conditions') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        property,
        value
    from source

)

select * from final
