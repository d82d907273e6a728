-- Where a grant of money begins or ends inside a service period, its usage is divided there. Where grants differ in
-- scope it matters whose usage came first: usage is told apart bucket by bucket.
with service_periods as (

    select * from {{ ref('int_usage__service_periods') }}

),

grants as (

    select * from {{ ref('int_grants__stepped') }}
    where pool <> 'units'

),

lives as (

    select contract_id, from_at as boundary_at from grants
    union
    select contract_id, to_at as boundary_at from grants

),

scoped_contracts as (

    select contract_id
    from grants
    group by contract_id
    having
        count(distinct pool || coalesce(cast(list_sort(targets) as varchar), '')) > count(distinct pool)

),

cut_periods as (

    select distinct
        service_periods.contract_id,
        service_periods.charge_id,
        service_periods.service_from
    from service_periods
    inner join lives
        on service_periods.contract_id = lives.contract_id
        and service_periods.service_from_at < lives.boundary_at
        and service_periods.service_to_at > lives.boundary_at

),

final as (

    select
        service_periods.contract_id,
        service_periods.charge_id,
        service_periods.service_from,
        scoped_contracts.contract_id is not null as is_by_bucket
    from service_periods
    left join scoped_contracts on service_periods.contract_id = scoped_contracts.contract_id
    left join cut_periods
        on service_periods.contract_id = cut_periods.contract_id
        and service_periods.charge_id = cut_periods.charge_id
        and service_periods.service_from = cut_periods.service_from
    where coalesce(scoped_contracts.contract_id, cut_periods.contract_id) is not null

)

select * from final
