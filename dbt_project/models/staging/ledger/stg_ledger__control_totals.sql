with source as (

    select * from {{ source('raw_ledger', 'control_totals') }}

),

final as (

    select
        target,
        batch,
        currency,
        check_no,
        issued_documents,
        issued_amount,
        confirmed_documents,
        confirmed_amount,
        held_documents,
        held_amount,
        as_of
    from source

)

select * from final
