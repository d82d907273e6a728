with invoices as (

    select * from {{ ref('fct_invoices') }}

),

issued_lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

draft_lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

{% set columns = [
    'document_id', 'line_no', 'parent_line_no', 'charge_id', 'reference_id', 'line_kind', 'product', 'meter',
    'group_key', 'service_from', 'service_to', 'quantity', 'unit', 'unrounded_amount', 'amount', 'currency', 'price_version',
    'original_period', 'corrects_line_no'] -%}
open_draft_lines as (

    select
        {{ 'draft_lines.' ~ (columns | reject('equalto', 'corrects_line_no')) | join(', draft_lines.') }},
        cast(null as integer) as corrects_line_no
    from draft_lines
    inner join invoices on draft_lines.document_id = invoices.document_id
    where invoices.status in ('held', 'draft')

),

final as (

    select {{ columns | join(', ') }} from issued_lines
    union all
    select {{ columns | join(', ') }} from open_draft_lines

)

select * from final
