{#
Incremental models of the marketplace compute the rows anew that may differ from the last build (docs/decisions/0014).
Which those are is told by the models int_marketplace_*__touched; what the last build read is kept in schema `built`
(billing_assets/transformation/last_build.py).
#}

{# Whether an incremental model keeps what it holds: not in its first and not in a full build, and not in unit tests. #}
{% macro follows_last_build() -%}
    {{ return(this is not none and is_incremental()) }}
{%- endmacro %}

{# The last batch of landed files that the last finished build has read; 0 where there is none. #}
{% macro last_built_batch() -%}
    (select coalesce(max(last_build.batch), 0) from {{ source('raw', 'last_build') }} as last_build)
{%- endmacro %}

{# Rows of `columns` in which a model differs from what the last build read of it: those that came and those that went. #}
{% macro changed_rows(model, columns) -%}
    {%- set built = adapter.get_relation(target.database, 'built', model) if execute else none %}
    {%- set names = columns | join(', ') %}
    {%- if built %}
        (select {{ names }} from {{ ref(model) }} except select {{ names }} from {{ built }})
        union all
        (select {{ names }} from {{ built }} except select {{ names }} from {{ ref(model) }})
    {%- else %}
        select {{ names }} from {{ ref(model) }}
    {%- endif %}
{%- endmacro %}

{# Pre-hook: takes out of an incremental model the rows that it computes anew (`key` is in `touched`) and those that are
   no more (`key` is not in `standing`). #}
{% macro forget(key, touched, standing=none) -%}
    {%- if follows_last_build() %}
        delete from {{ this }}
        where
            {{ key }} in (select touched.{{ key }} from {{ touched }} as touched)
            {%- if standing %}
                or {{ key }} not in (
                    select standing.{{ key }} from {{ standing }} as standing where standing.{{ key }} is not null
                )
            {%- endif %}
    {%- endif %}
{%- endmacro %}

{# Condition on rows that an incremental model reads: those of the touched keys, in a first or full build all. #}
{% macro of_touched(key, touched) -%}
    {%- if follows_last_build() -%}
        {{ key }} in (select touched.{{ key.split('.')[-1] }} from {{ touched }} as touched)
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}
