-- The turns in which the steps of a wallet's grants burn. Grants burn one after another, each over its whole life, as
-- no later one can change what an earlier one finds. Where overage waits for the next grant that rule fails, and turns
-- are taken anew in every phase, the time between two beginnings or ends.
with steps as (

    select * from {{ ref('int_grants__stepped') }}

),

carrying_wallets as (

    select wallet_key
    from steps
    where pool = 'units'
    group by wallet_key
    having bool_or(preserve_overage)

),

boundaries as (

    select wallet_key, from_at as boundary_at from steps
    union
    select wallet_key, to_at as boundary_at from steps

),

phases as (

    select
        boundaries.wallet_key,
        boundaries.boundary_at as phase_from_at,
        lead(boundaries.boundary_at) over (
            partition by boundaries.wallet_key order by boundaries.boundary_at
        ) as phase_to_at
    from boundaries
    inner join carrying_wallets on boundaries.wallet_key = carrying_wallets.wallet_key

),

turns as (

    select
        steps.*,
        steps.from_at as turn_from_at,
        steps.to_at as turn_to_at,
        cast(null as timestamp) as phase_from_at
    from steps
    where steps.wallet_key not in (select carrying_wallets.wallet_key from carrying_wallets)

    union all

    select
        steps.*,
        phases.phase_from_at as turn_from_at,
        phases.phase_to_at as turn_to_at,
        phases.phase_from_at
    from steps
    inner join phases
        on steps.wallet_key = phases.wallet_key
        and steps.from_at <= phases.phase_from_at
        and steps.to_at > phases.phase_from_at

),

final as (

    select
        *,
        turn_from_at = from_at as is_beginning,
        row_number() over (
            partition by wallet_key
            order by phase_from_at, priority nulls last, burns_until, burn_rank, step_no
        ) as turn_no
    from turns

)

select * from final
