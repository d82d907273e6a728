with source as (

    select * from {{ source('raw_close', 'control_results') }}

),

final as (

    select
        control_id,
        period,
        selling_entity,
        channel,
        severity,
        blocks,
        cast(population_rows as bigint) as population_rows,
        cast(population_amount as decimal(38, 12)) as population_amount,
        cast(violations as bigint) as violations,
        cast(violation_amount as decimal(38, 12)) as violation_amount,
        currency,
        status,
        query_hash
    from source

)

select * from final
