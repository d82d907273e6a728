with source as (

    select * from {{ ref('fct_exceptions') }}

),

final as (

    select
        exception_id,
        code,
        control_id,
        period,
        selling_entity,
        channel,
        account_id,
        contract_id,
        document_id,
        amount,
        currency,
        direction,
        severity,
        owner,
        sla_due,
        first_seen,
        age_days,
        status,
        suggested_cause,
        next_step,
        evidence
    from source

)

select * from final
order by exception_id
