with usage as (

    select * from {{ ref('int_usage__timed') }}

),

turns as materialized (

    select * from {{ ref('int_credit_turns__listed') }}
    where pool = 'units'

),

used as (

    select
        *,
        concat_ws('/', contract_id, 'units', meter) as wallet_key,
        concat_ws('/', contract_id, charge_id, service_from, group_key, cell_key, used_at) as slice_key,
        row_number() over (
            partition by contract_id, meter order by used_at, charge_id, service_from, group_key, cell_key
        ) as slice_order,
        quantity as drawable
    from usage
    where wallet_key in (select turns.wallet_key from turns)

),

-- Usage that found no credit waits, in its billing period, for the next grant that takes overage.
eligible as materialized (

    select
        used.slice_key,
        turns.turn_no
    from used
    inner join turns
        on used.wallet_key = turns.wallet_key
        and {{ in_scope('turns.targets', 'used', "'usage'") }}
        and used.used_at < turns.turn_to_at
        and (
            used.used_at >= turns.turn_from_at
            or (turns.preserve_overage and turns.is_beginning and used.period_to_at > turns.turn_from_at)
        )

),

drawn as (

    select * from {{ draw_credits('used', 'turns', 'eligible') }}

),

-- What no grant could pay is the overage of the last grant that might have.
last_turns as (

    select
        slice_key,
        max(turn_no) as turn_no
    from eligible
    group by slice_key

),

overages as (

    select
        used.slice_key,
        last_turns.turn_no,
        cast(used.quantity - coalesce(sum(drawn.drawn_amount), 0) as decimal(38, 12)) as overage
    from used
    inner join last_turns on used.slice_key = last_turns.slice_key
    left join drawn on used.slice_key = drawn.slice_key
    group by used.slice_key, last_turns.turn_no, used.quantity
    having used.quantity > coalesce(sum(drawn.drawn_amount), 0)

),

gathered as (

    select
        slice_key,
        turn_no,
        drawn_amount as drawn_quantity,
        cast(0 as decimal(38, 12)) as overage_quantity
    from drawn

    union all

    select
        slice_key,
        turn_no,
        cast(0 as decimal(38, 12)) as drawn_quantity,
        overage as overage_quantity
    from overages

),

final as (

    select
        used.contract_id,
        used.charge_id,
        used.service_from,
        used.group_key,
        used.cell_key,
        used.used_at,
        turns.grant_id,
        turns.step_no,
        cast(timezone(turns.timezone, timezone('UTC', greatest(used.used_at, turns.turn_from_at))) as date) as drawn_on,
        cast(sum(gathered.drawn_quantity) as decimal(38, 12)) as drawn_quantity,
        cast(sum(gathered.overage_quantity) as decimal(38, 12)) as overage_quantity
    from gathered
    inner join used on gathered.slice_key = used.slice_key
    inner join turns
        on used.wallet_key = turns.wallet_key
        and gathered.turn_no = turns.turn_no
    group by all

)

select * from final
