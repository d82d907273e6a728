{# What models write; the functions behind these names are in functions.sql. #}
{% macro scaled(x) -%} money_scaled({{ x }}) {%- endmacro %}
{% macro unscaled(n) -%} money_unscaled({{ n }}) {%- endmacro %}
{% macro divide_whole(n, d) -%} money_divide_whole({{ n }}, {{ d }}) {%- endmacro %}
{% macro multiply(a, b) -%} money_multiply({{ a }}, {{ b }}) {%- endmacro %}
{% macro multiply_divide(a, b, c) -%} money_multiply_divide({{ a }}, {{ b }}, {{ c }}) {%- endmacro %}
{% macro divide(a, b) -%} money_multiply_divide({{ a }}, 1, {{ b }}) {%- endmacro %}
