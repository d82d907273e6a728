with source as (

    select * from {{ source('raw_contracts', 'grants') }}

),

final as (

    select
        contract_id,
        version,
        grant_id,
        commitment_id,
        amount,
        unit,
        kind,
        effective_at,
        expires_at,
        voided_at,
        priority,
        purchased_by,
        cost_basis,
        every_days,
        anchor,
        reset,
        rollover_min,
        rollover_max,
        preserve_overage
    from source

)

select * from final
