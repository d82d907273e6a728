{% set key = ['contract_id', 'charge_id', 'service_from'] %}

{% set touched = ref('int_charge_periods__touched') %}

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget(['contract_id', 'charge_id', 'service_from'], ref('int_charge_periods__touched'), ref('int_usage__service_periods')) }}"
) }}

with converted as (

    select * from {{ ref('int_usage__credited') }}
    where {{ of_touched(key, touched) }}

),

tiers_priced as (

    select * from {{ ref('int_usage__tiers_priced') }}
    where {{ of_touched(key, touched) }}

),

event_tiers as (

    select * from {{ ref('int_event_tiers__priced') }}
    where {{ of_touched(key, touched) }}

),

slices as (

    select * from {{ ref('int_usage__service_periods') }}
    where {{ of_touched(key, touched) }}

),

group_quantities as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        sum(raw_quantity) as raw_quantity,
        sum(included_used) as included_used,
        sum(billable_quantity) as billable_quantity
    from converted
    group by contract_id, charge_id, service_from, group_key

),

-- Tiers of events have an outcome, tiers of totals the bounds of their quantity.
tiers as (

    select * from tiers_priced
    union all by name
    select * from event_tiers

),

tier_texts as (

    select
        *,
        '{' || concat_ws(
            ',',
            case when cell_key <> '{}' then '"cell":' || cell_key end,
            '"tier":' || tier_no,
            case when outcome is not null then '"outcome":"' || outcome || '","events":"' || event_count || '"' end,
            {{ json_number('from', 'from_quantity') }},
            {{ json_number('up_to', 'up_to') }},
            {{ json_number('quantity', 'quantity') }},
            {{ json_number('unit_price', 'unit_price') }},
            {{ json_number('per', 'per') }},
            {{ json_number('flat_price', 'flat_price') }},
            {{ json_number('amount', 'amount') }}
        ) || '}' as tier_text
    from tiers

),

group_amounts as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        sum(amount) as amount,
        '[' || string_agg(tier_text, ',' order by cell_key, tier_no) || ']' as tiers
    from tier_texts
    group by contract_id, charge_id, service_from, group_key

),

priced as (

    select
        slices.* exclude (version, measure, property, divide_by, conversion_rounding),
        group_quantities.group_key,
        group_quantities.raw_quantity,
        group_quantities.included_used,
        case
            when slices.model = 'capacity' then cast(1 as decimal(38, 12))
            else group_quantities.billable_quantity
        end as billable_quantity,
        cast(coalesce(group_amounts.amount, 0) as decimal(38, 12)) as priced_amount,
        coalesce(group_amounts.tiers, '[]') as tiers,
        -- one per charge and billing period: what maximum and minimum are compared with
        cast(sum(coalesce(group_amounts.amount, 0)) over by_charge_period as decimal(38, 12)) as charge_amount,
        row_number() over (
            partition by slices.contract_id, slices.charge_id, slices.period_from
            order by slices.service_from desc, group_quantities.group_key desc
        ) as position_from_last
    from slices
    inner join group_quantities
        on slices.contract_id = group_quantities.contract_id
        and slices.charge_id = group_quantities.charge_id
        and slices.service_from = group_quantities.service_from
    left join group_amounts
        on group_quantities.contract_id = group_amounts.contract_id
        and group_quantities.charge_id = group_amounts.charge_id
        and group_quantities.service_from = group_amounts.service_from
        and group_quantities.group_key = group_amounts.group_key
    window by_charge_period as (partition by slices.contract_id, slices.charge_id, slices.period_from)

),

shared as (

    select
        *,
        coalesce(maximum < charge_amount, false) as is_capped,
        case
            when maximum < charge_amount
                then {{ share_of_maximum('maximum', 'priced_amount', 'charge_amount') }}
            else priced_amount
        end as share
    from priced

),

capped as (

    select
        *,
        -- the last part takes what the 12th place of the others left over, so that the parts make the maximum
        case
            when is_capped and position_from_last = 1
                then maximum - (sum(share) over (partition by contract_id, charge_id, period_from) - share)
            else share
        end as unrounded_amount
    from shared

),

final as (

    select
        contract_id,
        charge_id,
        group_key,
        period_from,
        period_to,
        service_from,
        service_to,
        price_version,
        product,
        meter,
        model,
        cast(raw_quantity as decimal(38, 12)) as raw_quantity,
        cast(included_used as decimal(38, 12)) as included_used,
        cast(billable_quantity as decimal(38, 12)) as billable_quantity,
        priced_amount,
        cast(unrounded_amount as decimal(38, 12)) as unrounded_amount,
        is_capped,
        maximum,
        minimum,
        charge_from,
        charge_to,
        currency,
        rounding_places,
        rounding_mode,
        rounding_stage,
        tiers
    from capped

)

select * from final
