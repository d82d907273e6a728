{#
Rules of credit grants. A grant lives in steps: one, or as many as it recurs; its balance begins anew with each.
#}

{# recurrence {every_days, anchor}: the moment of a step, whole local days from the anchor (before it too). #}
{% macro grant_recurs_at(local_anchor, recurrence_no, every_days, zone) -%}
    timezone('UTC', timezone(
        {{ zone }}, {{ local_anchor }} + to_days(cast({{ recurrence_no }} * {{ every_days }} as integer))
    ))
{%- endmacro %}

{# rollover {min, max}: what a closing balance leaves to the next step; a null max limits nothing. #}
{% macro rolled_over(closing, kept_at_least, kept_at_most) -%}
    least(greatest({{ closing }}, {{ kept_at_least }}), {{ kept_at_most }})
{%- endmacro %}

{# A purchase that was credited gives its share of the grant back: what was not paid for is not there to draw. #}
{% macro purchase_granted(amount, billed_amount, credited_amount) -%}
    case
        when {{ billed_amount }} is null then {{ amount }}
        when {{ credited_amount }} >= {{ billed_amount }} then 0
        else {{ multiply_divide(amount, billed_amount ~ ' - ' ~ credited_amount, billed_amount) }}
    end
{%- endmacro %}
