with source as (

    select * from {{ source('raw_contracts', 'organizations') }}

),

final as (

    select
        contract_id,
        version,
        account_id,
        organization_id
    from source

)

select * from final
