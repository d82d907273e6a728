with accruals as (

    select * from {{ ref('fct_accruals') }}

),

final as (

    select
        selling_entity,
        channel,
        contract_id,
        service_period,
        currency,
        rated_amount,
        billed_amount,
        accrued_amount,
        not_due_amount,
        held_amount,
        carried_forward_amount,
        not_invoiced_amount,
        rated_after_issue_amount,
        nil_amount,
        first_cause
    from accruals

)

select * from final
order by selling_entity, channel, contract_id, service_period, currency
