with source as (

    select * from {{ source('raw_provisioning', 'entitlements') }}

),

-- An export tells the whole state again: the row landed last speaks for its interval (its end may have moved).
ranked as (

    select
        *,
        row_number() over (
            partition by organization_id, account_id, contract_id, product, valid_from
            order by file_sequence desc, line desc
        ) as recency
    from source

),

final as (

    select
        organization_id,
        account_id,
        contract_id,
        product,
        status,
        quantity,
        valid_from,
        valid_to,
        file_sequence,
        line
    from ranked
    where recency = 1

)

select * from final
