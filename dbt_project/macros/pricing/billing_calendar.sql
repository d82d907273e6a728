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

{# The first month's day that bills on `billing_day` (1-31): an anchor that clamps in short months and comes back. #}
{% macro billing_day_anchor(billing_day) -%}
    make_date(2000, 1, cast({{ billing_day }} as integer))
{%- endmacro %}

{# The day on which the month of `day` bills. #}
{% macro billing_day_of_month(anchor_date, day) -%}
    {{ billing_boundary(anchor_date, "date_diff('month', " ~ anchor_date ~ ", " ~ day ~ ")", '1', '0') }}
{%- endmacro %}

{#
Local date on which the period that begins on `start_day` ends. One that begins on its calendar is one step long. One
that does not (a stub) ends, by days and weeks, a whole step after the last boundary at or before it (days: after
itself); by the month, on its own month's billing day when that is still ahead; by the quarter or half-year, on an anchor
still ahead; else on the anchor's day so many months on. By the year it ends on the anchor's month and day.
#}
{% macro next_billing_day(start_day, anchor_date, frequency, every) -%}
    case {{ frequency }}
        when 'daily' then cast({{ start_day }} + to_days(cast({{ every }} as integer)) as date)
        when 'weekly' then cast(
            {{ start_day }}
            + to_days(cast(
                7 * {{ every }} - (7 + isodow({{ start_day }}) - isodow({{ anchor_date }})) % 7 as integer
            )) as date
        )
        when 'annual' then {{ billing_boundary(
            anchor_date, "(date_diff('year', " ~ anchor_date ~ ", " ~ start_day ~ ") + " ~ every ~ ")", '12', '0') }}
        else case
            when {{ frequency }} in ('quarterly', 'semiannual') and {{ start_day }} < {{ anchor_date }}
                then {{ anchor_date }}
            when
                {{ frequency }} = 'monthly'
                and {{ start_day }} < {{ billing_day_of_month(anchor_date, start_day) }}
                then {{ billing_day_of_month(anchor_date, start_day) }}
            else {{ billing_boundary(
                anchor_date,
                "(date_diff('month', " ~ anchor_date ~ ", " ~ start_day ~ ") + "
                ~ calendar_step_months(frequency, every) ~ ")", '1', '0') }}
        end
    end
{%- endmacro %}

{# The same for a moment: the boundary falls at the anchor's clock time; an end of the contract before it cuts it. #}
{% macro next_billing_date(period_start, anchor, frequency, every, ends_at='null') -%}
    least(
        {{ next_billing_day('cast(' ~ period_start ~ ' as date)', 'cast(' ~ anchor ~ ' as date)', frequency, every) }}
        + cast({{ anchor }} as time),
        coalesce({{ ends_at }}, timestamp '9999-12-31')
    )
{%- endmacro %}

{# Whole steps from one day to another: the largest n with from_day + n steps not after to_day. #}
{% macro whole_periods(from_day, to_day, step_months, step_days) -%}
    case
        when {{ step_months }} > 0
            then (
                date_diff('month', {{ from_day }}, {{ to_day }})
                - case when {{ billing_day_of_month(from_day, to_day) }} > {{ to_day }} then 1 else 0 end
            ) // {{ step_months }}
        else date_diff('day', {{ from_day }}, {{ to_day }}) // {{ step_days }}
    end
{%- endmacro %}
