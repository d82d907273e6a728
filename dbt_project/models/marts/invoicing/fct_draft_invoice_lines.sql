with documents as (

    select * from {{ ref('int_documents__totalled') }}
    where total <> 0

),

lines as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

priced_lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

identified as (

    select
        concat_ws('/', documents.contract_id, documents.bill_date, documents.kind, documents.revision) as document_id,
        lines.*,
        case when documents.close_period <> documents.natural_period then documents.natural_period end as carried_from,
        priced_lines.line_order,
        case lines.line_kind when 'discount' then 1 when 'credit' then 2 when 'tax' then 3 else 0 end as kind_order
    from documents
    inner join lines
        on documents.contract_id = lines.contract_id
        and documents.bill_date = lines.bill_date
    inner join priced_lines on coalesce(lines.parent_line_key, lines.line_key) = priced_lines.line_key

),

-- In line order, what belongs to a line right after it: discounts, credits, taxes.
numbered as (

    select
        *,
        cast(row_number() over (
            partition by document_id order by line_order, kind_order, reference_id, line_key
        ) as integer) as line_no
    from identified

),

final as (

    select
        numbered.document_id,
        numbered.line_no,
        parents.line_no as parent_line_no,
        numbered.contract_id,
        numbered.bill_date,
        numbered.line_key,
        numbered.timing,
        numbered.charge_id,
        numbered.reference_id,
        numbered.line_kind,
        numbered.product,
        numbered.meter,
        numbered.group_key,
        numbered.service_from,
        numbered.service_to,
        numbered.quantity,
        numbered.unit,
        numbered.unrounded_amount,
        numbered.amount,
        numbered.currency,
        numbered.price_version,
        -- a line that corrects another month keeps saying so, wherever its document is carried
        coalesce(numbered.original_period, numbered.carried_from) as original_period
    from numbered
    left join numbered as parents on numbered.parent_line_key = parents.line_key

)

select * from final
