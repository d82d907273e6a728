-- Whole invoices: lines, their discounts, coupons on the subtotal spread over the lines, taxes on what is left, and
-- what wallets and credit pay of the total. The order of components is that of the platform's documents.
with cases as (

    select
        *,
        coalesce(inputs -> '$.lines', inputs -> '$.fees', inputs -> '$.items') as stated_lines,
        coalesce({{ text_of('inputs', 'order') }}, 'listed') as coupon_order,
        case when stage = 'none' then unit_digits else places end as invoice_places
    from {{ ref('cases_stated') }}
    where op in ('invoice', 'invoice_net', 'wallet_after_tax')

),

items as (

    select
        *,
        {{ amount_of('item') }} as stated_amount,
        {{ number_of('item', 'quantity') }} as quantity,
        {{ number_of('item', 'unit_price') }} as unit_price,
        {{ number_of('item', 'tax') }} as stated_tax,
        case when stage = 'total' then '' else cast(item_no as varchar) end as rounding_group
    from {{ items('cases', 'stated_lines') }}

),

stated as (

    select
        *,
        coalesce(stated_amount, {{ price_amount('quantity', 'unit_price', '1', '0') }}) as unrounded_amount
    from items

),

priced as materialized (

    select
        *,
        case_id as contract_id,
        date '2000-01-01' as bill_date,
        case_id || '/' || item_no as line_key,
        item_no as line_order,
        rounded_amount as amount,
        invoice_places as rounding_places,
        mode as rounding_mode,
        'line' as rounding_stage,
        {{ text_of('item', 'kind') }} as line_kind
    from {{ round_together('stated', 'case_id, rounding_group', 'invoice_places', 'mode', 'item_no') }}

),

line_discounts as materialized (

    select
        contract_id,
        bill_date,
        line_key,
        1 as discount_rank,
        'line' as discount_id,
        'percent' as kind,
        {{ number_of('item', 'discount_percent') }} as value
    from priced
    where {{ number_of('item', 'discount_percent') }} is not null

),

discounted as (

    select
        priced.*,
        cast(
            priced.amount
            - coalesce(taken.discount_amount, 0)
            - coalesce({{ number_of('priced.item', 'discount') }}, 0) as decimal(38, 12)
        ) as net_amount
    from priced
    left join {{ apply_discounts('priced', 'line_discounts') }} as taken on priced.line_key = taken.line_key

),

subtotals as materialized (

    select
        case_id,
        case_id as contract_id,
        date '2000-01-01' as bill_date,
        case_id as line_key,
        1 as line_order,
        cast(sum(net_amount) as decimal(38, 12)) as amount,
        any_value(rounding_places) as rounding_places,
        any_value(rounding_mode) as rounding_mode,
        'line' as rounding_stage,
        any_value(currency) as currency,
        any_value(coupon_order) as coupon_order,
        any_value(inputs) as inputs
    from discounted
    group by case_id

),

coupons as materialized (

    select contract_id, bill_date, line_key, discount_rank, discount_id, kind, value
    from {{ ranked_coupons('subtotals') }}
    union all
    -- A discount of the invoice that is not a coupon comes first.
    select
        contract_id,
        bill_date,
        line_key,
        0 as discount_rank,
        'invoice' as discount_id,
        case when {{ text_of('inputs', 'discount') }} is null then 'percent' else 'amount' end as kind,
        coalesce({{ number_of('inputs', 'discount') }}, {{ number_of('inputs', 'discount_percent') }}) as value
    from subtotals
    where {{ text_of('inputs', 'discount') }} is not null or {{ text_of('inputs', 'discount_percent') }} is not null

),

ranked as materialized (

    select
        * exclude (discount_rank),
        row_number() over (partition by contract_id order by discount_rank) as discount_rank
    from coupons

),

coupon_sums as (

    select
        line_key as case_id,
        sum(discount_amount) as discount
    from {{ apply_discounts('subtotals', 'ranked') }}
    group by line_key

),

-- Each tax over all lines is taken on exact shares of a discount; else the shares are money of their own.
weighed as (

    select
        discounted.*,
        cast(coalesce(coupon_sums.discount, 0) as decimal(38, 12)) as invoice_discount,
        greatest(discounted.net_amount, 0) as weight,
        case
            when coalesce(
                {{ text_of('discounted.inputs', 'method') }},
                case discounted.stage when 'by_tax' then 'proportional_exact' end
            ) = 'proportional_exact' then 12
            else discounted.rounding_places
        end as spread_places
    from discounted
    left join coupon_sums on discounted.case_id = coupon_sums.case_id

),

reduced as materialized (

    select
        *,
        cast(net_amount - allocated as decimal(38, 12)) as taxable_amount
    from {{ allocate('weighed', 'case_id', 'invoice_discount', 'weight', 'spread_places', 'item_no') }}

),

