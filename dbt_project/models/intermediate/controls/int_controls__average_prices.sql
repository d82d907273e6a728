with rated as (

    select * from {{ ref('int_usage__rated') }}

),

charges as (

    select distinct
        contract_id,
        charge_id,
        meter
    from {{ ref('stg_contracts__charges') }}
    where meter is not null

),

priced as (

    select
        rated.contract_id,
        charges.meter,
        rated.currency,
        rated.service_from,
        rated.raw_quantity,
        rated.unrounded_amount
    from rated
    inner join charges
        on rated.contract_id = charges.contract_id
        and rated.charge_id = charges.charge_id

),

-- From the nearest to the farthest: the contract's own price in the month, its own ever, anybody's in the currency.
keyed as (

    select
        concat_ws('/', contract_id, meter, {{ month_of('service_from') }}) as price_key,
        currency,
        raw_quantity,
        unrounded_amount
    from priced
    union all
    select
        concat_ws('/', contract_id, meter) as price_key,
        currency,
        raw_quantity,
        unrounded_amount
    from priced
    union all
    select
        concat_ws('/', '*', currency, meter) as price_key,
        currency,
        raw_quantity,
        unrounded_amount
    from priced

),

final as (

    select
        price_key,
        currency,
        cast(sum(raw_quantity) as decimal(38, 12)) as rated_quantity,
        cast(sum(unrounded_amount) as decimal(38, 12)) as rated_amount
    from keyed
    group by price_key, currency
    having sum(raw_quantity) > 0

)

select * from final
