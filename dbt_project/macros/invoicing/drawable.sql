{#
What credit may take from lines: the positive amounts, less what the negative lines of the same `partition_by` give
back, which the first lines absorb. Needs columns amount and line_order; adds `drawable`.
#}
{% macro drawable(relation, partition_by) -%}
(
    with summed as (
        select
            *,
            cast(coalesce(sum(case when amount < 0 then -amount else 0 end) over (
                partition by {{ partition_by }}
            ), 0) as decimal(38, 12)) as _given_back,
            cast(sum(greatest(amount, 0)) over (
                partition by {{ partition_by }} order by line_order rows unbounded preceding
            ) as decimal(38, 12)) as _owed
        from {{ relation }}
    )

    select
        * exclude (_given_back, _owed),
        cast(greatest(least(greatest(amount, 0), _owed - _given_back), 0) as decimal(38, 12)) as drawable
    from summed
)
{%- endmacro %}
