with payments as (

    select * from {{ ref('int_credit_payments__drawn') }}

),

reductions as (

    select * from {{ ref('int_credit_reductions__drawn') }}

),

meter_credits as (

    select * from {{ ref('int_meter_credits__drawn') }}

),

steps as (

    select * from {{ ref('int_grants__stepped') }}

),

draws as (

    select
        contract_id,
        grant_id,
        step_no,
        drawn_on,
        drawn_amount,
        overage_amount
    from payments

    union all

    select
        contract_id,
        grant_id,
        step_no,
        drawn_on,
        drawn_amount,
        0 as overage_amount
    from reductions

    union all

    select
        contract_id,
        grant_id,
        step_no,
        drawn_on,
        drawn_quantity as drawn_amount,
        overage_quantity as overage_amount
    from meter_credits

),

-- Nothing burns before the step or after its end.
final as (

    select
        draws.contract_id,
        draws.grant_id,
        draws.step_no,
        greatest(least(draws.drawn_on, steps.last_on), steps.from_on) as drawn_on,
        cast(sum(draws.drawn_amount) as decimal(38, 12)) as drawn_amount,
        cast(sum(draws.overage_amount) as decimal(38, 12)) as overage_amount
    from draws
    inner join steps
        on draws.contract_id = steps.contract_id
        and draws.grant_id = steps.grant_id
        and draws.step_no = steps.step_no
    group by all

)

select * from final
