{# Times of a case. An instant (Z or an offset) is shown as local time of the case's zone; the rest is local already. #}
{% macro is_instant(text) -%} regexp_matches({{ text }}, 'T.*(Z|[+-][0-9]{2}:?[0-9]{2})$') {%- endmacro %}

{% macro local_time(text, zone='timezone') -%}
    case
        when {{ is_instant(text) }} then timezone({{ zone }}, try_cast({{ text }} as timestamptz))
        else try_cast({{ text }} as timestamp)
    end
{%- endmacro %}

{% macro local_date(text, zone='timezone') -%} cast({{ local_time(text, zone) }} as date) {%- endmacro %}

{# A local time written as `like_text` is: a date, a local time or an instant. #}
{% macro time_text(local, like_text, zone='timezone') -%}
    case
        when length({{ like_text }}) = 10 then strftime({{ local }}, '%Y-%m-%d')
        when {{ is_instant(like_text) }}
            then strftime(timezone('UTC', timezone({{ zone }}, {{ local }})), '%Y-%m-%dT%H:%M:%SZ')
        else strftime({{ local }}, '%Y-%m-%dT%H:%M:%S')
    end
{%- endmacro %}

{# The names that billing systems have for a frequency, as a contract writes it; and how many of it the name means. #}
{% macro frequency_of(name) -%}
    case
        when {{ name }} in ('daily', 'thirty_days', 'thirty_one_days') then 'daily'
        when {{ name }} in ('weekly', 'biweekly') then 'weekly'
        when {{ name }} = 'monthly' then 'monthly'
        when {{ name }} = 'quarterly' then 'quarterly'
        when {{ name }} in ('semiannual', 'half_yearly', 'biannual') then 'semiannual'
        when {{ name }} in ('annual', 'yearly', 'biennial') then 'annual'
    end
{%- endmacro %}

{% macro every_of(name) -%}
    case {{ name }}
        when 'thirty_days' then 30
        when 'thirty_one_days' then 31
        when 'biweekly' then 2
        when 'biennial' then 2
        else 1
    end
{%- endmacro %}
