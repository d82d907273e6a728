with cases as (

    select * from {{ ref('cases_stated') }}
    where op = 'tax'

),

lines as (

    select
        *,
        {{ number_of('item', 'amount') }} as amount,
        coalesce(
            {{ flag_of('item', 'inclusive') }}, {{ flag_of('inputs', 'inclusive') }},
            false
        ) as is_inclusive,
        unnest(range(coalesce({{ integer_of('inputs', 'repeat') }}, 1))) as copy_no
    from {{ items('cases', "(inputs -> '$.lines')") }}

),

keyed as (

    select
        *,
        case_id || '/' || item_no || '/' || copy_no as line_key,
        row_number() over (partition by case_id order by copy_no, item_no) as line_order
    from lines

),

rates as (

    select
        case_id as contract_id,
        date '2000-01-01' as bill_date,
        line_key,
        line_order,
        rate ->> '$' as tax_code,
        try_cast(rate ->> '$' as decimal(38, 12)) as rate_percent,
        is_inclusive,
        amount as taxable_amount,
        case when stage = 'none' then 'rate' else stage end as tax_rounding,
        places as rounding_places,
        mode as rounding_mode
    from (select *, unnest(cast((item -> '$.rates_percent') as json[])) as rate from keyed) as rated

),

taxes as (

    select * from {{ tax_lines('rates') }}

),

line_taxes as (

    select
        line_key,
        sum(rounded_amount) as tax,
        sum(case when is_inclusive then 0 else rounded_amount end) as added_tax
    from taxes
    group by line_key

),

by_line as (

    select
        keyed.case_id,
        {{ figure_list('coalesce(line_taxes.tax, 0)', 'keyed.line_order') }} as by_line,
        coalesce(sum(line_taxes.tax), 0) as tax,
        sum(keyed.amount) as amount,
        sum(keyed.amount + coalesce(line_taxes.added_tax, 0)) as total
    from keyed
    left join line_taxes on keyed.line_key = line_taxes.line_key
    group by keyed.case_id

),

-- A rate that taxes nothing is a tax of zero.
rate_sums as (

    select
        rates.contract_id as case_id,
        rates.tax_code,
        coalesce(sum(taxes.rounded_amount), 0) as tax
    from rates
    left join taxes
        on rates.line_key = taxes.line_key
        and rates.tax_code = taxes.tax_code
    group by rates.contract_id, rates.tax_code

),

by_rate as (

    select
        case_id,
        {{ figure_map('tax_code', 'tax') }} as by_tax
    from rate_sums
    group by case_id

),

effective as (

    select
        *,
        total - tax as net,
        {{ multiply_divide('tax', '100', '(total - tax)') }} as effective_rate
    from by_line

),

-- The effective rate is total tax over the taxable (net) amount, to 5 places of a percent.
final as (

    select
        effective.case_id,
        json_object(
            'tax', {{ figure('effective.tax') }},
            'by_line', effective.by_line,
            'by_tax', coalesce(by_rate.by_tax, '{}'),
            'total', {{ figure('effective.total') }},
            'net', {{ figure('effective.net') }},
            'taxable', {{ figure('effective.net') }},
            'effective_rate_percent', {{ figure(round_amount('effective.effective_rate', '5')) }}
        ) as figures
    from effective
    left join by_rate on effective.case_id = by_rate.case_id

)

select * from final
