with results as (

    select * from {{ ref('stg_plausibility__results') }}

),

checks as (

    select * from {{ ref('plausibility_checks') }}

),

final as (

    select
        results.check_id,
        results.period,
        results.control_id,
        results.severity,
        results.source,
        results.table_name,
        checks.column_name,
        checks.description,
        results.expected,
        results.observed,
        results.passed,
        results.rows_checked,
        results.unexpected,
        results.sample
    from results
    left join checks on results.check_id = checks.check_id

)

select * from final
