with source as (

    select * from {{ source('raw_contracts', 'approval_claims') }}

),

final as (

    select
        contract_id,
        version,
        what,
        charge_id,
        approved_version,
        approved_by,
        approved_at,
        reason
    from source

)

select * from final
