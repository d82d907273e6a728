with states as (

    select * from {{ ref('stg_ledger__period_states') }}

),

final as (

    select
        selling_entity,
        max(locked_through) as locked_through,
        list(period order by period) filter (where state = 'soft_closed') as soft_closed
    from states
    group by selling_entity

)

select * from final
