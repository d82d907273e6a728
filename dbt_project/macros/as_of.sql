{# The business date of the run: a row of raw.run_context, not a dbt var, because vars defeat partial parsing. #}
{% macro as_of() -%}
    (select run_context.as_of from {{ source('raw', 'run_context') }} as run_context)
{%- endmacro %}
