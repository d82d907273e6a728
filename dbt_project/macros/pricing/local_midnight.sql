{# The UTC instant at which a local date begins in a zone; daylight saving moves it. #}
{% macro local_midnight(day, zone) -%}
    timezone('UTC', timezone({{ zone }}, cast({{ day }} as timestamp)))
{%- endmacro %}
