{# Days or seconds from one local day's start to another's, as the contract prorates. Seconds run between the instants
   at which the local days begin, so that a day of 23 or 25 hours counts as what it is. #}
{% macro elapsed(from_day, to_day, proration, zone) -%}
    case {{ proration }}
        when 'second'
            then date_diff(
                'second', {{ local_midnight(from_day, zone) }}, {{ local_midnight(to_day, zone) }}
            )
        else date_diff('day', {{ from_day }}, {{ to_day }})
    end
{%- endmacro %}
