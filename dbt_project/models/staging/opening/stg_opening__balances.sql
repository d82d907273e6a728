with source as (

    select * from {{ source('raw_opening', 'balances') }}

),

final as (

    select
        kind,
        as_of,
        selling_entity,
        account_id,
        contract_id,
        document_kind,
        number,
        grant_id,
        grant_kind,
        currency,
        amount,
        issue_date,
        due_date,
        service_from,
        service_to,
        expires_at,
        priority,
        meter,
        unit,
        quantity,
        next_number,
        file_sequence,
        line
    from source

)

select * from final
