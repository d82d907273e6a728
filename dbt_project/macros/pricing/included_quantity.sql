{# What of an allowance a quantity uses when `used_before` of it is gone; corrections below zero use none. #}
{% macro use_included_quantity(quantity, included_quantity, used_before) -%}
    greatest(least(greatest({{ quantity }}, 0), coalesce({{ included_quantity }}, 0) - {{ used_before }}), 0)
{%- endmacro %}
