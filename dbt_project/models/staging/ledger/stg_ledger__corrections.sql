with source as (

    select * from {{ source('raw_ledger', 'corrections') }}

),

final as (

    select
        contract_id,
        bill_date,
        kind,
        revision,
        corrects_document_id,
        decision_no
    from source

)

select * from final
