with source as (

    select * from {{ source('raw_contracts', 'commitment_hours') }}

),

final as (

    select
        contract_id,
        version,
        commitment_id,
        from_hour,
        to_hour,
        unit_price,
        amount,
        quantity,
        overage_factor,
        true_up
    from source

)

select * from final
