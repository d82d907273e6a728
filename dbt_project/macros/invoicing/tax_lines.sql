{# One tax of one line: added, it is rate / 100 of the amount. Where inclusive rates r1 + r2 are inside the amount, the
   net is amount / (100 + r1 + r2) and every rate, inside or added, counts on that: `gross_percent` is 100 + r1 + r2. #}
{% macro tax_amount(taxable_amount, rate_percent, gross_percent='100') -%}
    {{ multiply_divide(taxable_amount, rate_percent, gross_percent) }}
{%- endmacro %}

{#
Taxes of lines, rounded as `tax_rounding` says: a line's taxes together (line), each rate of a line (rate), each tax of
the document (by_tax) or all its tax (total). What a rounding leaves goes to the largest remainders.
  relation(contract_id, bill_date, line_key, line_order, tax_code, rate_percent, is_inclusive, taxable_amount,
           tax_rounding, rounding_places, rounding_mode)   one row per line and tax; may carry more columns
Adds unrounded_amount and rounded_amount; a line that owes nothing has no row.
#}
{% macro tax_lines(relation) -%}
(
    with divided as (
        select
            *,
            cast(
                100 + coalesce(sum(rate_percent) filter (where is_inclusive) over (partition by line_key), 0)
                as decimal(38, 12)
            ) as gross_percent
        from {{ relation }}
        where taxable_amount <> 0
    ),

    measured as (
        select
            *,
            {{ tax_amount('taxable_amount', 'rate_percent', 'gross_percent') }} as unrounded_amount,
            case tax_rounding
                when 'line' then line_key
                when 'rate' then line_key || '/' || tax_code
                when 'by_tax' then tax_code
                else ''
            end as rounding_group
        from divided
    )

    select * exclude (rounding_group)
    from {{ round_together(
        'measured', 'contract_id, bill_date, rounding_group', 'rounding_places', 'rounding_mode',
        'line_order, tax_code') }}
)
{%- endmacro %}
