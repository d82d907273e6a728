with source as (

    select * from {{ ref('fct_readiness') }}

),

final as (

    select
        gate_id,
        period,
        selling_entity,
        channel,
        status,
        open_count,
        open_amount,
        currency,
        owner,
        first_blocking_cause,
        period_state
    from source

)

select * from final
order by gate_id, period, selling_entity, channel, currency
