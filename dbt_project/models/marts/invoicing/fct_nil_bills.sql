with documents as (

    select * from {{ ref('int_documents__totalled') }}

),

final as (

    select
        contract_id,
        bill_date,
        account_id,
        channel,
        selling_entity,
        currency,
        period_from,
        period_to,
        close_period,
        line_count,
        subtotal,
        paid_from_credits,
        is_due
    from documents
    where total = 0

)

select * from final
