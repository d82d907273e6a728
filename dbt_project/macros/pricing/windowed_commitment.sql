{# Windowed commitments that are compared window by window: by local day or hour, and those in units. #}
{% macro is_settled_by_window(commitments) -%}
    (
        {{ commitments }}.kind = 'windowed' and (
            {{ commitments }}.time_window in ('day', 'hour')
            or ({{ commitments }}.time_window = 'billing_period' and {{ commitments }}.quantity is not null)
        )
    )
{%- endmacro %}

{# What a window comes to: the commitment and what goes beyond it at the factor; below it the commitment where it is
   trued up, else what was used. Without a commitment, what was used. #}
{% macro window_charge(cost, committed, overage_factor, true_up) -%}
    case
        when {{ committed }} is null then {{ cost }}
        when {{ cost }} >= {{ committed }}
            then {{ committed }} + {{ multiply("(" ~ cost ~ " - " ~ committed ~ ")", overage_factor) }}
        when {{ true_up }} then {{ committed }}
        else {{ cost }}
    end
{%- endmacro %}

{# Whether an hour of the day lies in a band; one that ends before it begins goes over midnight. #}
{% macro hour_in_band(hour_of_day, from_hour, to_hour) -%}
    case
        when {{ from_hour }} < {{ to_hour }} then {{ hour_of_day }} >= {{ from_hour }} and {{ hour_of_day }} < {{ to_hour }}
        else {{ hour_of_day }} >= {{ from_hour }} or {{ hour_of_day }} < {{ to_hour }}
    end
{%- endmacro %}
