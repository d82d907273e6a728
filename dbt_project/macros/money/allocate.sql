{#
Largest-remainder allocation as a query over `relation`: every column of it plus `allocated`.
Per `partition_by`, `total` (a multiple of 10^-places, equal on all rows) is spread by share of `weight` (>= 0): each
part is cut toward zero to the unit, the units left go one each to the largest remainders, ties by `order_by`.
All weights zero = the whole total to the first row. Sum of allocated = total, always.
#}
{% macro allocate(relation, partition_by, total, weight, places, order_by) -%}
(
    with measured as (
        select
            *,
            {{ scaled(total) }} // ({{ rounding_unit(places) }}) as _units,
            {{ scaled(weight) }} as _weight,
            {{ scaled("sum(" ~ weight ~ ") over (partition by " ~ partition_by ~ ")") }} as _whole
        from {{ relation }}
    ),

    shared as (
        select
            *,
            case when _whole = 0 then 0 else abs(_units) * _weight // _whole end as _share,
            case when _whole = 0 then 0 else abs(_units) * _weight % _whole end as _remainder
        from measured
    ),

    ranked as (
        select
            *,
            row_number() over (partition by {{ partition_by }} order by _remainder desc, {{ order_by }}) as _rank,
            abs(_units) - cast(sum(cast(_share as decimal(38, 0))) over (partition by {{ partition_by }}) as hugeint)
                as _left
        from shared
    )

    select
        * exclude (_units, _weight, _whole, _share, _remainder, _rank, _left),
        {{ unscaled(
            "sign(_units) * (_share + case when _whole = 0 and _rank = 1 then _left "
            ~ "when _whole <> 0 and _rank <= _left then 1 else 0 end) * (" ~ rounding_unit(places) ~ ")") }} as allocated
    from ranked
)
{%- endmacro %}
