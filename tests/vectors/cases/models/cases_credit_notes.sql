-- The item's share is rounded first; its tax is taken on the rounded item and rounded again.
with cases as (

    select * from {{ ref('cases_stated') }}
    where op in ('credit_note', 'credit_note_items')

),

stated_items as (

    select
        *,
        inputs -> '$.item' as item,
        1 as item_no
    from cases
    where op = 'credit_note'

    union all

    select * from {{ items('cases', "(inputs -> '$.items')") }}
    where op = 'credit_note_items'

),

credited as (

    select
        case_id,
        item_no,
        places,
        mode,
        coalesce({{ number_of('item', 'tax_rate_percent') }}, {{ number_of('inputs', 'tax_rate_percent') }}, 0)
            as rate_percent,
        {{ number_of('item', 'amount') }} as full_amount,
        coalesce({{ number_of('item', 'days') }}, 1) as part_days,
        coalesce({{ number_of('item', 'period_days') }}, 1) as full_days
    from stated_items

),

shares as (

    select
        *,
        {{ prorate('full_amount', 'part_days', 'full_days') }} as share
    from credited

),

rounded_items as (

    select
        *,
        {{ rounded('share') }} as item_amount
    from shares

),

measured as (

    select
        *,
        {{ tax_amount('item_amount', 'rate_percent') }} as unrounded_tax
    from rounded_items

),

taxed as (

    select
        *,
        {{ rounded('unrounded_tax') }} as tax
    from measured

),

final as (

    select
        case_id,
        json_object(
            'item', {{ figure('sum(item_amount)') }},
            'items', {{ figure_list('item_amount', 'item_no') }},
            'tax', {{ figure('sum(tax)') }},
            'total', {{ figure('sum(item_amount + tax)') }}
        ) as figures
    from taxed
    group by case_id

)

select * from final
