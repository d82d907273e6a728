{#
One macro per price model of a contract, named as the contract names it. Every model comes down to
quantity x unit price / per + flat price: a macro says which part of the quantity is priced, whether a tier is reached
(which makes its flat price due), or what the flat price is. price_amount then multiplies and divides once.
Arguments are columns; quantities and amounts are DECIMAL(38,12).
#}

{# unit: n x price, the price being for `per` units; dynamic: the metered amount x multiplier, per 1. #}
{% macro price_amount(quantity, unit_price, per, flat_price) -%}
    {{ multiply_divide(quantity, unit_price, per) }} + {{ flat_price }}
{%- endmacro %}

{# graduated: each unit in the tier it falls in, (from, up_to]. A quantity below zero (corrections) stays in tier 1. #}
{% macro graduated_tier_quantity(quantity, tier_no, from_quantity, up_to) -%}
    case
        when {{ tier_no }} = 1 then least({{ quantity }}, coalesce({{ up_to }}, {{ quantity }}))
        else greatest(least({{ quantity }}, coalesce({{ up_to }}, {{ quantity }})) - {{ from_quantity }}, 0)
    end
{%- endmacro %}

{% macro graduated_tier_reached(quantity, tier_no, from_quantity, flat_at_zero) -%}
    ({{ quantity }} > {{ from_quantity }} or ({{ flat_at_zero }} and {{ tier_no }} = 1 and {{ quantity }} = 0))
{%- endmacro %}

{# volume: all units at the tier that n reaches; up_to is inclusive. #}
{% macro volume_tier_holds(quantity, tier_no, from_quantity, up_to) -%}
    (({{ quantity }} > {{ from_quantity }} or {{ tier_no }} = 1)
    and ({{ up_to }} is null or {{ quantity }} <= {{ up_to }}))
{%- endmacro %}

{% macro volume_tier_reached(quantity, tier_no, from_quantity, up_to, flat_at_zero) -%}
    ({{ volume_tier_holds(quantity, tier_no, from_quantity, up_to) }}
    and ({{ quantity }} > 0 or ({{ flat_at_zero }} and {{ quantity }} = 0)))
{%- endmacro %}

{# block_size: the unit price is for each started block of the tier's quantity. #}
{% macro started_blocks(quantity, block_size) -%}
    {{ whole_parts(quantity, block_size, "'up'") }}
{%- endmacro %}

{# package: started (or full) packages of what goes beyond the free units. #}
{% macro package_count(quantity, package_size, free_units, package_rounding) -%}
    {{ whole_parts("greatest(" ~ quantity ~ " - " ~ free_units ~ ", 0)", package_size, package_rounding) }}
{%- endmacro %}

{# percentage on totals: the percentage is of what goes beyond the free amount ... #}
{% macro percentage_quantity(quantity, free_amount) -%}
    greatest({{ quantity }} - {{ free_amount }}, 0)
{%- endmacro %}

{# ... and every event costs a fee. #}
{% macro percentage_event_fees(event_count, fixed_per_event) -%}
    {{ multiply(event_count, fixed_per_event) }}
{%- endmacro %}

{# capacity: a tier's limit holds a peak up to and including it; a unit without a limit is held by every tier. #}
{% macro capacity_limit_holds(peak, limits, unit) -%}
    coalesce(
        {{ peak }}
        <= cast(cast(cast({{ limits }} as json) as map(varchar, varchar))[{{ unit }}] as decimal(38, 12)), true
    )
{%- endmacro %}
