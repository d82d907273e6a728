{#
Burns grants over slices of lines: grants in the order of `burn_rank`, slices in the order of `slice_order`, each slice
only from the grants it is `eligible` for, no grant below zero. One step of the recursion empties one grant, and what a
slice has left goes on to the next; as a grant always burns before those after it, that equals event by event.
  slices(contract_id, slice_key, slice_order, drawable)      one row a slice, drawable >= 0
  eligible(contract_id, slice_key, grant_id, burn_rank, grant_amount)
Gives one row per slice and rank: grant_id, drawn_amount, left_amount, is_last (nothing may burn after it).
#}
{% macro draw_credits(slices, eligible) -%}
(
    with recursive last_ranks as (
        select contract_id, max(burn_rank) as last_rank from {{ eligible }} group by contract_id
    ),

    burned as (
        select
            slices.contract_id,
            slices.slice_key,
            slices.slice_order,
            last_ranks.last_rank,
            cast(0 as bigint) as burn_rank,
            cast(null as varchar) as grant_id,
            cast(0 as decimal(38, 12)) as drawn_amount,
            cast(slices.drawable as decimal(38, 12)) as left_amount
        from {{ slices }} as slices
        inner join last_ranks on slices.contract_id = last_ranks.contract_id

        union all

        select
            contract_id,
            slice_key,
            slice_order,
            last_rank,
            burn_rank,
            grant_id,
            cast(greatest(least(left_amount, grant_amount - burned_before), 0) as decimal(38, 12)) as drawn_amount,
            cast(
                left_amount - greatest(least(left_amount, grant_amount - burned_before), 0) as decimal(38, 12)
            ) as left_amount
        from (
            select
                burned.contract_id,
                burned.slice_key,
                burned.slice_order,
                burned.last_rank,
                burned.burn_rank + 1 as burn_rank,
                burned.left_amount,
                eligible.grant_id,
                coalesce(eligible.grant_amount, 0) as grant_amount,
                cast(coalesce(sum(case when eligible.grant_id is not null then burned.left_amount else 0 end) over (
                    partition by burned.contract_id order by burned.slice_order
                    rows between unbounded preceding and 1 preceding
                ), 0) as decimal(38, 12)) as burned_before
            from burned
            left join {{ eligible }} as eligible
                on burned.slice_key = eligible.slice_key
                and burned.burn_rank + 1 = eligible.burn_rank
            where burned.burn_rank < burned.last_rank
        ) as stepped
    )

    select
        contract_id,
        slice_key,
        burn_rank,
        grant_id,
        drawn_amount,
        left_amount,
        burn_rank = last_rank as is_last
    from burned
    where burn_rank > 0
)
{%- endmacro %}

{#
Credit drawn from lines: what of each line may be drawn is spread over its slices, and grants burn over those. The model
states three CTEs before it: `lines_cte` (line_key, amount, line_order, rounding_places and the columns of
`partition_by`), slices (as int_line_slices__weighed) and eligible (see draw_credits). Gives the CTE drawn.
#}
{% macro drawn_from_lines(lines_cte, partition_by) -%}
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
            contract_id,
            slice_key,
            slice_order,
            allocated as drawable
        from {{ allocate('weighed', 'line_key', 'line_drawable', 'weight', 'rounding_places', 'slice_order') }}

    ),

    drawn as (

        select * from {{ draw_credits('drawable_slices', 'eligible') }}

    )
{%- endmacro %}
