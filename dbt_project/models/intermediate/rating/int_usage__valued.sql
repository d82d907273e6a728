-- What usage is worth when it happens, where credit divides it: each unit of a tier bears the same share of what the
-- tier cost, tiers fill in the order of time, and usage that brings its own amount is worth that.
with timed as (

    select * from {{ ref('int_usage__timed') }}

),

divided as (

    select * from {{ ref('int_service_periods__divided') }}

),

service_periods as (

    select * from {{ ref('int_usage__service_periods') }}

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

credits as (

    select * from {{ ref('int_meter_credits__drawn') }}

),

tiers_priced as (

    select * from {{ ref('int_usage__tiers_priced') }}

),

event_tiers as (

    select * from {{ ref('int_event_tiers__priced') }}

),

divided_periods as (

    select
        service_periods.contract_id,
        service_periods.charge_id,
        service_periods.service_from,
        service_periods.service_from_at,
        service_periods.service_to_at,
        service_periods.model = 'precomputed' as has_own_amounts
    from service_periods
    inner join divided
        on service_periods.contract_id = divided.contract_id
        and service_periods.charge_id = divided.charge_id
        and service_periods.service_from = divided.service_from

),

credited as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        used_at,
        sum(drawn_quantity) as drawn_quantity
    from credits
    group by contract_id, charge_id, service_from, group_key, cell_key, used_at

),

chargeable as (

    select
        timed.contract_id,
        timed.charge_id,
        timed.service_from,
        timed.group_key,
        timed.cell_key,
        timed.used_at,
        timed.used_to,
        timed.quantity - coalesce(credited.drawn_quantity, 0) as quantity
    from timed
    inner join divided_periods
        on timed.contract_id = divided_periods.contract_id
        and timed.charge_id = divided_periods.charge_id
        and timed.service_from = divided_periods.service_from
        and not divided_periods.has_own_amounts
    left join credited
        on timed.contract_id = credited.contract_id
        and timed.charge_id = credited.charge_id
        and timed.service_from = credited.service_from
        and timed.group_key = credited.group_key
        and timed.cell_key = credited.cell_key
        and timed.used_at = credited.used_at

),

filling as (

    select
        *,
        sum(quantity) over in_time as filled_to,
        sum(quantity) over (
            partition by contract_id, charge_id, service_from, group_key, cell_key
        ) as cell_quantity
    from chargeable
    window
        in_time as (
            partition by contract_id, charge_id, service_from, group_key, cell_key
            order by used_at rows unbounded preceding
        )

),

tiers as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        tier_no,
        quantity,
        amount
    from tiers_priced

    union all

    -- Outcomes of events do not follow one another: they are one tier.
    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        1 as tier_no,
        sum(quantity) as quantity,
        sum(amount) as amount
    from event_tiers
    group by contract_id, charge_id, service_from, group_key, cell_key

),

-- A tier alone holds all there is, whatever its quantity counts (packages, say).
stacked as (

    select
        *,
        count(*) over by_cell as tier_count,
        coalesce(sum(quantity) over (by_cell order by tier_no rows between unbounded preceding and 1 preceding), 0)
            as tier_begins
    from tiers
    window by_cell as (partition by contract_id, charge_id, service_from, group_key, cell_key)

),

placed as (

    select
        filling.contract_id,
        filling.charge_id,
        filling.service_from,
        filling.group_key,
        filling.used_at,
        filling.used_to,
        stacked.amount,
        case when stacked.tier_count = 1 then filling.cell_quantity else stacked.quantity end as tier_quantity,
        least(filling.filled_to, stacked.tier_begins + tier_quantity)
        - greatest(filling.filled_to - filling.quantity, stacked.tier_begins) as quantity
    from filling
    inner join stacked
        on filling.contract_id = stacked.contract_id
        and filling.charge_id = stacked.charge_id
        and filling.service_from = stacked.service_from
        and filling.group_key = stacked.group_key
        and filling.cell_key = stacked.cell_key

),

gathered as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        used_at,
        used_to,
        {{ multiply_divide('amount', 'quantity', 'tier_quantity') }} as worth
    from placed
    where quantity > 0 and tier_quantity > 0

    union all

    select
        divided_periods.contract_id,
        divided_periods.charge_id,
        divided_periods.service_from,
        attributed.group_key,
        attributed.bucket_from as used_at,
        attributed.bucket_to as used_to,
        attributed.quantity_sum as worth
    from divided_periods
    inner join attributed
        on divided_periods.contract_id = attributed.contract_id
        and divided_periods.charge_id = attributed.charge_id
        and divided_periods.service_from_at <= attributed.bucket_from
        and divided_periods.service_to_at > attributed.bucket_from
        and attributed.measure = 'amount'
    where divided_periods.has_own_amounts

),

final as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        used_at,
        max(used_to) as used_to,
        cast(sum(worth) as decimal(38, 12)) as worth
    from gathered
    group by contract_id, charge_id, service_from, group_key, used_at

)

select * from final
