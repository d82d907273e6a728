with source as (

    select * from {{ ref('stg_landing__conservation') }}

),

final as (

    select
        path,
        sha256,
        source,
        received,
        accepted,
        duplicate,
        conflict,
        quarantined,
        units_accepted
    from source

)

select * from final
order by path, sha256
