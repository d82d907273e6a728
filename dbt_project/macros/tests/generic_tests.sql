{# One row per combination of the given columns. #}
{% test grain(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{# The expression holds for every row (null counts as a failure: state nulls in the expression). #}
{% test expression_is_true(model, expression) %}
select * from {{ model }} where ({{ expression }}) is not true
{% endtest %}
