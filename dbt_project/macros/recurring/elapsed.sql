{# Days or seconds from one local day's start to another's, as the contract prorates. Seconds run between the instants
   at which the local days begin. #}
{% macro elapsed(from_day, to_day, proration, zone) -%}
    case {{ proration }}
        when 'second'
            then {{ seconds_between(local_midnight(from_day, zone), local_midnight(to_day, zone)) }}
        else {{ days_between(from_day, to_day) }}
    end
{%- endmacro %}
