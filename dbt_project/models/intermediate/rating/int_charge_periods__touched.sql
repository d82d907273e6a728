{# A full build reads nothing of this. #}
with slices as (

    select * from {{ ref('int_usage__service_periods') }}
    where not {{ should_full_refresh() }}

),

touched_slices as (

    select * from {{ ref('int_service_periods__touched') }}

),

-- Allowances and credits are shared between charges: what is billable may change where no usage did.
quantity_changes as (

    {{ changed_rows('int_usage__credited', ['*']) }}

),

hit as (

    select
        contract_id,
        charge_id,
        period_from
    from touched_slices
    union
    select
        slices.contract_id,
        slices.charge_id,
        slices.period_from
    from slices
    inner join quantity_changes
        on slices.contract_id = quantity_changes.contract_id
        and slices.charge_id = quantity_changes.charge_id
        and slices.service_from = quantity_changes.service_from

),

-- The parts of a billing period decide together what a maximum leaves of each.
final as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.service_from,
        slices.period_from,
        slices.period_to as bill_date
    from slices
    inner join hit
        on slices.contract_id = hit.contract_id
        and slices.charge_id = hit.charge_id
        and slices.period_from = hit.period_from

)

select * from final
