{#
From roll-ups to the quantity of a charge's service period: one macro per aggregation of a contract.
Arguments are columns of int_usage__attributed; unique_count reads distinct values and weighted_sum needs the level at
the period's start, so those two take more than one bucket's partials.
#}

{% macro aggregate_sum() -%}
    sum(quantity_sum)
{%- endmacro %}

{% macro aggregate_count() -%}
    cast(sum(event_count) as decimal(38, 12))
{%- endmacro %}

{% macro aggregate_max() -%}
    max(quantity_max)
{%- endmacro %}

{% macro aggregate_min() -%}
    min(quantity_min)
{%- endmacro %}

{# By event time, then source, then event id: a total order, so that arrival order cannot matter. #}
{% macro aggregate_latest() -%}
    arg_max(latest_quantity, (latest_at, latest_source, latest_event_id))
{%- endmacro %}

{% macro aggregate_average(quantity, events) -%}
    {{ divide(quantity, events) }}
{%- endmacro %}

{% macro aggregate_unique_count(value) -%}
    cast(count(distinct {{ value }}) as decimal(38, 12))
{%- endmacro %}

{# Level x seconds that a bucket's changes add up to the end of the service period: each change counts from its own
   second, within the bucket by level_seconds, after it in whole. #}
{% macro aggregate_level_seconds(service_to_at) -%}
    sum(level_seconds + quantity_sum * greatest(date_diff('second', bucket_to, {{ service_to_at }}), 0))
{%- endmacro %}

{# The level at the start holds for every second of the service period. #}
{% macro opening_level_seconds(opening_level, service_seconds) -%}
    {{ opening_level }} * {{ service_seconds }}
{%- endmacro %}

{# The sum is shared over the whole of the charge's time in the billing period, so that a price change inside it does
   not count the level twice. #}
{% macro aggregate_weighted_sum(level_seconds, period_seconds) -%}
    {{ divide(level_seconds, period_seconds) }}
{%- endmacro %}
