{# The part of an amount that falls to `part_time` of `full_time` (days or seconds): multiplied first, divided once. #}
{% macro prorate(amount, part_time, full_time) -%}
    {{ multiply_divide(amount, part_time, full_time) }}
{%- endmacro %}

{# Calendar days of the half-open range of local dates; daylight saving does not matter to dates. #}
{% macro days_between(from_day, to_day) -%}
    date_diff('day', {{ from_day }}, {{ to_day }})
{%- endmacro %}

{# Seconds between two instants, so that a day of 23 or 25 hours counts as what it is. #}
{% macro seconds_between(from_at, to_at) -%}
    date_diff('second', {{ from_at }}, {{ to_at }})
{%- endmacro %}

{# Days where every month counts as `fixed_days_in_month` days (30/360): months apart x that, plus the days apart. #}
{% macro fixed_days_between(from_day, to_day, fixed_days_in_month) -%}
    (date_diff('month', {{ from_day }}, {{ to_day }}) * {{ fixed_days_in_month }}
    + extract('day' from {{ to_day }}) - extract('day' from {{ from_day }}))
{%- endmacro %}

{# What is credited for an unused part: never more than was paid less what was credited before, never below zero. #}
{% macro cap_credit(credit, paid, credited_before) -%}
    greatest(least({{ credit }}, {{ paid }} - {{ credited_before }}), 0)
{%- endmacro %}
