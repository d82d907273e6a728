{#
What an adjustment line corrects stands in its `reference_id`: the document id of the corrected bill date and, after the
last "#", the kind of the corrected line, as in C-1/2026-02-01/invoice/0#usage. The document id ends with its bill date,
kind and revision. Other lines are what they say.
#}
{% macro adjustment_reference(document_id, line_kind) -%}
    {{ document_id }} || '#' || {{ line_kind }}
{%- endmacro %}

{# The document id of an adjustment's reference. #}
{% macro adjusted_document(line) -%}
    regexp_replace({{ line }}.reference_id, '#[^#]*$', '')
{%- endmacro %}

{# The kind of line that terms speak of: an adjustment is treated as what it corrects. #}
{% macro priced_kind(line) -%}
    case
        when {{ line }}.line_kind = 'adjustment' then split_part({{ line }}.reference_id, '#', -1)
        else {{ line }}.line_kind
    end
{%- endmacro %}

{# The bill date whose terms and counts apply: an adjustment belongs to the one it corrects. #}
{% macro priced_bill_date(line) -%}
    case
        when {{ line }}.line_kind = 'adjustment'
            then cast(split_part({{ adjusted_document(line) }}, '/', -3) as date)
        else {{ line }}.bill_date
    end
{%- endmacro %}
