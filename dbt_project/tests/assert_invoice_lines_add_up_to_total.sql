{{ config(tags=['phase_b']) }}

-- The lines of every document add up to its total, and by kind to subtotal, discount, credit and tax.
with documents as (

    select * from {{ ref('fct_invoices') }}

),

lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

sums as (

    select
        document_id,
        sum(amount) as total,
        coalesce(sum(amount) filter (where line_kind not in ('discount', 'credit', 'tax')), 0) as subtotal,
        coalesce(sum(amount) filter (where line_kind = 'discount'), 0) as discount,
        coalesce(sum(amount) filter (where line_kind = 'credit'), 0) as credit_applied,
        coalesce(sum(amount) filter (where line_kind = 'tax'), 0) as tax
    from lines
    group by document_id

)

select
    documents.document_id,
    documents.total,
    sums.total as total_of_lines
from documents
full join sums on documents.document_id = sums.document_id
where
    (
        documents.total = sums.total
        and documents.subtotal = sums.subtotal
        and documents.discount = sums.discount
        and documents.credit_applied = sums.credit_applied
        and documents.tax = sums.tax
    ) is not true
