with source as (

    select * from {{ source('raw_contracts', 'price_tiers') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        tier_no,
        from_quantity,
        up_to,
        unit_price,
        per,
        flat_price,
        block_size,
        rate_percent,
        amount,
        limits
    from source

)

select * from final
