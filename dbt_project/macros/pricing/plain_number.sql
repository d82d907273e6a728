{# A decimal as text without the zeros behind its last digit, for JSON that people read. #}
{% macro plain_number(x) -%}
    rtrim(rtrim(cast(cast({{ x }} as decimal(38, 12)) as varchar), '0'), '.')
{%- endmacro %}

{# A member of a JSON object: the name and the decimal as text, or null. #}
{% macro json_number(name, x) -%}
    '"{{ name }}":' || coalesce('"' || {{ plain_number(x) }} || '"', 'null')
{%- endmacro %}
