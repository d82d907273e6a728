{#
Incremental models of the marketplace (docs/decisions/0014) and of rating (0027) compute the rows anew that may differ from
the last build. Which those are is told by the models *__touched; what the last build read is kept in schema `built`
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

{# Rows of `columns` in which a model differs from what the last build read of it: those that came and those that went.
   A full build asks for none, and may follow on other columns. #}
{% macro changed_rows(model, columns) -%}
    {%- set names = columns | join(', ') %}
    {%- set built = adapter.get_relation(target.database, 'built', model)
        if execute and not should_full_refresh() else none %}
    {%- if built %}
        (select {{ names }} from {{ ref(model) }} except select {{ names }} from {{ built }})
        union all
        (select {{ names }} from {{ built }} except select {{ names }} from {{ ref(model) }})
    {%- else %}
        select {{ names }} from {{ ref(model) }}
        {{ 'where false' if should_full_refresh() }}
    {%- endif %}
{%- endmacro %}

{# Pre-hook: takes out of an incremental model the rows that it computes anew (`key`, a column or several, is in `touched`)
   and those that are no more (`key` is not in `standing`). #}
{% macro forget(key, touched, standing=none) -%}
    {%- if follows_last_build() %}
        {%- set columns = [key] if key is string else key %}
        {%- set row = '(' ~ columns | join(', ') ~ ')' %}
        delete from {{ this }}
        where
            {{ row }} in (select touched.{{ columns | join(', touched.') }} from {{ touched }} as touched)
            {%- if standing %}
                or {{ row }} not in (
                    select standing.{{ columns | join(', standing.') }}
                    from {{ standing }} as standing
                    where standing.{{ columns[0] }} is not null
                )
            {%- endif %}
    {%- endif %}
{%- endmacro %}

{# Condition on rows that an incremental model reads: those of the touched keys, in a first or full build all. #}
{% macro of_touched(key, touched) -%}
    {%- if follows_last_build() -%}
        {%- set columns = [key] if key is string else key -%}
        {%- set names = [] -%}
        {%- for column in columns %}{% do names.append('touched.' ~ column.split('.')[-1]) %}{% endfor -%}
        ({{ columns | join(', ') }}) in (select {{ names | join(', ') }} from {{ touched }} as touched)
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}

{# forget and of_touched for usage: `touched` has stretches of time of a series (int_usage__touched). #}
{% macro forget_usage(touched) -%}
    {%- if follows_last_build() %}
        delete from {{ this }} as usage where {{ of_touched_usage('usage', touched) }}
    {%- endif %}
{%- endmacro %}

{% macro of_touched_usage(usage, touched) -%}
    {%- if follows_last_build() -%}
        exists (
            select 1
            from {{ touched }} as touched
            where
                {{ usage }}.account_id = touched.account_id
                and {{ usage }}.meter = touched.meter
                and {{ usage }}.dimensions = touched.dimensions
                and {{ usage }}.bucket_from >= touched.from_at
                and {{ usage }}.bucket_from < touched.to_at
        )
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}
