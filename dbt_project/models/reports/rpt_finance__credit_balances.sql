with balances as (

    select * from {{ ref('int_credit_balances__rolled') }}

),

final as (

    select
        contract_id,
        grant_id,
        period,
        unit,
        opening,
        granted,
        used,
        expired,
        closing,
        overage,
        currency,
        kind
    from balances

)

select * from final
order by contract_id, grant_id, period
