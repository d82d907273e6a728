{# The local day on which a slice burns credit: the last day of its usage (today at the latest: usage of a period still
   open has happened), the day ahead billing falls due, or the last day of a service billed behind. #}
{% macro drawn_on(slice, zone, today) -%}
    case
        when {{ slice }}.is_spread
            then least(cast(timezone(
                {{ zone }}, timezone('UTC', {{ slice }}.slice_to_at - interval 1 microsecond)
            ) as date), {{ today }})
        when {{ slice }}.timing = 'advance'
            then cast(timezone({{ zone }}, timezone('UTC', {{ slice }}.slice_from_at)) as date)
        else cast(timezone({{ zone }}, timezone('UTC', {{ slice }}.slice_to_at - interval 1 microsecond)) as date)
    end
{%- endmacro %}
