with grants as (

    select * from {{ ref('int_grants__ranked') }}

),

purchases as (

    select * from {{ ref('int_prepaid__windowed') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

run as (

    select {{ as_of() }} as as_of

),

last_bill_dates as (

    select
        contract_id,
        max(bill_date) as last_bill_date
    from bill_dates
    group by contract_id

),

-- What is billed behind burns on its service's last day, which may lie ahead of today; usage never does.
horizons as (

    select
        grants.*,
        timezone(grants.timezone, timezone('UTC', coalesce(grants.anchor, grants.effective_at))) as local_anchor,
        timezone(grants.timezone, timezone('UTC', grants.effective_at)) as local_from,
        case
            when grants.pool = 'units' then run.as_of
            else greatest(run.as_of, coalesce(last_bill_dates.last_bill_date, run.as_of))
        end as last_step_on
    from grants
    left join last_bill_dates on grants.contract_id = last_bill_dates.contract_id
    cross join run

),

recurrences as (

    select
        *,
        unnest(range(
            date_diff('day', local_anchor, local_from) // every_days - 1,
            date_diff('day', local_anchor, cast(last_step_on as timestamp)) // every_days + 2
        )) as recurrence_no
    from horizons
    where every_days is not null

),

recurring_starts as (

    select
        contract_id,
        grant_id,
        {{ grant_recurs_at('local_anchor', 'recurrence_no', 'every_days', 'timezone') }} as from_at
    from recurrences

),

starts as (

    select
        contract_id,
        grant_id,
        effective_at as from_at,
        ends_at as to_at,
        amount
    from horizons
    where not is_bought_again

    union

    select
        horizons.contract_id,
        horizons.grant_id,
        recurring_starts.from_at,
        horizons.ends_at as to_at,
        horizons.amount
    from recurring_starts
    inner join horizons
        on recurring_starts.contract_id = horizons.contract_id
        and recurring_starts.grant_id = horizons.grant_id
    where
        recurring_starts.from_at > horizons.effective_at
        and recurring_starts.from_at < horizons.ends_at
        and cast(timezone(horizons.timezone, timezone('UTC', recurring_starts.from_at)) as date)
        <= horizons.last_step_on

    union

    -- A prepaid commitment that is bought again begins anew with each window.
    select
        horizons.contract_id,
        horizons.grant_id,
        greatest({{ local_midnight('purchases.window_from', 'purchases.timezone') }}, horizons.effective_at) as from_at,
        least({{ local_midnight('purchases.window_to', 'purchases.timezone') }}, horizons.ends_at) as to_at,
        purchases.granted_amount as amount
    from horizons
    inner join purchases
        on horizons.contract_id = purchases.contract_id
        and horizons.grant_id = purchases.commitment_id
    where horizons.is_bought_again

),

numbered as (

    select
        horizons.* exclude (amount, every_days, anchor, local_anchor, local_from, last_step_on),
        row_number() over by_grant as step_no,
        starts.from_at,
        coalesce(lead(starts.from_at) over by_grant, starts.to_at) as to_at,
        starts.amount,
        horizons.rollover_min is not null or horizons.rollover_max is not null or horizons.reset is false
            as rolls_over,
        horizons.is_bought_again or horizons.reset is false as adds_up
    from horizons
    inner join starts
        on horizons.contract_id = starts.contract_id
        and horizons.grant_id = starts.grant_id
    window by_grant as (partition by horizons.contract_id, horizons.grant_id order by starts.from_at)

),

final as (

    select
        contract_id,
        grant_id,
        pool,
        unit,
        concat_ws('/', contract_id, pool, unit) as wallet_key,
        step_no,
        from_at,
        to_at,
        -- What rolls over is all that a later step begins with, unless the step was paid for or nothing is reset.
        case when step_no > 1 and rolls_over and not adds_up then 0 else amount end as granted_amount,
        case when rolls_over then coalesce(rollover_min, 0) else 0 end as kept_at_least,
        case when rolls_over then rollover_max else 0 end as kept_at_most,
        case when is_bought_again and not rolls_over then to_at else ends_at end as burns_until,
        preserve_overage,
        priority,
        burn_rank,
        targets,
        purchased_by,
        timezone,
        cast(timezone(timezone, timezone('UTC', from_at)) as date) as from_on,
        -- the last local day, never before the first
        greatest(
            cast(timezone(timezone, timezone('UTC', to_at - interval 1 microsecond)) as date),
            cast(timezone(timezone, timezone('UTC', from_at)) as date)
        ) as last_on
    from numbered

)

select * from final
