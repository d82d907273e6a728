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

{# The lines of every document add up to its total, and by kind to subtotal, discount, credit and tax. #}
{% test lines_add_up(model, lines) %}
with sums as (

    select
        document_id,
        sum(amount) as total,
        coalesce(sum(amount) filter (where line_kind not in ('discount', 'credit', 'tax')), 0) as subtotal,
        coalesce(sum(amount) filter (where line_kind = 'discount'), 0) as discount,
        coalesce(sum(amount) filter (where line_kind = 'credit'), 0) as credit_applied,
        coalesce(sum(amount) filter (where line_kind = 'tax'), 0) as tax
    from {{ lines }}
    group by document_id

)

select
    documents.document_id,
    documents.total,
    sums.total as total_of_lines
from {{ model }} as documents
full join sums on documents.document_id = sums.document_id
where
    (
        documents.total = sums.total
        and documents.subtotal = sums.subtotal
        and documents.discount = sums.discount
        and documents.credit_applied = sums.credit_applied
        and documents.tax = sums.tax
    ) is not true
{% endtest %}
