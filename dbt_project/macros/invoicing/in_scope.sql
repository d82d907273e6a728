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

{# What each term of the CTE applies_to names, as in_scope reads it; a term that names nothing has no row. #}
{% macro term_scopes(owner_id) -%}
    select
        contract_id,
        version,
        owner_id as {{ owner_id }},
        list(target) as targets
    from applies_to
    group by contract_id, version, owner_id
{%- endmacro %}
