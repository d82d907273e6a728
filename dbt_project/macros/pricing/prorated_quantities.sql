{#
Quantities prorated by time: an event's full quantity moves a running total through the tiers, and the quantity prorated
for the time left is what is priced, spread over the tiers in the proportion of that move.
#}

{# What of the prorated quantity falls to a tier, when the running total went from `quantity_before` to
   `quantity_after`. #}
{% macro prorated_tier_quantity(prorated_quantity, quantity_before, quantity_after, tier_no, from_quantity, up_to) -%}
    case
        when {{ quantity_after }} = {{ quantity_before }} then 0
        else {{ multiply_divide(
            prorated_quantity,
            "(" ~ graduated_tier_quantity(quantity_after, tier_no, from_quantity, up_to) ~ " - "
            ~ graduated_tier_quantity(quantity_before, tier_no, from_quantity, up_to) ~ ")",
            "(" ~ quantity_after ~ " - " ~ quantity_before ~ ")") }}
    end
{%- endmacro %}

{# Seats of a period: the calendar days on which each was active, over the days of the whole period. #}
{% macro prorated_seats(seat_days, period_days) -%}
    {{ divide(seat_days, period_days) }}
{%- endmacro %}
