with contracts as (

    select
        agreement_id,
        min(end_user_account_id) as end_user_account_id
    from {{ ref('int_marketplace_contracts__current') }}
    where agreement_id is not null
    group by agreement_id

),

named as (

    select
        agreement_id,
        end_user_account_id
    from {{ ref('int_daily_usage__assigned') }}
    union all
    select
        agreement_id,
        end_user_account_id
    from {{ ref('int_marketplace_lines__measured') }}
    union all
    select
        agreement_id,
        null as end_user_account_id
    from contracts

),

sole as (

    select
        agreement_id,
        case when count(distinct end_user_account_id) = 1 then min(end_user_account_id) end as end_user_account_id
    from named
    where agreement_id is not null
    group by agreement_id

),

final as (

    select
        sole.agreement_id,
        contracts.agreement_id is not null as has_contract,
        coalesce(sole.end_user_account_id, contracts.end_user_account_id) as end_user_account_id
    from sole
    left join contracts on sole.agreement_id = contracts.agreement_id

)

select * from final
