{#
A table as one `create or replace`, in place of dbt-duckdb's build beside, two renames and a drop: DuckDB replaces a table
in one transaction, and nobody but the run reads the warehouse meanwhile. Each of those steps costs more than most
models. A contract that is enforced is still compared with the query's columns first.
#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set is_contract = config.get('contract').enforced -%}
    {% if existing is not none and not existing.is_table %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {{ run_hooks(pre_hooks) }}
    {% if is_contract %}
        {{ get_assert_columns_equivalent(compiled_code) }}
    {% endif %}
    {% call statement('main') -%}
        create or replace table {{ target }}
        {%- if is_contract %}
        {{ get_table_columns_and_constraints() }};
        insert into {{ target }} {{ get_column_names() }}
        {{ get_select_subquery(compiled_code) }}
        {%- else %}
        as {{ compiled_code }}
        {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
