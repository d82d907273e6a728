with grants as (

    select * from {{ ref('int_grants__ranked') }}

),

steps as (

    select * from {{ ref('int_grant_steps__balanced') }}

),

draws as (

    select * from {{ ref('int_credit_draws__dated') }}

),

run as (

    select {{ as_of() }} as as_of

),

successions as (

    select
        steps.*,
        lag(closing) over by_grant as prior_closing,
        lead(kept_amount) over by_grant as left_to_next
    from steps
    window by_grant as (partition by steps.contract_id, steps.grant_id order by steps.step_no)

),

-- What a step does not leave to the next expires on its last day; so does the rest of a grant that has ended. A minimum
-- rolled over that exceeds what was left is granted.
moves as (

    select
        successions.contract_id,
        successions.grant_id,
        successions.from_on as moved_on,
        successions.granted_amount + greatest(successions.kept_amount - coalesce(successions.prior_closing, 0), 0)
            as granted,
        0 as used,
        0 as expired,
        0 as overage
    from successions

    union all

    select
        successions.contract_id,
        successions.grant_id,
        successions.last_on as moved_on,
        0 as granted,
        0 as used,
        greatest(successions.closing - coalesce(successions.left_to_next, 0), 0) as expired,
        0 as overage
    from successions
    inner join grants
        on successions.contract_id = grants.contract_id
        and successions.grant_id = grants.grant_id
    cross join run
    where
        successions.left_to_next is not null
        or (successions.last_on <= run.as_of and successions.to_at >= grants.ends_at)

    union all

    select
        draws.contract_id,
        draws.grant_id,
        draws.drawn_on as moved_on,
        0 as granted,
        draws.drawn_amount as used,
        0 as expired,
        draws.overage_amount as overage
    from draws
    cross join run
    where draws.drawn_on <= run.as_of

),

by_month as (

    select
        contract_id,
        grant_id,
        strftime(moved_on, '%Y-%m') as period,
        sum(granted) as granted,
        sum(used) as used,
        sum(expired) as expired,
        sum(overage) as overage
    from moves
    group by contract_id, grant_id, strftime(moved_on, '%Y-%m')

),

months as (

    select
        grants.contract_id,
        grants.grant_id,
        grants.kind,
        grants.is_opening,
        grants.pool,
        grants.unit,
        grants.currency,
        grants.selling_entity,
        strftime(unnest(range(
            date_trunc('month', cast(grants.granted_on as timestamp)),
            cast(run.as_of as timestamp) + interval 1 day,
            interval 1 month
        )), '%Y-%m') as period
    from grants
    cross join run
    where grants.granted_on <= run.as_of

),

moved as (

    select
        months.*,
        coalesce(by_month.granted, 0) as granted,
        coalesce(by_month.used, 0) as used,
        coalesce(by_month.expired, 0) as expired,
        coalesce(by_month.overage, 0) as overage
    from months
    left join by_month
        on months.contract_id = by_month.contract_id
        and months.grant_id = by_month.grant_id
        and months.period = by_month.period

),

balanced as (

    select
        *,
        sum(granted - used - expired) over (
            partition by contract_id, grant_id order by period rows unbounded preceding
        ) as closing
    from moved

),

final as (

    select
        contract_id,
        grant_id,
        period,
        kind,
        coalesce(is_opening, false) as is_opening,
        pool,
        unit,
        currency,
        selling_entity,
        cast(closing - granted + used + expired as decimal(38, 12)) as opening,
        cast(granted as decimal(38, 12)) as granted,
        cast(used as decimal(38, 12)) as used,
        cast(expired as decimal(38, 12)) as expired,
        cast(closing as decimal(38, 12)) as closing,
        cast(overage as decimal(38, 12)) as overage
    from balanced

)

select * from final
