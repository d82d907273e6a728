with converted as (

    select * from {{ ref('int_usage__converted') }}

),

credits as (

    select * from {{ ref('int_meter_credits__drawn') }}

),

credited as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        cast(sum(drawn_quantity) as decimal(38, 12)) as credited_quantity
    from credits
    group by contract_id, charge_id, service_from, group_key, cell_key

),

final as (

    select
        converted.* exclude (billable_quantity),
        coalesce(credited.credited_quantity, 0) as credited_quantity,
        cast(converted.billable_quantity - coalesce(credited.credited_quantity, 0) as decimal(38, 12))
            as billable_quantity
    from converted
    left join credited
        on converted.contract_id = credited.contract_id
        and converted.charge_id = credited.charge_id
        and converted.service_from = credited.service_from
        and converted.group_key = credited.group_key
        and converted.cell_key = credited.cell_key

)

select * from final
