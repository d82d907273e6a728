-- Full quantities move a running total through the tiers; the prorated ones are priced where that move lay.
with cases as (

    select * from {{ ref('cases_stated') }}
    where op = 'prorated_graduated'

),

tiers as (

    select
        case_id,
        item_no as tier_no,
        {{ number_of('item', 'up_to') }} as up_to,
        coalesce(lag({{ number_of('item', 'up_to') }}) over (partition by case_id order by item_no), 0)
            as from_quantity,
        coalesce({{ number_of('item', 'unit_price') }}, 0) as unit_price,
        coalesce({{ number_of('item', 'flat_price') }}, 0) as flat_price
    from {{ items('cases', "(price -> '$.tiers')") }}

),

events as (

    select
        case_id,
        item_no,
        {{ number_of('item', 'properties.prorated_quantity') }} as prorated_quantity,
        cast(sum({{ number_of('item', 'quantity') }}) over by_case as decimal(38, 12)) as quantity_after,
        cast(
            sum({{ number_of('item', 'quantity') }}) over by_case - {{ number_of('item', 'quantity') }}
            as decimal(38, 12)
        ) as quantity_before
    from {{ items('cases', 'usage') }}
    window by_case as (partition by case_id order by item_no rows unbounded preceding)

),

tier_parts as (

    select
        tiers.case_id,
        tiers.tier_no,
        tiers.unit_price,
        events.quantity_after,
        {{ prorated_tier_quantity(
            'events.prorated_quantity', 'events.quantity_before', 'events.quantity_after', 'tiers.tier_no',
            'tiers.from_quantity', 'tiers.up_to') }} as priced_quantity
    from events
    inner join tiers on events.case_id = tiers.case_id

),

tier_quantities as (

    select
        case_id,
        tier_no,
        cast(sum(priced_quantity) as decimal(38, 12)) as priced_quantity,
        max(quantity_after) as highest
    from tier_parts
    group by case_id, tier_no

),

-- A tier's flat price is due once its range was entered, the first tier's also at zero where the price says so.
tier_amounts as (

    select
        tiers.case_id,
        {{ price_amount('coalesce(tier_quantities.priced_quantity, 0)', 'tiers.unit_price', '1', "case
            when " ~ graduated_tier_reached(
                'greatest(coalesce(tier_quantities.highest, 0), 0)', 'tiers.tier_no', 'tiers.from_quantity',
                "coalesce(cast(cases.price ->> '$.flat_at_zero' as boolean), false)") ~ " then tiers.flat_price
            else 0
        end") }} as amount
    from tiers
    inner join cases on tiers.case_id = cases.case_id
    left join tier_quantities
        on tiers.case_id = tier_quantities.case_id
        and tiers.tier_no = tier_quantities.tier_no

),

sums as (

    select
        case_id,
        greatest(sum(amount), 0) as amount
    from tier_amounts
    group by case_id

),

final as (

    select
        cases.case_id,
        json_object('amount', {{ figure(round_amount('sums.amount', 'cases.places', 'cases.mode')) }}) as figures
    from cases
    inner join sums on cases.case_id = sums.case_id

)

select * from final
