with balances as (

    select * from {{ ref('stg_opening__balances') }}

),

final as (

    select
        concat_ws('/', 'opening', selling_entity, coalesce(document_kind, kind), contract_id, number, grant_id, meter)
            as opening_id,
        {{ month_of('as_of') }} as period,
        *
    from balances
    -- Until its cut-over comes the former system still moves it.
    where as_of <= {{ as_of() }}

)

select * from final
