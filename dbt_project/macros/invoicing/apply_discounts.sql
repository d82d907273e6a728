{#
Discounts in sequence: each on what the one before has left of the line, never below zero. A percentage is rounded line
by line (stage line) or once for the document; an amount is spread over its lines by share of what is left, the residual
by largest remainder.
  lines(contract_id, bill_date, line_key, line_order, amount, rounding_places, rounding_mode, rounding_stage)
  eligible(contract_id, bill_date, line_key, discount_rank, discount_id, kind, value)   kind percent or amount
Gives one row per line and rank from 1 on: discount_id (null where the rank's discount is not for the line),
unrounded_discount, discount_amount, left_amount. Name CTEs that are materialized: each is read at every step.
#}
{% macro apply_discounts(lines, eligible) -%}
(
    with recursive last_ranks as materialized (
        select contract_id, bill_date, max(discount_rank) as last_rank
        from {{ eligible }}
        group by contract_id, bill_date
    ),

    applied as (
        select
            lines.contract_id,
            lines.bill_date,
            lines.line_key,
            lines.line_order,
            lines.rounding_places,
            lines.rounding_mode,
            lines.rounding_stage,
            last_ranks.last_rank,
            cast(0 as bigint) as discount_rank,
            cast(null as varchar) as discount_id,
            cast(0 as decimal(38, 12)) as unrounded_discount,
            cast(0 as decimal(38, 12)) as discount_amount,
            lines.amount as left_amount
        from {{ lines }} as lines
        inner join last_ranks
            on lines.contract_id = last_ranks.contract_id
            and lines.bill_date = last_ranks.bill_date

        union all

        select
            contract_id,
            bill_date,
            line_key,
            line_order,
            rounding_places,
            rounding_mode,
            rounding_stage,
            last_rank,
            discount_rank,
            discount_id,
            unrounded_discount,
            discount_amount,
            cast(left_amount - discount_amount as decimal(38, 12)) as left_amount
        from (
            with stepped as (
                select
                    applied.* exclude (discount_rank, discount_id, unrounded_discount, discount_amount),
                    applied.discount_rank + 1 as discount_rank,
                    eligible.discount_id,
                    eligible.kind,
                    least(eligible.value, 100) as percent,
                    eligible.value,
                    -- An amount is taken from what is owed; a percentage follows a line's sign, so that the credit for
                    -- an unused part gives the discount back.
                    case
                        when eligible.kind = 'percent' then applied.left_amount
                        when eligible.kind = 'amount' then greatest(applied.left_amount, 0)
                        else 0
                    end as base_amount
                from applied
                left join {{ eligible }} as eligible
                    on applied.line_key = eligible.line_key
                    and applied.discount_rank + 1 = eligible.discount_rank
                where applied.discount_rank < applied.last_rank
            ),

            summed as (
                select
                    *,
                    cast(sum(base_amount) over (partition by contract_id, bill_date) as decimal(38, 12)) as base_total,
                    {{ round_amount('value', 'rounding_places', 'rounding_mode') }} as rounded_value
                from stepped
            ),

            shared as (
                select
                    * exclude (rounded_value),
                    least(rounded_value, base_total) as capped_amount
                from summed
            ),

            measured as (
                select
                    *,
                    cast(case
                        when base_amount = 0 then 0
                        when kind = 'percent' then {{ percent_of('base_amount', 'percent') }}
                        else {{ multiply_divide('base_amount', 'capped_amount', 'base_total') }}
                    end as decimal(38, 12)) as unrounded_amount,
                    case
                        when coalesce(kind, 'percent') = 'percent' and rounding_stage = 'line' then line_key
                        else ''
                    end as rounding_group
                from shared
            )

            select
                * exclude (unrounded_amount, rounded_amount),
                unrounded_amount as unrounded_discount,
                rounded_amount as discount_amount
            from {{ round_together(
                'measured', 'contract_id, bill_date, rounding_group', 'rounding_places',
                "case when kind = 'amount' then 'half_up' else rounding_mode end", 'line_order') }}
        )
    )

    select * from applied
    where discount_rank > 0
)
{%- endmacro %}

{# A percentage of an amount, unrounded: a discount, a tax, a fee. #}
{% macro percent_of(amount, percent) -%}
    {{ multiply_divide(amount, percent, '100') }}
{%- endmacro %}
