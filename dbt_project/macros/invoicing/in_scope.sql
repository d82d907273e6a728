{# A line is in scope when the term names nothing, or names its charge (or commitment), its product or its kind: an
   adjustment's is the kind of what it corrects. `kind` where the relation has lines of one kind only. #}
{% macro in_scope(targets, line, kind=none) -%}
    (
        {{ targets }} is null
        or list_contains({{ targets }}, {{ line }}.charge_id)
        or list_contains({{ targets }}, {{ line }}.product)
        or list_contains({{ targets }}, {{ kind or priced_kind(line) }})
    )
{%- endmacro %}
