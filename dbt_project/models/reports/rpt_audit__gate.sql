with source as (

    select * from {{ ref('stg_gate__verdicts') }}

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
order by level, key
