{# The columns of every relation of lines, in order; `relation` prefixes them. #}
{% macro line_columns(relation=none) -%}
    {%- set columns = [
        'line_key', 'parent_line_key', 'contract_id', 'bill_date', 'timing', 'charge_id', 'reference_id', 'line_kind',
        'product', 'meter', 'group_key', 'service_from', 'service_to', 'quantity', 'unit', 'unrounded_amount', 'amount',
        'currency', 'price_version', 'original_period'
    ] -%}
    {%- for column in columns -%}
        {{ relation ~ '.' if relation else '' }}{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
