with source as (

    select * from {{ source('raw_ledger', 'issued_documents') }}

),

final as (

    select
        document_id,
        number,
        kind,
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
        sequence,
        decision_no,
        -- what the request behind it asked for: credit, rebill or void (then it is the bill date's new document)
        ordered,
        reason_code,
        voided_on,
        kind = 'credit_memo' and corrects_document_id is not null as is_correction
    from source

)

select * from final
