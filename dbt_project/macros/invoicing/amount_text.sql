{# A decimal as text by its value: 12.340000000000 and 12.34 are both "12.34"; null is empty. #}
{% macro amount_text(x) -%}
    coalesce(rtrim(rtrim(cast({{ x }} as varchar), '0'), '.'), '')
{%- endmacro %}

{# The canonical text of one document line: what a content hash is made of, in the order of its columns. #}
{% macro line_text(line) -%}
    concat_ws(
        chr(31),
        {{ line }}.line_no,
        coalesce(cast({{ line }}.parent_line_no as varchar), ''),
        coalesce({{ line }}.charge_id, ''),
        coalesce({{ line }}.reference_id, ''),
        {{ line }}.line_kind,
        coalesce({{ line }}.product, ''),
        coalesce({{ line }}.meter, ''),
        {{ line }}.group_key,
        {{ line }}.service_from,
        {{ line }}.service_to,
        {{ amount_text(line ~ '.quantity') }},
        coalesce({{ line }}.unit, ''),
        {{ amount_text(line ~ '.unrounded_amount') }},
        {{ amount_text(line ~ '.amount') }},
        {{ line }}.currency,
        coalesce(cast({{ line }}.price_version as varchar), ''),
        coalesce({{ line }}.original_period, '')
    )
{%- endmacro %}

{# The canonical text of a document's header, the first part of its content hash. Python's twin is publication/content.py. #}
{% macro document_text(document) -%}
    concat_ws(
        chr(31),
        {{ document }}.document_id,
        {{ document }}.kind,
        {{ document }}.contract_id,
        {{ document }}.account_id,
        {{ document }}.channel,
        {{ document }}.selling_entity,
        {{ document }}.currency,
        {{ document }}.bill_date,
        {{ document }}.period_from,
        {{ document }}.period_to,
        {{ document }}.close_period,
        {{ amount_text(document ~ '.subtotal') }},
        {{ amount_text(document ~ '.discount') }},
        {{ amount_text(document ~ '.credit_applied') }},
        {{ amount_text(document ~ '.tax') }},
        {{ amount_text(document ~ '.total') }},
        {{ amount_text(document ~ '.paid_from_credits') }},
        {{ document }}.revision,
        coalesce({{ document }}.corrects_document_id, '')
    )
{%- endmacro %}
