{#
Exact decimal arithmetic. DuckDB's `/` and `avg` give DOUBLE, and a product of two DECIMAL(38,12) has 24 places and
overflows at 1e14. So products and quotients run on HUGEINT that counts 10^-12ths.
Arguments and results are DECIMAL(38,12); a result is rounded half-up (away from zero) at the 12th place.
An argument appears several times in the SQL a macro writes: pass columns, compute expressions in a CTE before.
The Python twin is billing_assets/money.py.
#}

{# x as a count of 10^-12ths; exact for |x| < 10^14, an error beyond. #}
{% macro scaled(x) -%}
    cast(cast({{ x }} as decimal(38, 12)) * 1000000000000 as hugeint)
{%- endmacro %}

{# The decimal that n 10^-12ths make: whole part and rest apart, so that no product leaves 38 digits. #}
{% macro unscaled(n) -%}
    (cast(({{ n }}) // 1000000000000 as decimal(38, 12))
    + cast(({{ n }}) % 1000000000000 as decimal(38, 0)) * cast(0.000000000001 as decimal(38, 12)))
{%- endmacro %}

{# n / d on whole numbers, half-up away from zero; null for d = 0. #}
{% macro divide_whole(n, d) -%}
    case
        when ({{ d }}) = 0 then null
        when (({{ n }}) < 0) = (({{ d }}) < 0)
            then (abs({{ n }}) + abs({{ d }}) // 2) // abs({{ d }})
        else -((abs({{ n }}) + abs({{ d }}) // 2) // abs({{ d }}))
    end
{%- endmacro %}

{# a x b as a count of 10^-12ths. The whole part of a is multiplied apart, so that a large quantity times a
   12-digit price fits: |a| < 10^20 and |b| < 10^14 with |a x b| < 10^26. #}
{% macro product_scaled(a, b) -%}
    (cast(trunc(cast({{ a }} as decimal(38, 12))) as hugeint) * {{ scaled(b) }}
    + {{ divide_whole(
        scaled("cast(" ~ a ~ " as decimal(38, 12)) - trunc(cast(" ~ a ~ " as decimal(38, 12)))") ~ " * " ~ scaled(b),
        "cast(1000000000000 as hugeint)") }})
{%- endmacro %}

{% macro multiply(a, b) -%}
    {{ unscaled(product_scaled(a, b)) }}
{%- endmacro %}

{# a x b / c, divided once; null for c = 0. A whole c (days, "per million") keeps the full range. #}
{% macro multiply_divide(a, b, c) -%}
    case
        when cast({{ c }} as decimal(38, 12)) = trunc(cast({{ c }} as decimal(38, 12)))
            then {{ unscaled(divide_whole(product_scaled(a, b), "cast(" ~ c ~ " as hugeint)")) }}
        else {{ unscaled(divide_whole(product_scaled(a, b) ~ " * 1000000000000", scaled(c))) }}
    end
{%- endmacro %}

{% macro divide(a, b) -%}
    {{ multiply_divide(a, "1", b) }}
{%- endmacro %}
