{#
The one place that rounds money. DuckDB's round() wants a constant number of places and round_even() gives DOUBLE.
#}

{# 10^(12 - places) as HUGEINT: how many 10^-12ths one unit of the last kept place holds. Written as text because
   pow() is DOUBLE and a CASE over all places, repeated in every rounding, costs a second of planning per model. #}
{% macro rounding_unit(places) -%}
    cast(rpad('1', 13 - ({{ places }}), '0') as hugeint)
{%- endmacro %}

{# x rounded to `places` (-2..12) digits by `mode`: half_up (away from zero), half_even, ceil, floor.
   `mode` is an SQL expression; null places or an unknown mode give null, which a not_null test then finds. #}
{% macro round_amount(x, places, mode="'half_up'") -%}
    {%- set v = scaled(x) -%}
    {%- set u = "(" ~ rounding_unit(places) ~ ")" -%}
    {{ unscaled(
        "(case " ~ mode ~ "
        when 'half_up' then " ~ divide_whole(v, u) ~ "
        when 'half_even' then sign(" ~ v ~ ") * (abs(" ~ v ~ ") // " ~ u ~ "
            + case
                when abs(" ~ v ~ ") % " ~ u ~ " * 2 > " ~ u ~ " then 1
                when abs(" ~ v ~ ") % " ~ u ~ " * 2 = " ~ u ~ " then abs(" ~ v ~ ") // " ~ u ~ " % 2
                else 0
            end)
        when 'ceil' then " ~ v ~ " // " ~ u ~ " + case when " ~ v ~ " % " ~ u ~ " > 0 then 1 else 0 end
        when 'floor' then " ~ v ~ " // " ~ u ~ " - case when " ~ v ~ " % " ~ u ~ " < 0 then 1 else 0 end
        end) * " ~ u) }}
{%- endmacro %}
