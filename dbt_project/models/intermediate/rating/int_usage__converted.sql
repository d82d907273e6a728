with aggregated as (

    select * from {{ ref('int_usage__aggregated') }}

),

slices as (

    select * from {{ ref('int_usage__service_periods') }}

),

free_quantities as (

    select
        contract_id,
        charge_id,
        period_from,
        sum(free_quantity) as free_quantity
    from {{ ref('int_free_quantities__shared') }}
    group by contract_id, charge_id, period_from

),

converted as (

    select
        aggregated.*,
        slices.period_from,
        coalesce(slices.included_quantity, 0) + coalesce(free_quantities.free_quantity, 0) as included_quantity,
        {{ convert_units('aggregated.raw_quantity', 'slices.divide_by', 'slices.conversion_rounding') }}
            as converted_quantity
    from aggregated
    inner join slices
        on aggregated.contract_id = slices.contract_id
        and aggregated.charge_id = slices.charge_id
        and aggregated.service_from = slices.service_from
    left join free_quantities
        on slices.contract_id = free_quantities.contract_id
        and slices.charge_id = free_quantities.charge_id
        and slices.period_from = free_quantities.period_from

),

-- The allowance is one per charge and billing period: earlier prices use it first, then groups in ascending value.
counted as (

    select
        *,
        coalesce(sum(greatest(converted_quantity, 0)) over (
            partition by contract_id, charge_id, period_from
            order by service_from, group_key, cell_key
            rows between unbounded preceding and 1 preceding
        ), 0) as used_before
    from converted

),

allowed as (

    select
        *,
        {{ use_included_quantity('converted_quantity', 'included_quantity', 'used_before') }} as included_used
    from counted

),

final as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_no,
        cell_key,
        raw_quantity,
        event_count,
        metered_amount,
        cast(converted_quantity as decimal(38, 12)) as converted_quantity,
        cast(included_used as decimal(38, 12)) as included_used,
        cast(converted_quantity - included_used as decimal(38, 12)) as billable_quantity
    from allowed

)

select * from final
