with reconciliation as (

    select * from {{ ref('fct_reconciliation') }}

),

final as (

    select
        reconciliation_id,
        period,
        key,
        currency,
        left_amount,
        right_amount,
        difference,
        break_code,
        expected_clear,
        status,
        selling_entity,
        channel,
        agreement_id,
        comparison,
        contract_id,
        account_id,
        suggested_cause,
        evidence
    from reconciliation

)

select * from final
order by reconciliation_id, period, key, currency
