with source as (

    select * from {{ source('raw_contracts', 'charge_quantities') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        from_date,
        quantity
    from source

)

select * from final
