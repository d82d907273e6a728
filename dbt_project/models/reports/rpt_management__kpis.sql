with source as (

    select * from {{ ref('fct_kpis') }}

),

final as (

    select
        kpi_id,
        period,
        scope,
        numerator,
        denominator,
        value,
        unit,
        sample_size
    from source

)

select * from final
order by kpi_id, period, scope
