{# A full build reads nothing of this. A contract version never changes: its number tells its terms. #}
with slices as (

    select * from {{ ref('int_usage__service_periods') }}
    where not {{ should_full_refresh() }}

),

touched_usage as (

    select * from {{ ref('int_usage__touched') }}

),

slice_changes as (

    {{ changed_rows('int_usage__service_periods', ['*']) }}

),

hit as (

    select
        contract_id,
        charge_id,
        period_from,
        service_from
    from slice_changes
    union
    select
        slices.contract_id,
        slices.charge_id,
        slices.period_from,
        slices.service_from
    from slices
    inner join touched_usage
        on slices.contract_id = touched_usage.contract_id
        and slices.charge_id = touched_usage.charge_id
        and slices.service_from_at < touched_usage.to_at
        and slices.service_to_at > touched_usage.from_at

),

-- A level outlasts the period in which it was set.
levels as (

    select distinct
        slices.contract_id,
        slices.charge_id,
        slices.period_from,
        slices.service_from
    from slices
    inner join hit
        on slices.contract_id = hit.contract_id
        and slices.charge_id = hit.charge_id
    where slices.aggregation = 'weighted_sum'

),

final as (

    select * from hit
    union
    select * from levels

)

select * from final
