with converted as (

    select * from {{ ref('int_usage__converted') }}

),

service_periods as (

    select * from {{ ref('int_usage__service_periods') }}

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

grants as (

    select * from {{ ref('int_grants__ranked') }}
    where pool = 'units'

),

divided as (

    select * from {{ ref('int_service_periods__divided') }}

),

run as (

    select {{ as_of() }} as as_of

),

-- Only usage that credit is measured in, or that credit of money divides, is told apart by time.
credited_periods as (

    select *
    from service_periods
    where
        (contract_id, meter) in (select (grants.contract_id, grants.unit) from grants)
        or (contract_id, charge_id, service_from) in (
            select (divided.contract_id, divided.charge_id, divided.service_from) from divided
        )

),

bucket_quantities as (

    select
        credited_periods.contract_id,
        credited_periods.charge_id,
        credited_periods.service_from,
        attributed.group_key,
        attributed.cell_key,
        attributed.bucket_from as used_at,
        max(attributed.bucket_to) as used_to,
        cast(sum(case
            when credited_periods.aggregation = 'count' then attributed.event_count else attributed.quantity_sum
        end) as decimal(38, 12)) as quantity
    from credited_periods
    inner join attributed
        on credited_periods.contract_id = attributed.contract_id
        and credited_periods.charge_id = attributed.charge_id
        and credited_periods.measure = attributed.measure
        and credited_periods.service_from_at <= attributed.bucket_from
        and credited_periods.service_to_at > attributed.bucket_from
    where credited_periods.aggregation in ('sum', 'count')
    group by
        credited_periods.contract_id, credited_periods.charge_id, credited_periods.service_from, attributed.group_key,
        attributed.cell_key, attributed.bucket_from

),

summed as (

    select
        *,
        cast(sum(quantity) over (
            partition by contract_id, charge_id, service_from, group_key, cell_key
            order by used_at rows unbounded preceding
        ) as decimal(38, 12)) as quantity_so_far
    from bucket_quantities

),

-- A measure that is no sum over events (a peak, a level, an average) is known when its period ends: it arises then,
-- today at the latest.
moments as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        used_at,
        used_to,
        quantity_so_far
    from summed

    union all

    select
        converted.contract_id,
        converted.charge_id,
        converted.service_from,
        converted.group_key,
        converted.cell_key,
        least(credited_periods.service_to_at, cast(run.as_of as timestamp) + interval 1 day) - interval 1 microsecond
            as used_at,
        least(credited_periods.service_to_at, cast(run.as_of as timestamp) + interval 1 day) as used_to,
        converted.raw_quantity as quantity_so_far
    from converted
    inner join credited_periods
        on converted.contract_id = credited_periods.contract_id
        and converted.charge_id = credited_periods.charge_id
        and converted.service_from = credited_periods.service_from
    cross join run
    where credited_periods.aggregation not in ('sum', 'count')

),

chargeable as (

    select
        moments.*,
        credited_periods.meter,
        credited_periods.product,
        credited_periods.charge_to_at as period_to_at,
        greatest(
            {{ convert_units(
                'moments.quantity_so_far', 'credited_periods.divide_by', 'credited_periods.conversion_rounding') }}
            - converted.included_used, 0
        ) as chargeable_so_far
    from moments
    inner join credited_periods
        on moments.contract_id = credited_periods.contract_id
        and moments.charge_id = credited_periods.charge_id
        and moments.service_from = credited_periods.service_from
    inner join converted
        on moments.contract_id = converted.contract_id
        and moments.charge_id = converted.charge_id
        and moments.service_from = converted.service_from
        and moments.group_key = converted.group_key
        and moments.cell_key = converted.cell_key

),

-- A correction takes back what was used last before it: what stays is the least that is reached from here on.
lasting as (

    select
        *,
        min(chargeable_so_far) over (
            partition by contract_id, charge_id, service_from, group_key, cell_key
            order by used_at rows between current row and unbounded following
        ) as lasting_so_far
    from chargeable

),

final as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key,
        cell_key,
        used_at,
        used_to,
        meter,
        product,
        period_to_at,
        cast(lasting_so_far - coalesce(lag(lasting_so_far) over (
            partition by contract_id, charge_id, service_from, group_key, cell_key order by used_at
        ), 0) as decimal(38, 12)) as quantity
    from lasting

)

select * from final
where quantity > 0
