{# Values of a case's JSON. Numbers are text there, so that nothing is rounded on the way to DECIMAL. #}
{% macro text_of(json, key) -%} ({{ json }} ->> '$.{{ key }}') {%- endmacro %}

{# What is not a number is null: its figure is then missing, and the other cases go on. #}
{% macro number_of(json, key) -%} try_cast({{ text_of(json, key) }} as decimal(38, 12)) {%- endmacro %}

{% macro integer_of(json, key) -%} try_cast({{ number_of(json, key) }} as integer) {%- endmacro %}

{% macro flag_of(json, key) -%} try_cast({{ text_of(json, key) }} as boolean) {%- endmacro %}

{# A list as it stands; one value is a list of one. #}
{% macro list_of(json, key) -%}
    case json_type({{ json }} -> '$.{{ key }}')
        when 'ARRAY' then {{ json }} -> '$.{{ key }}'
        else json_array({{ json }} -> '$.{{ key }}')
    end
{%- endmacro %}

{# The amount of a member that is an object, or is the amount itself. #}
{% macro amount_of(item) -%}
    try_cast(case json_type({{ item }})
        when 'OBJECT' then {{ text_of(item, 'amount') }}
        when 'NULL' then null
        else {{ item }} ->> '$'
    end as decimal(38, 12))
{%- endmacro %}

{# One row per member of a list: `item` and its place `item_no`. A case without the list has no row. #}
{% macro items(relation, list) -%}
(
    select
        *,
        unnest(cast({{ list }} as json[])) as item,
        generate_subscripts(cast({{ list }} as json[]), 1) as item_no
    from {{ relation }}
)
{%- endmacro %}

{# A figure as text; what cannot be computed is null and is reported as missing. #}
{% macro figure(x) -%} cast(cast({{ x }} as decimal(38, 12)) as varchar) {%- endmacro %}

{# A column of decimals as a JSON list in order. #}
{% macro figure_list(x, order_by, where='true') -%}
    to_json(list({{ figure(x) }} order by {{ order_by }}) filter (where {{ where }}))
{%- endmacro %}

{# Named decimals as a JSON object. #}
{% macro figure_map(name, x) -%} json_group_object({{ name }}, {{ figure(x) }}) {%- endmacro %}

{# One rounding of a case: its places and mode. #}
{% macro rounded(x) -%} {{ round_amount(x, 'places', 'mode') }} {%- endmacro %}

{# Stage line (or each_fraction) rounds the parts before they are added, any other stage their sum. #}
{% macro rounded_sum(x) -%}
    case
        when any_value(stage) in ('line', 'each_fraction') then sum({{ rounded(x) }})
        else {{ round_amount('sum(' ~ x ~ ')', 'any_value(places)', 'any_value(mode)') }}
    end
{%- endmacro %}
