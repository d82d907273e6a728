with source as (

    select * from {{ source('raw_match', 'applications') }}

),

final as (

    select
        entry_id,
        target_kind,
        target_id,
        rung,
        rule_version,
        amount,
        currency,
        applied_on
    from source

)

select * from final
