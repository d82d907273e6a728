-- What each step of a grant began with and closed with. Only rollover looks back, step by step: a recursion over those
-- grants alone; every other step begins with its amount.
with recursive steps as (

    select * from {{ ref('int_grants__stepped') }}

),

draws as (

    select * from {{ ref('int_credit_draws__dated') }}

),

run as (

    select {{ as_of() }} as as_of

),

used as (

    select
        draws.contract_id,
        draws.grant_id,
        draws.step_no,
        sum(draws.drawn_amount) as used
    from draws
    cross join run
    where draws.drawn_on <= run.as_of
    group by draws.contract_id, draws.grant_id, draws.step_no

),

begun as materialized (

    select
        steps.*,
        cast(coalesce(used.used, 0) as decimal(38, 12)) as used,
        bool_or(steps.kept_at_least > 0 or steps.kept_at_most is distinct from 0) over (
            partition by steps.contract_id, steps.grant_id
        ) as rolls_over
    from steps
    cross join run
    left join used
        on steps.contract_id = used.contract_id
        and steps.grant_id = used.grant_id
        and steps.step_no = used.step_no
    where steps.from_on <= run.as_of

),

rolled as (

    select
        contract_id,
        grant_id,
        step_no,
        cast(0 as decimal(38, 12)) as kept_amount,
        cast(granted_amount - used as decimal(38, 12)) as closing
    from begun
    where rolls_over and step_no = 1

    union all

    select
        begun.contract_id,
        begun.grant_id,
        begun.step_no,
        cast({{ rolled_over('rolled.closing', 'begun.kept_at_least', 'begun.kept_at_most') }} as decimal(38, 12))
            as kept_amount,
        cast(
            begun.granted_amount - begun.used
            + {{ rolled_over('rolled.closing', 'begun.kept_at_least', 'begun.kept_at_most') }} as decimal(38, 12)
        ) as closing
    from rolled
    inner join begun
        on rolled.contract_id = begun.contract_id
        and rolled.grant_id = begun.grant_id
        and rolled.step_no + 1 = begun.step_no

),

final as (

    select
        begun.contract_id,
        begun.grant_id,
        begun.step_no,
        begun.from_at,
        begun.to_at,
        begun.from_on,
        begun.last_on,
        begun.granted_amount,
        coalesce(rolled.kept_amount, 0) as kept_amount,
        begun.used,
        coalesce(rolled.closing, begun.granted_amount - begun.used) as closing
    from begun
    left join rolled
        on begun.contract_id = rolled.contract_id
        and begun.grant_id = rolled.grant_id
        and begun.step_no = rolled.step_no

)

select * from final
