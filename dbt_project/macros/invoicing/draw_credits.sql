{#
Burns grants over slices of what is used or owed: turn by turn, in each the slices in the order of `slice_order`, each
slice only from the turns it is `eligible` for, no grant below zero.
  slices(wallet_key, slice_key, slice_order, drawable)   drawable >= 0
  turns   as int_credit_turns__listed
  eligible(slice_key, turn_no)                           the turns that may burn for a slice
Gives one row per slice and turn that burned: slice_key, turn_no, grant_id, step_no, drawn_amount.

Slices next to each other that the same turns may burn for are taken as one run, so that where all grants are alike in
scope the recursion sees one row between two beginnings or ends of grants, however many slices there are. What a turn
takes from a run is then laid over the run's slices by interval overlap.
#}
{% macro draw_credits(slices, turns, eligible) -%}
(
    with recursive choices as (
        select
            slices.wallet_key,
            slices.slice_key,
            slices.slice_order,
            cast(slices.drawable as decimal(38, 12)) as drawable,
            string_agg(cast(eligible.turn_no as varchar), ',' order by eligible.turn_no) as turn_nos
        from {{ slices }} as slices
        inner join {{ eligible }} as eligible on slices.slice_key = eligible.slice_key
        where slices.drawable > 0
        group by slices.wallet_key, slices.slice_key, slices.slice_order, slices.drawable
    ),

    compared as (
        select
            *,
            not coalesce(
                lag(turn_nos) over (partition by wallet_key order by slice_order) = turn_nos, false
            ) as is_new_run
        from choices
    ),

    in_runs as (
        select
            *,
            sum(case when is_new_run then 1 else 0 end) over (
                partition by wallet_key order by slice_order rows unbounded preceding
            ) as run_no
        from compared
    ),

    runs as (
        select wallet_key, run_no, any_value(turn_nos) as turn_nos, cast(sum(drawable) as decimal(38, 12)) as demand
        from in_runs
        group by wallet_key, run_no
    ),

    run_turns as materialized (
        select wallet_key, run_no, cast(unnest(string_split(turn_nos, ',')) as bigint) as turn_no from runs
    ),

    wallet_turns as materialized (
        select * from {{ turns }} where wallet_key in (select runs.wallet_key from runs)
    ),

    -- Two kinds of rows: runs with what is open of them (grant_id null), and grants with their balance (run_no null).
    burned as (
        select
            wallet_key,
            cast(0 as bigint) as turn_no,
            run_no,
            cast(null as varchar) as grant_id,
            demand as open_amount,
            cast(0 as decimal(38, 12)) as drawn_amount
        from runs

        union all

        select distinct
            wallet_key,
            cast(0 as bigint) as turn_no,
            cast(null as hugeint) as run_no,
            grant_id,
            cast(0 as decimal(38, 12)) as open_amount,
            cast(0 as decimal(38, 12)) as drawn_amount
        from wallet_turns

        union all

        select
            wallet_key,
            turn_no,
            run_no,
            grant_id,
            cast(case
                when run_no is not null then open_amount - drawn_amount
                when is_burning then opening - least(opening, demanded)
                else open_amount
            end as decimal(38, 12)) as open_amount,
            drawn_amount
        from (
            select
                *,
                cast(case
                    when is_wanted then greatest(least(open_amount, opening - wanted_before), 0) else 0
                end as decimal(38, 12)) as drawn_amount
            from (
                select
                    burned.wallet_key,
                    wallet_turns.turn_no,
                    burned.run_no,
                    burned.grant_id,
                    burned.open_amount,
                    run_turns.run_no is not null as is_wanted,
                    coalesce(burned.grant_id = wallet_turns.grant_id, false) as is_burning,
                    max(case
                        when burned.grant_id <> wallet_turns.grant_id then null
                        when burned.run_no is not null then null
                        when not wallet_turns.is_beginning then burned.open_amount
                        when wallet_turns.step_no = 1 then wallet_turns.granted_amount
                        else
                            wallet_turns.granted_amount + {{ rolled_over(
                                'burned.open_amount', 'wallet_turns.kept_at_least', 'wallet_turns.kept_at_most') }}
                    end) over by_wallet as opening,
                    coalesce(sum(case when run_turns.run_no is not null then burned.open_amount end) over (
                        partition by burned.wallet_key order by burned.run_no
                        rows between unbounded preceding and 1 preceding
                    ), 0) as wanted_before,
                    coalesce(
                        sum(case when run_turns.run_no is not null then burned.open_amount end) over by_wallet, 0
                    ) as demanded
                from burned
                inner join wallet_turns
                    on burned.wallet_key = wallet_turns.wallet_key
                    and burned.turn_no + 1 = wallet_turns.turn_no
                left join run_turns
                    on burned.wallet_key = run_turns.wallet_key
                    and burned.run_no = run_turns.run_no
                    and wallet_turns.turn_no = run_turns.turn_no
                where burned.run_no is null or burned.open_amount > 0
                window by_wallet as (partition by burned.wallet_key)
            ) as faced
        ) as stepped
    ),

    run_draws as (
        select
            burned.wallet_key,
            burned.run_no,
            burned.turn_no,
            wallet_turns.grant_id,
            wallet_turns.step_no,
            burned.drawn_amount,
            sum(burned.drawn_amount) over (
                partition by burned.wallet_key, burned.run_no order by burned.turn_no rows unbounded preceding
            ) as drawn_to
        from burned
        inner join wallet_turns
            on burned.wallet_key = wallet_turns.wallet_key
            and burned.turn_no = wallet_turns.turn_no
        where burned.run_no is not null and burned.drawn_amount > 0
    ),

    placed as (
        select
            *,
            sum(drawable) over (
                partition by wallet_key, run_no order by slice_order rows unbounded preceding
            ) as used_to
        from in_runs
    )

    select
        placed.slice_key,
        run_draws.turn_no,
        run_draws.grant_id,
        run_draws.step_no,
        cast(
            least(placed.used_to, run_draws.drawn_to)
            - greatest(placed.used_to - placed.drawable, run_draws.drawn_to - run_draws.drawn_amount) as decimal(38, 12)
        ) as drawn_amount
    from placed
    inner join run_draws
        on placed.wallet_key = run_draws.wallet_key
        and placed.run_no = run_draws.run_no
        and placed.used_to > run_draws.drawn_to - run_draws.drawn_amount
        and placed.used_to - placed.drawable < run_draws.drawn_to
)
{%- endmacro %}

{#
Credit drawn from lines: what of each line may be drawn is spread over its slices, and grants burn over those. The model
states three CTEs before it: `lines_cte` (line_key, amount, line_order, rounding_places and the columns of
`partition_by`), slices (as int_line_slices__weighed), and the turns of `pool` with what they are eligible for (see
draw_credits). Gives the CTE drawn.
#}
{% macro drawn_from_lines(lines_cte, partition_by, pool) -%}
    drawable_lines as (

        select * from {{ drawable(lines_cte, partition_by) }}

    ),

    weighed as (

        select
            slices.contract_id,
            slices.line_key,
            slices.slice_key,
            slices.slice_order,
            slices.weight,
            drawable_lines.drawable as line_drawable,
            drawable_lines.rounding_places
        from slices
        inner join drawable_lines on slices.line_key = drawable_lines.line_key

    ),

    drawable_slices as materialized (

        select
            concat_ws('/', contract_id, '{{ pool }}', 'currency') as wallet_key,
            slice_key,
            slice_order,
            allocated as drawable
        from {{ allocate('weighed', 'line_key', 'line_drawable', 'weight', 'rounding_places', 'slice_order') }}

    ),

    drawn as (

        select * from {{ draw_credits('drawable_slices', 'turns', 'eligible') }}

    )
{%- endmacro %}
