-- Each identifier counts the days it was active in the billed window (both ends inclusive, a day once however often),
-- over the days of the whole period. What an event's properties say beside active_until is its identifier; an event
-- that says nothing stands for one of its own.
with cases as (

    select
        *,
        {{ local_date('period_from') }} as full_from,
        {{ local_date('period_to') }} as full_to,
        {{ local_date('coalesce(' ~ text_of('inputs', 'billed_window.from') ~ ', period_from)') }} as window_from,
        {{ local_date('coalesce(' ~ text_of('inputs', 'billed_window.to') ~ ', period_to)') }} as window_to
    from {{ ref('cases_stated') }}
    where op = 'prorated_seats'

),

spans as (

    select
        *,
        coalesce({{ number_of('item', 'quantity') }}, 1) as quantity,
        coalesce(
            nullif(cast(json_merge_patch(item -> '$.properties', '{"active_until": null}') as varchar), '{}'),
            cast(item_no as varchar)
        ) as identifier,
        greatest(coalesce({{ local_date(text_of('item', 'timestamp')) }}, window_from), window_from) as active_from,
        least(
            coalesce({{ local_date(text_of('item', 'properties.active_until')) }} + 1, window_to), window_to
        ) as active_to
    from {{ items('cases', 'usage') }}

),

active_days as (

    select
        case_id,
        identifier,
        active_on,
        max(quantity) as quantity
    from (
        select *, unnest(generate_series(active_from, active_to - 1, interval 1 day)) as active_on
        from spans
        where active_from < active_to
    ) as listed
    group by case_id, identifier, active_on

),

seat_days as (

    select
        case_id,
        sum(quantity) as seat_days
    from active_days
    group by case_id

),

measured as (

    select
        cases.*,
        coalesce(seat_days.seat_days, 0) as seat_days,
        {{ days_between('cases.full_from', 'cases.full_to') }} as full_days,
        {{ number_of('cases.price', 'unit_price') }} as unit_price,
        -- Without a price the units are the figure that is rounded.
        case
            when cases.units_places is not null then cases.units_places
            when cases.price is null or cases.stage = 'units' then cases.places
            else 12
        end as unit_places
    from cases
    left join seat_days on cases.case_id = seat_days.case_id

),

prorated as (

    select
        *,
        {{ prorated_seats('seat_days', 'full_days') }} as unrounded_units
    from measured

),

units as (

    select
        *,
        {{ round_amount('unrounded_units', 'unit_places', 'mode') }} as units
    from prorated

),

amounts as (

    select
        *,
        {{ price_amount('units', 'unit_price', '1', '0') }} as amount
    from units

),

final as (

    select
        case_id,
        json_object(
            'units', {{ figure('units') }},
            'amount', {{ figure("case when stage = 'units' then amount else " ~ rounded('amount') ~ " end") }}
        ) as figures
    from amounts

)

select * from final
