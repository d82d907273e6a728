with source as (

    select * from {{ source('raw_provisioning', 'entitlements') }}

),

-- An export tells the whole state again: the file landed last speaks for an interval's start (its end may have
-- moved), and within it the last line of each status.
newest as (

    select
        *,
        max(file_sequence) over (partition by organization_id, account_id, contract_id, product, valid_from)
            as newest_file
    from source

),

ranked as (

    select
        *,
        row_number() over (
            partition by organization_id, account_id, contract_id, product, valid_from, status
            order by line desc
        ) as recency
    from newest
    where file_sequence = newest_file

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
