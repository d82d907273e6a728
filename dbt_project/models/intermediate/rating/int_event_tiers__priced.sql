with periods as (

    select * from {{ ref('int_event_periods__listed') }}

),

events_priced as (

    select * from {{ ref('int_events__priced') }}

),

current_outcomes as (

    select events_priced.*
    from events_priced
    inner join periods
        on events_priced.contract_id = periods.contract_id
        and events_priced.charge_id = periods.charge_id
        and events_priced.service_from = periods.service_from
        and events_priced.state = periods.state

),

-- Each outcome is a tier: so many events at the minimum, so many at the maximum, so much charged by percentage.
tiers as (

    select
        *,
        case outcome when 'free' then 1 when 'charged' then 2 when 'minimum' then 3 when 'maximum' then 4 else 5 end
            as tier_no,
        case
            when outcome in ('charged', 'correction') then charged_quantity
            when outcome in ('minimum', 'maximum') then event_count
            else 0
        end as priced_quantity,
        case outcome
            when 'minimum' then min_per_event
            when 'maximum' then max_per_event
            when 'free' then 0
            else rate_percent
        end as unit_price,
        case when outcome in ('charged', 'correction') then 100 else 1 end as per,
        case when outcome = 'charged' then {{ percentage_event_fees('event_count', 'fixed_per_event') }} else 0 end
            as flat_price
    from current_outcomes

),

typed as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        tier_no,
        outcome,
        event_count,
        first_events,
        cast(quantity as decimal(38, 12)) as quantity,
        cast(priced_quantity as decimal(38, 12)) as priced_quantity,
        cast(unit_price as decimal(38, 12)) as unit_price,
        cast(per as decimal(38, 12)) as per,
        cast(flat_price as decimal(38, 12)) as flat_price
    from tiers

),

final as (

    select
        *,
        cast({{ price_amount('priced_quantity', 'unit_price', 'per', 'flat_price') }} as decimal(38, 12)) as amount
    from typed

)

select * from final
