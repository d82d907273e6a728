with source as (

    select * from {{ source('raw_bank', 'statements') }}

),

final as (

    select
        statement_id,
        statement_no,
        account,
        currency,
        opening_balance,
        closing_balance,
        entry_rows,
        entry_amount,
        from_date,
        to_date,
        format,
        file_sequence,
        line
    from source

)

select * from final
