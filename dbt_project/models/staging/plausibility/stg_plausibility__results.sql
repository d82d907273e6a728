with source as (

    select * from {{ source('raw_plausibility', 'results') }}

),

final as (

    select
        check_id,
        period,
        source,
        table_name,
        control_id,
        severity,
        passed,
        rows_checked,
        unexpected,
        observed,
        expected,
        sample
    from source

)

select * from final
