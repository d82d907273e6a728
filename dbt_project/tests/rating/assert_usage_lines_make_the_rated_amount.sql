-- A charge's usage lines add up to what it was rated, to half a unit of the last place per line (rounding by line).
with rated as (

    select
        contract_id,
        charge_id,
        period_to,
        sum(unrounded_amount) as amount,
        count(*) as line_count,
        min(rounding_places) as rounding_places
    from {{ ref('int_usage__rated') }}
    group by contract_id, charge_id, period_to

),

lines as (

    select
        contract_id,
        charge_id,
        bill_date,
        sum(amount) as amount
    from {{ ref('int_usage_lines__priced') }}
    where line_kind = 'usage'
    group by contract_id, charge_id, bill_date

)

select
    rated.*,
    lines.amount as line_amount
from rated
left join lines
    on rated.contract_id = lines.contract_id
    and rated.charge_id = lines.charge_id
    and rated.period_to = lines.bill_date
-- one whole unit per line covers every rounding mode (ceil and floor go up to one)
where
    abs(rated.amount - coalesce(lines.amount, 0))
    > rated.line_count * {{ unscaled(rounding_unit('rated.rounding_places')) }}
