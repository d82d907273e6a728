{# True-up of a minimum spend or a window: what was committed and not spent. #}
{% macro true_up(committed, spent) -%}
    greatest({{ committed }} - {{ spent }}, 0)
{%- endmacro %}
