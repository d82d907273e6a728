with documents as (

    select * from {{ ref('int_documents__totalled') }}
    where total <> 0

),

lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

line_texts as (

    select
        lines.document_id,
        string_agg({{ line_text('lines') }}, chr(30) order by lines.line_no) as lines_text
    from lines
    group by lines.document_id

),

identified as (

    select
        concat_ws('/', documents.contract_id, documents.bill_date, documents.kind, documents.revision) as document_id,
        documents.*,
        cast(null as varchar) as corrects_document_id
    from documents

),

final as (

    select
        identified.document_id,
        identified.kind,
        identified.contract_id,
        identified.account_id,
        identified.account_name,
        identified.channel,
        identified.selling_entity,
        identified.currency,
        identified.bill_date,
        identified.period_from,
        identified.period_to,
        identified.close_period,
        identified.payment_terms_days,
        identified.po_number,
        identified.subtotal,
        identified.discount,
        identified.credit_applied,
        identified.tax,
        identified.total,
        identified.paid_from_credits,
        identified.line_count,
        identified.revision,
        identified.corrects_document_id,
        sha256(concat_ws(
            chr(30),
            {{ document_text('identified') }},
            line_texts.lines_text
        )) as content_hash,
        identified.is_due,
        identified.is_issued
    from identified
    inner join line_texts on identified.document_id = line_texts.document_id

)

select * from final
