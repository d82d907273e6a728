{# The one place that rounds money; the functions behind these names are in functions.sql. #}
{% macro rounding_unit(places) -%} money_unit({{ places }}) {%- endmacro %}
{% macro round_amount(x, places, mode="'half_up'") -%} money_round({{ x }}, {{ places }}, {{ mode }}) {%- endmacro %}
