with invoices as (

    select * from {{ ref('fct_invoices') }}

),

final as (

    select
        document_id,
        number,
        kind,
        status,
        contract_id,
        account_id,
        channel,
        selling_entity,
        currency,
        bill_date,
        period_from,
        period_to,
        close_period,
        issue_date,
        due_date,
        subtotal,
        discount,
        credit_applied,
        tax,
        total,
        paid_from_credits,
        revision,
        corrects_document_id,
        content_hash,
        reason_code
    from invoices

)

select * from final
order by document_id
