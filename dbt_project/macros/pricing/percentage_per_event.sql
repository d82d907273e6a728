{#
percentage priced per event: which prices need their events, and what one event costs. Two sets of rules, as the price
says. With a limit per event each event is charged alone while the allowances run down; without one the allowances are
read from running totals and the percentage is of what is left of the sum. Order: event time, source, event id.
An allowance of zero is none.
#}

{# A price that totals do not tell: only its events go to the lake for their single values. #}
{% macro priced_per_event(cells) -%}
    ({{ cells }}.model = 'percentage' and (
        {{ has_event_limits(cells) }}
        or nullif({{ cells }}.free_events, 0) is not null
        or (nullif({{ cells }}.free_amount, 0) is not null and coalesce({{ cells }}.fixed_per_event, 0) <> 0)
    ))
{%- endmacro %}

{% macro has_event_limits(cells) -%}
    (coalesce({{ cells }}.min_per_event, {{ cells }}.max_per_event) is not null)
{%- endmacro %}

{# With limits: what of an event's value is charged; null = the event is free. A free amount goes first: events are free
   as long as it exceeds what they add up to, the one that exhausts it pays for the rest of its value, and with that the
   free events have ended too. #}
{% macro event_value_charged(value, event_no, running_total, free_events, free_amount) -%}
    case
        when {{ free_amount }} is null
            then case when {{ event_no }} <= {{ free_events }} then null else {{ value }} end
        when {{ running_total }} >= {{ free_amount }}
            then least({{ value }}, {{ running_total }} - {{ free_amount }})
    end
{%- endmacro %}

{# With limits: the value at which percentage and fee come to a limit, so that events are compared by their value and
   none is multiplied alone. Without a percentage the fee alone is below the limit, or never is. #}
{% macro value_at_fee(event_limit, rate_percent, fixed_per_event) -%}
    case
        when {{ event_limit }} is null then null
        when coalesce({{ rate_percent }}, 0) > 0
            then {{ multiply_divide("(" ~ event_limit ~ " - " ~ fixed_per_event ~ ")", '100', rate_percent) }}
        when {{ fixed_per_event }} < {{ event_limit }} then 99999999999999
        else -1
    end
{%- endmacro %}

{# With limits: what became of an event. #}
{% macro event_outcome(charged_value, value_at_minimum, value_at_maximum) -%}
    case
        when {{ charged_value }} is null then 'free'
        when {{ charged_value }} < {{ value_at_minimum }} then 'minimum'
        when {{ charged_value }} > {{ value_at_maximum }} then 'maximum'
        else 'charged'
    end
{%- endmacro %}

{# On totals: the free units are the running total of the last free event, or the free amount where that is less. #}
{% macro free_units_of_totals(leading_total, free_amount) -%}
    greatest(least({{ leading_total }}, coalesce({{ free_amount }}, {{ leading_total }})), 0)
{%- endmacro %}

{# On totals: the events without the fee are the free events, or those whose running total is below the free amount,
   the fewer where both are set. #}
{% macro free_events_of_totals(event_count, free_events, below_free_amount, free_amount) -%}
    least({{ event_count }}, {{ free_events }}, case when {{ free_amount }} is not null then {{ below_free_amount }} end)
{%- endmacro %}
