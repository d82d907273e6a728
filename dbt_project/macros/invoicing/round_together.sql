{#
Rounds `unrounded_amount` of a relation so that each group adds up to the rounding of its own sum: every amount is cut
down to the unit and the units left go to the largest remainders, ties by `order_by`. A group of one row is plain
rounding. Adds `rounded_amount`; amounts may be negative.
#}
{% macro round_together(relation, partition_by, places, mode, order_by) -%}
(
    with scaled_up as (
        select
            *,
            {{ scaled('unrounded_amount') }} as _value,
            {{ rounding_unit(places) }} as _unit
        from {{ relation }}
    ),

    floored as (
        select *, _value // _unit - case when _value % _unit < 0 then 1 else 0 end as _floor
        from scaled_up
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by {{ partition_by }} order by _value - _floor * _unit desc, {{ order_by }}
            ) as _rank,
            cast(sum(unrounded_amount) over (partition by {{ partition_by }}) as decimal(38, 12)) as _sum,
            cast(sum(cast(_floor as decimal(38, 0))) over (partition by {{ partition_by }}) as hugeint) as _floors
        from floored
    ),

    measured as (
        select *, {{ scaled(round_amount('_sum', places, mode)) }} // _unit - _floors as _left
        from ranked
    )

    select
        * exclude (_value, _unit, _floor, _rank, _sum, _floors, _left),
        {{ unscaled('(_floor + case when _rank <= _left then 1 else 0 end) * _unit') }} as rounded_amount
    from measured
)
{%- endmacro %}
