with source as (

    select * from {{ ref('fct_control_results') }}

),

final as (

    select
        control_id,
        period,
        selling_entity,
        channel,
        severity,
        blocks,
        population_rows,
        population_amount,
        violations,
        violation_amount,
        currency,
        status,
        query_hash
    from source

)

select * from final
order by control_id, period, selling_entity, channel, currency
