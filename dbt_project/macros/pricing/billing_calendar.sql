{#
Bill dates step from the anchor date by `every` units of the frequency. Month steps are counted from the anchor itself,
so that an anchor on day 29-31 clamps to a short month's end and comes back in the next long one.
#}

{# Months in one step of the calendar; 0 for calendars that step by days; null for a frequency we do not know. #}
{% macro calendar_step_months(frequency, every) -%}
    {{ every }} * case {{ frequency }}
        when 'daily' then 0
        when 'weekly' then 0
        when 'monthly' then 1
        when 'quarterly' then 3
        when 'semiannual' then 6
        when 'annual' then 12
    end
{%- endmacro %}

{# Days in one step of the calendar; 0 for calendars that step by months. #}
{% macro calendar_step_days(frequency, every) -%}
    {{ every }} * case {{ frequency }} when 'daily' then 1 when 'weekly' then 7 else 0 end
{%- endmacro %}

{# The boundary `step_no` steps from the anchor; negative steps lie before it. #}
{% macro billing_boundary(anchor_date, step_no, step_months, step_days) -%}
    cast(
        {{ anchor_date }}
        + to_months(cast({{ step_no }} * {{ step_months }} as integer))
        + to_days(cast({{ step_no }} * {{ step_days }} as integer)) as date
    )
{%- endmacro %}

{# A number of steps that surely lies before (margin < 0) or after (margin > 0) the day: two steps of slack, because
   month lengths and clamping make the quotient inexact. #}
{% macro billing_step_near(anchor_date, day, step_months, step_days, margin) -%}
    case
        when {{ step_months }} > 0
            then date_diff('month', {{ anchor_date }}, {{ day }}) // {{ step_months }} + {{ margin }}
        else date_diff('day', {{ anchor_date }}, {{ day }}) // {{ step_days }} + {{ margin }}
    end
{%- endmacro %}

{# Two calendars with an equal key have the same boundaries, however far apart their anchors stand. #}
{% macro calendar_key(anchor_date, step_months, step_days) -%}
    case
        when {{ step_months }} > 0
            then {{ step_months }} || 'm/'
                || (extract('year' from {{ anchor_date }}) * 12 + extract('month' from {{ anchor_date }}))
                % {{ step_months }} || '/' || extract('day' from {{ anchor_date }})
        else {{ step_days }} || 'd/' || date_diff('day', date '1970-01-01', {{ anchor_date }}) % {{ step_days }}
    end
{%- endmacro %}
