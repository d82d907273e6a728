with source as (

    select * from {{ source('raw_match', 'entries') }}

),

final as (

    select
        entry_id,
        classification,
        status,
        applied,
        unapplied,
        currency,
        candidates
    from source

)

select * from final
