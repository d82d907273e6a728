with source as (

    select * from {{ source('raw_contracts', 'discounts') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        discount_id,
        kind,
        value,
        currency,
        from_date,
        to_date,
        sort_order,
        duration_kind,
        duration_periods
    from source

)

select * from final
