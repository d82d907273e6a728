with source as (

    select * from {{ source('raw_ledger', 'period_events') }}

),

final as (

    select
        event_no,
        selling_entity,
        period,
        version,
        event,
        decision_no,
        as_of,
        documents
    from source

)

select * from final
