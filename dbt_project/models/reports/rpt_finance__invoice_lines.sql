with invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

final as (

    select
        document_id,
        line_no,
        parent_line_no,
        charge_id,
        reference_id,
        line_kind,
        product,
        meter,
        group_key,
        service_from,
        service_to,
        quantity,
        unit,
        unrounded_amount,
        amount,
        currency,
        price_version,
        original_period,
        corrects_line_no
    from invoice_lines

)

select * from final
order by document_id, line_no
