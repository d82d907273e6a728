with source as (

    select * from {{ source('raw_contracts', 'commitments') }}

),

final as (

    select
        contract_id,
        version,
        commitment_id,
        kind,
        amount,
        quantity,
        time_window,
        overage_factor,
        true_up,
        prorate,
        priority,
        expires_at,
        rollover_min,
        rollover_max
    from source

)

select * from final
