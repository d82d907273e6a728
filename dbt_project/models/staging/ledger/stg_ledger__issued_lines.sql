with source as (

    select * from {{ source('raw_ledger', 'issued_lines') }}

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
    from source

)

select * from final
