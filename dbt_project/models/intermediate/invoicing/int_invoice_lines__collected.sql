with priced_lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

discount_lines as (

    select {{ line_columns() }} from {{ ref('int_discount_lines__allocated') }}

),

credit_lines as (

    select {{ line_columns() }} from {{ ref('int_credit_lines__drawn') }}

),

tax_lines as (

    select * from {{ ref('int_tax_lines__computed') }}

),

included_taxes as (

    select
        parent_line_key as line_key,
        cast(sum(amount) as decimal(38, 12)) as tax_amount,
        cast(sum(unrounded_amount) as decimal(38, 12)) as unrounded_tax
    from tax_lines
    where is_inclusive
    group by parent_line_key

),

-- An inclusive tax is taken out of its line, so that the subtotal is net and the lines still add up to the total.
net_lines as (

    select
        priced_lines.* exclude (amount, unrounded_amount),
        cast(priced_lines.unrounded_amount - coalesce(included_taxes.unrounded_tax, 0) as decimal(38, 12))
            as unrounded_amount,
        cast(priced_lines.amount - coalesce(included_taxes.tax_amount, 0) as decimal(38, 12)) as amount
    from priced_lines
    left join included_taxes on priced_lines.line_key = included_taxes.line_key

),

final as (

    select {{ line_columns() }} from net_lines
    union all
    select * from discount_lines
    union all
    select * from credit_lines
    union all
    select {{ line_columns() }} from tax_lines

)

select * from final
