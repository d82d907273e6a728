{# A decimal as text without the zeros behind its last digit, for JSON that people read. #}
{% macro plain_number(x) -%}
    rtrim(rtrim(cast(cast({{ x }} as decimal(38, 12)) as varchar), '0'), '.')
{%- endmacro %}
