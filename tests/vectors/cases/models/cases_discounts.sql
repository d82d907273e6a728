with cases as (

    select * from {{ ref('cases_stated') }}

),

coupon_cases as materialized (

    select
        case_id,
        case_id as contract_id,
        date '2000-01-01' as bill_date,
        case_id as line_key,
        1 as line_order,
        {{ number_of('inputs', 'base') }} as amount,
        places as rounding_places,
        mode as rounding_mode,
        'line' as rounding_stage,
        currency,
        coalesce({{ text_of('inputs', 'order') }}, 'listed') as coupon_order,
        inputs
    from cases
    where op = 'coupons'

),

coupons as materialized (

    select * from {{ ranked_coupons('coupon_cases') }}

),

applied as (

    select * from {{ apply_discounts('coupon_cases', 'coupons') }}

),

applied_coupons as (

    select
        applied.line_key as case_id,
        coupons.item_no,
        applied.discount_amount
    from applied
    inner join coupons
        on applied.line_key = coupons.line_key
        and applied.discount_rank = coupons.discount_rank

),

discounted as (

    select
        coupon_cases.case_id,
        coupon_cases.amount,
        coalesce(sum(applied_coupons.discount_amount), 0) as discount,
        {{ figure_list(
            'applied_coupons.discount_amount', 'applied_coupons.item_no', 'applied_coupons.case_id is not null') }}
            as discounts
    from coupon_cases
    left join applied_coupons on coupon_cases.case_id = applied_coupons.case_id
    group by coupon_cases.case_id, coupon_cases.amount

),

coupon_figures as (

    select
        case_id,
        json_object(
            'discount', {{ figure('discount') }},
            'remaining', {{ figure('amount - discount') }},
            'discounts', discounts
        ) as figures
    from discounted

),

spread_lines as (

    select
        *,
        {{ text_of('inputs', 'method') }} as method,
        try_cast(item ->> '$' as decimal(38, 12)) as amount,
        case when stage = 'none' then unit_digits else places end as spread_places
    from {{ items('cases', "(inputs -> '$.lines')") }}
    where op = 'discount_distribute'

),

capped as (

    select
        *,
        sum(amount) over (partition by case_id) as lines_total,
        least({{ number_of('inputs', 'discount') }}, sum(amount) over (partition by case_id)) as discount
    from spread_lines

),

shares as (

    select
        *,
        case when lines_total = 0 then 0 else {{ prorate('discount', 'amount', 'lines_total') }} end as exact_share
    from capped
    where method = 'proportional_exact'

),

by_remainder as (

    select * from capped
    where method = 'largest_remainder'

),

allocated as (

    select
        case_id,
        item_no,
        amount,
        allocated as share
    from {{ allocate('by_remainder', 'case_id', 'discount', 'amount', 'spread_places', 'item_no') }}

    union all

    select
        case_id,
        item_no,
        amount,
        {{ rounded('exact_share') }} as share
    from shares

),

spread_figures as (

    select
        case_id,
        json_object(
            'lines', {{ figure_list('amount - share', 'item_no') }},
            'discounts', {{ figure_list('share', 'item_no') }}
        ) as figures
    from allocated
    group by case_id

),

-- A free quantity is used up by the earlier lines of the period first.
stated_quantities as (

    select
        *,
        {{ number_of('inputs', 'quantity') }} as quantity,
        {{ number_of('inputs', 'free_quantity') }} as free_quantity,
        coalesce({{ number_of('inputs', 'prior_quantity') }}, 0) as prior_quantity
    from cases
    where op = 'usage_discount'

),

free_quantities as (

    select
        *,
        {{ use_included_quantity('quantity', 'free_quantity', 'least(prior_quantity, free_quantity)') }} as used
    from stated_quantities

),

free_figures as (

    select
        case_id,
        json_object('billable', {{ figure('quantity - used') }}, 'discounted', {{ figure('used') }}) as figures
    from free_quantities

),

final as (

    select * from coupon_figures
    union all
    select * from spread_figures
    union all
    select * from free_figures

)

select * from final
