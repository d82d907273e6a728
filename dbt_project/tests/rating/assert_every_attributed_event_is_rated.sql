-- Every attributed bucket of what a summing charge reads is in the raw quantity of one service period; only usage of
-- a period that begins after the business date waits (a clock that runs ahead by up to an hour).
with periods_to as (

    select
        contract_id,
        charge_id,
        max(service_to_at) as rated_to_at
    from {{ ref('int_usage__service_periods') }}
    where aggregation = 'sum'
    group by contract_id, charge_id

),

measures as (

    select distinct
        contract_id,
        charge_id,
        measure
    from {{ ref('int_usage__service_periods') }}
    where aggregation = 'sum'

),

attributed as (

    select
        attributed.contract_id,
        attributed.charge_id,
        sum(attributed.quantity_sum) as quantity
    from {{ ref('int_usage__attributed') }} as attributed
    inner join measures
        on attributed.contract_id = measures.contract_id
        and attributed.charge_id = measures.charge_id
        and attributed.measure = measures.measure
    inner join periods_to
        on attributed.contract_id = periods_to.contract_id
        and attributed.charge_id = periods_to.charge_id
        and attributed.bucket_from < periods_to.rated_to_at
    group by attributed.contract_id, attributed.charge_id

),

single_measures as (

    select
        contract_id,
        charge_id
    from {{ ref('int_usage__service_periods') }}
    group by contract_id, charge_id
    having bool_and(aggregation = 'sum') and count(distinct measure) = 1

),

rated as (

    select
        contract_id,
        charge_id,
        sum(raw_quantity) as quantity
    from {{ ref('int_usage__aggregated') }}
    group by contract_id, charge_id

)

select
    rated.*,
    attributed.quantity as attributed_quantity
from single_measures
inner join rated
    on single_measures.contract_id = rated.contract_id
    and single_measures.charge_id = rated.charge_id
left join attributed
    on rated.contract_id = attributed.contract_id
    and rated.charge_id = attributed.charge_id
where rated.quantity <> coalesce(attributed.quantity, 0)
