{# Canonical JSON of properties and their values over the rows of a group: sorted keys, no blanks, a property that the
   event lacks is null. With no row it is null: the caller says what that means. #}
{% macro json_key(property, value) -%}
    '{' || string_agg(
        to_json({{ property }}) || ':' || coalesce(to_json({{ value }}), 'null'), ',' order by {{ property }}
    ) || '}'
{%- endmacro %}
