with publications as (

    select * from {{ ref('stg_ledger__publications') }}

),

final as (

    select
        target,
        document_id,
        key,
        payload_hash,
        state,
        attempts,
        confirmed_at
    from publications

)

select * from final
order by target, document_id, key
