with source as (

    select * from {{ ref('stg_landing__quarantine') }}

),

final as (

    select
        path,
        sha256,
        line,
        code,
        reason,
        original
    from source

)

select * from final
order by path, sha256, line, code, reason
