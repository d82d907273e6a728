with cases as (

    select * from {{ source('raw', 'cases') }}

),

currencies as (

    select * from {{ source('raw', 'currencies') }}

),

final as (

    select
        cases.case_id,
        cases.op,
        cases.currency,
        coalesce(cases.timezone, 'UTC') as timezone,
        cases.period_from,
        cases.period_to,
        cast(cases.price as json) as price,
        cast(cases.usage as json) as usage,
        cast(cases.inputs as json) as inputs,
        -- No rounding stated: exact, which is 12 decimals.
        coalesce(cases.rounding_mode, 'half_up') as mode,
        coalesce(cast(cases.rounding_places as integer), 12) as places,
        coalesce(cases.rounding_stage, 'none') as stage,
        cast(cases.units_places as integer) as units_places,
        -- Amounts in minor units are whole numbers.
        case when cases.amount_unit = 'minor' then 0 else cast(currencies.minor_digits as integer) end as unit_digits,
        cast(currencies.minor_digits as integer) as minor_digits
    from cases
    left join currencies on cases.currency = currencies.currency

)

select * from final
