with rated as (

    select * from {{ ref('int_usage__rated') }}

),

final as (

    select
        contract_id,
        charge_id,
        group_key,
        service_from,
        service_to,
        raw_quantity,
        billable_quantity,
        unrounded_amount,
        currency,
        tiers,
        price_version
    from rated

)

select * from final
order by contract_id, charge_id, group_key, service_from, service_to, price_version
