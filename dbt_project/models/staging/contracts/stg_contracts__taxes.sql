with source as (

    select * from {{ source('raw_contracts', 'taxes') }}

),

final as (

    select
        contract_id,
        version,
        tax_code,
        rate_percent,
        inclusive
    from source

)

select * from final
