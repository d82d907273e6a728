with source as (

    select * from {{ source('raw_contracts', 'price_cells') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        cell_no,
        is_default,
        model,
        unit_price,
        per,
        amount,
        package_size,
        package_price,
        free_units,
        package_rounding,
        rate_percent,
        fixed_per_event,
        free_events,
        free_amount,
        min_per_event,
        max_per_event,
        multiplier,
        flat_at_zero
    from source

)

select * from final
