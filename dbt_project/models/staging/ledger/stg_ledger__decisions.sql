with source as (

    select * from {{ source('raw_ledger', 'decisions') }}

),

final as (

    select
        decision_no,
        decision,
        what,
        subject,
        actor,
        on_behalf_of,
        reason,
        recorded_on,
        expires_on,
        request_no,
        amount,
        currency,
        state
    from source

)

select * from final
