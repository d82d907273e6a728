with source as (

    select * from {{ source('raw_ledger', 'approvals') }}

),

final as (

    select
        what,
        contract_id,
        charge_id,
        version,
        actor,
        recorded_on
    from source

)

select * from final
