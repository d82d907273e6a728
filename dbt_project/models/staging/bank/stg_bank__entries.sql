with source as (

    select * from {{ source('raw_bank', 'entries') }}

),

final as (

    select
        entry_id,
        statement_id,
        account,
        value_date,
        booking_date,
        amount,
        currency,
        counterparty,
        reference,
        bank_reference,
        narrative,
        bank_code,
        format,
        file_sequence,
        line
    from source

)

select * from final
