{{ config(tags=['phase_b']) }}
-- What is accrued is what the roll-forward says is unbilled, where our own documents bill it; where AWS bills it, what
-- the chain expects and AWS has not invoiced, and the usage of contracts that have no chain.
with accruals as (

    select
        selling_entity,
        currency,
        channel = 'aws_marketplace' as is_marketplace,
        accrued_amount as amount
    from {{ ref('fct_accruals') }}

),

unbilled as (

    select
        selling_entity,
        currency,
        false as is_marketplace,
        closing as amount
    from {{ ref('fct_receivable_rollforward') }}
    where kind = 'unbilled' and period = {{ month_of(as_of()) }}
    union all
    -- the roll-forward has statements that are not written yet in it
    select
        selling_entity,
        currency,
        false as is_marketplace,
        -unbilled_amount as amount
    from {{ ref('fct_unbilled') }}
    where channel = 'aws_marketplace'

),

not_invoiced as (

    select
        selling_entity,
        currency,
        true as is_marketplace,
        expected - invoiced as amount
    from {{ ref('fct_marketplace_chain') }}
    where aws_entity is null
    union all
    select
        contracts.selling_entity,
        metered.currency,
        true as is_marketplace,
        metered.amount
    from {{ ref('int_metered_usage__by_month') }} as metered
    inner join {{ ref('int_marketplace_contracts__current') }} as contracts
        on metered.contract_id = contracts.contract_id
    where contracts.agreement_id is null

),

both_sides as (

    select
        *,
        amount as accrued,
        0 as expected
    from accruals
    union all
    select
        *,
        0 as accrued,
        amount as expected
    from unbilled
    union all
    select
        *,
        0 as accrued,
        amount as expected
    from not_invoiced

)

select
    selling_entity,
    currency,
    is_marketplace,
    sum(accrued) as accrued,
    sum(expected) as expected
from both_sides
group by selling_entity, currency, is_marketplace
having sum(accrued) <> sum(expected)