rates as (

    select
        *,
        rate ->> '$' as tax_code,
        try_cast(rate ->> '$' as decimal(38, 12)) as rate_percent,
        coalesce(
            {{ flag_of('item', 'inclusive') }}, {{ flag_of('inputs', 'inclusive') }},
            false
        ) as is_inclusive,
        case when stage in ('line', 'rate', 'by_tax', 'total') then stage else 'rate' end as tax_rounding
    from (
        select
            contract_id, bill_date, line_key, line_order, taxable_amount, stage, item, inputs, rounding_places,
            rounding_mode,
            unnest(cast(case
                when (item -> '$.rates_percent') is not null then item -> '$.rates_percent'
                when {{ text_of('item', 'tax_rate_percent') }} is not null
                    then json_array({{ text_of('item', 'tax_rate_percent') }})
                when (inputs -> '$.rates_percent') is not null then inputs -> '$.rates_percent'
                else json_array({{ text_of('inputs', 'tax_rate_percent') }})
            end as json[])) as rate
        from reduced
        where stated_tax is null
    ) as rated
    where json_type(rate) <> 'NULL'

),

taxes as materialized (

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

lines as materialized (

    select
        reduced.*,
        coalesce(line_taxes.tax, reduced.stated_tax, 0) as tax,
        reduced.taxable_amount
        + coalesce(line_taxes.added_tax, reduced.stated_tax, 0) as gross_amount
    from reduced
    left join line_taxes on reduced.line_key = line_taxes.line_key

),

by_line as (

    select
        case_id,
        sum(amount) as subtotal,
        sum(amount) - sum(taxable_amount) as discount,
        sum(tax) as tax,
        sum(gross_amount) as total,
        {{ figure_list('taxable_amount', 'item_no') }} as net_lines,
        {{ figure_list('tax', 'item_no') }} as tax_lines
    from lines
    group by case_id

),

rate_sums as (

    select
        contract_id as case_id,
        tax_code,
        sum(rounded_amount) as tax
    from taxes
    group by contract_id, tax_code

),

by_rate as (

    select
        case_id,
        {{ figure_map('tax_code', 'tax') }} as by_tax
    from rate_sums
    group by case_id

),

wallets as materialized (

    select * from {{ ranked_wallets('cases') }}

),

slices as materialized (

    select
        contract_id as wallet_key,
        line_key as slice_key,
        line_order as slice_order,
        line_kind,
        greatest(gross_amount, 0) as drawable
    from lines

),

eligible as materialized (

    select * from {{ wallets_of_lines('wallets', 'slices') }}

),

turns as materialized (

    select * from {{ wallet_turns('wallets') }}

),

wallet_sums as (

    select
        slices.wallet_key as case_id,
        burned.grant_id,
        sum(burned.drawn_amount) as applied
    from {{ draw_credits('slices', 'turns', 'eligible') }} as burned
    inner join slices on burned.slice_key = slices.slice_key
    group by slices.wallet_key, burned.grant_id

),

wallet_payments as (

    select
        case_id,
        sum(applied) as paid,
        {{ figure_map('grant_id', 'applied') }} as applied
    from wallet_sums
    group by case_id

),

stated_credits as (

    {% for name in ['credits', 'prepaid_credits', 'credit_notes'] -%}
    select case_id, {{ amount_of('item') }} as credit from {{ items('cases', list_of('inputs', name)) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

credits as (

    select
        case_id,
        sum(credit) as credit
    from stated_credits
    group by case_id

),

paid as (

    select
        by_line.*,
        coalesce(wallet_payments.paid, 0)
        + greatest(
            least(coalesce(credits.credit, 0), by_line.total - coalesce(wallet_payments.paid, 0)), 0
        ) as paid,
        coalesce(wallet_payments.applied, '{}') as applied,
        coalesce(by_rate.by_tax, '{}') as by_tax
    from by_line
    left join wallet_payments on by_line.case_id = wallet_payments.case_id
    left join credits on by_line.case_id = credits.case_id
    left join by_rate on by_line.case_id = by_rate.case_id

),

-- A figure has the names that billing systems give it.
final as (

    select
        paid.case_id,
        json_object(
            {% for name in ['subtotal', 'fees', 'fees_amount'] -%}
                '{{ name }}', {{ figure('paid.subtotal') }},
            {% endfor -%}
            {% for name in ['discount', 'discounts', 'coupons', 'coupons_amount'] -%}
                '{{ name }}', {{ figure('paid.discount') }},
            {% endfor -%}
            {% for name in ['taxable', 'subtotal_excluding_taxes', 'sub_total_excluding_taxes'] -%}
                '{{ name }}', {{ figure('paid.total - paid.tax') }},
            {% endfor -%}
            {% for name in ['tax', 'taxes', 'taxes_amount'] -%}
                '{{ name }}', {{ figure('paid.tax') }},
            {% endfor -%}
            {% for name in ['total', 'subtotal_including_taxes', 'sub_total_including_taxes'] -%}
                '{{ name }}', {{ figure('paid.total') }},
            {% endfor -%}
            {% for name in ['paid', 'credits', 'credits_applied', 'prepaid_credit', 'prepaid_credits'] -%}
                '{{ name }}', {{ figure('paid.paid') }},
            {% endfor -%}
            {% for name in ['amount_due', 'due', 'remaining'] -%}
                '{{ name }}', {{ figure('paid.total - paid.paid') }},
            {% endfor -%}
            'amount', {{ figure("case when cases.op = 'invoice_net' then paid.total - paid.paid end") }},
            'net', {{ figure("paid.total - case cases.op when 'invoice_net' then paid.paid else paid.tax end") }},
            'lines', paid.net_lines,
            'by_line', paid.tax_lines,
            'by_tax', paid.by_tax,
            'applied', paid.applied
        ) as figures
    from paid
    inner join cases on paid.case_id = cases.case_id

)

select * from final
