with rollforward as (

    select * from {{ ref('fct_receivable_rollforward') }}

),

final as (

    select
        kind,
        period,
        selling_entity,
        currency,
        agreement_id,
        opening,
        invoiced,
        credited,
        collected,
        paid_from_credits,
        rated,
        granted,
        used,
        expired,
        closing,
        difference,
        aws_entity,
        refunded,
        forgiven,
        adjusted,
        disbursed,
        failed,
        received,
        applied,
        brought_forward
    from rollforward

)

select * from final
order by kind, period, selling_entity, currency, agreement_id, aws_entity
