{# maximum: the share of the cap that falls to one part of a charge whose parts together exceed it. #}
{% macro share_of_maximum(maximum, amount, charge_amount) -%}
    {{ multiply_divide(maximum, amount, charge_amount) }}
{%- endmacro %}

{# minimum: what the charge's lines lack of it. #}
{% macro minimum_shortfall(minimum, charge_amount) -%}
    greatest({{ minimum }} - {{ charge_amount }}, 0)
{%- endmacro %}
