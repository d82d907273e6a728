with source as (

    select * from {{ source('raw_gate', 'verdicts') }}

),

final as (

    select
        level,
        key,
        period,
        selling_entity,
        channel,
        verdict,
        reasons,
        scope_hash
    from source

)

select * from final
