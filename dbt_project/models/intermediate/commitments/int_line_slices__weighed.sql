with lines as (

    select * replace ({{ priced_kind('priced_lines') }} as line_kind)
    from {{ ref('int_priced_lines__collected') }} as priced_lines
    where {{ priced_kind('priced_lines') }} <> 'prepaid'

),

grants as (

    select * from {{ ref('int_grants__stepped') }}
    where pool <> 'units'

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}

),

charges as (

    select * from {{ ref('int_charges__in_force') }}

),

credited_usage as (

    select * from {{ ref('int_usage__credited') }}

),

granted_lines as (

    select
        contract_id,
        line_key,
        line_kind,
        timing,
        charge_id,
        group_key,
        line_order,
        service_from,
        {{ local_midnight('burns_from', 'timezone') }} as burns_from_at,
        {{ local_midnight('service_from', 'timezone') }} as from_at,
        {{ local_midnight('service_to', 'timezone') }} as to_at
    from lines
    where contract_id in (select grants.contract_id from grants)

),

-- Usage burns when it happens. Every other line burns at one moment: what is billed ahead when its service begins,
-- the rest when its service ends.
spanned as (

    select
        * exclude (from_at, to_at),
        line_kind = 'usage' as is_spread,
        case when line_kind = 'usage' or timing = 'advance' then from_at else to_at end as from_at,
        case when line_kind <> 'usage' and timing = 'advance' then from_at else to_at end as to_at
    from granted_lines

),

lives as (

    select contract_id, from_at as boundary_at from grants
    union
    select contract_id, to_at as boundary_at from grants

),

-- What is included, free or credited in units goes to some of the usage of a line and not to the rest.
reduced_usage as (

    select
        contract_id,
        charge_id,
        service_from,
        group_key
    from credited_usage
    group by contract_id, charge_id, service_from, group_key
    having sum(included_used) <> 0 or sum(credited_quantity) <> 0

),

-- Lines of which a part of the usage is that part of the amount.
even_lines as (

    select spanned.line_key
    from spanned
    inner join charges
        on spanned.contract_id = charges.contract_id
        and spanned.charge_id = charges.charge_id
        and spanned.service_from >= charges.segment_from
        and spanned.service_from < charges.segment_to
    left join reduced_usage
        on spanned.contract_id = reduced_usage.contract_id
        and spanned.charge_id = reduced_usage.charge_id
        and spanned.service_from = reduced_usage.service_from
        and spanned.group_key = reduced_usage.group_key
    where spanned.is_spread and reduced_usage.contract_id is null and {{ follows_usage_evenly('charges') }}

),

-- Where grants differ in scope, it matters whose usage came first: lines whose price follows usage evenly are told
-- apart bucket by bucket. Any other line burns as one, when its period ends.
scoped_contracts as (

    select contract_id
    from grants
    group by contract_id
    having
        count(distinct pool || coalesce(cast(list_sort(targets) as varchar), '')) > count(distinct pool)

),

buckets as (

    select
        spanned.contract_id,
        spanned.line_key,
        attributed.bucket_from,
        attributed.bucket_to
    from spanned
    inner join even_lines on spanned.line_key = even_lines.line_key
    inner join scoped_contracts on spanned.contract_id = scoped_contracts.contract_id
    inner join attributed
        on spanned.contract_id = attributed.contract_id
        and spanned.charge_id = attributed.charge_id
        and spanned.group_key = attributed.group_key
        and attributed.bucket_from >= spanned.from_at
        and attributed.bucket_from < spanned.to_at

),

boundaries as (

    select contract_id, line_key, from_at as boundary_at from spanned
    union
    select spanned.contract_id, spanned.line_key, lives.boundary_at
    from spanned
    inner join lives
        on spanned.contract_id = lives.contract_id
        and lives.boundary_at > spanned.from_at
        and lives.boundary_at < spanned.to_at
    where spanned.is_spread
    union
    select contract_id, line_key, bucket_from as boundary_at from buckets
    union
    select contract_id, line_key, bucket_to as boundary_at from buckets

),

slices as (

    select
        spanned.contract_id,
        spanned.line_key,
        spanned.charge_id,
        spanned.group_key,
        spanned.is_spread,
        spanned.timing,
        spanned.line_kind,
        spanned.line_order,
        spanned.burns_from_at,
        boundaries.boundary_at as slice_from_at,
        coalesce(
            lead(boundaries.boundary_at) over (partition by spanned.line_key order by boundaries.boundary_at),
            spanned.to_at
        ) as slice_to_at,
        row_number() over (partition by spanned.line_key order by boundaries.boundary_at) as slice_no,
        count(*) over (partition by spanned.line_key) as slice_count
    from spanned
    inner join boundaries on spanned.line_key = boundaries.line_key
    where boundaries.boundary_at < spanned.to_at or boundaries.boundary_at = spanned.from_at

),

-- A line that a grant's life cuts is divided by the usage on either side.
weights as (

    select
        slices.line_key,
        slices.slice_no,
        cast(sum(greatest(
            case when charges.aggregation = 'count' then attributed.event_count else attributed.quantity_sum end, 0
        )) as decimal(38, 12)) as weight,
        bool_or(attributed.bucket_to > slices.slice_to_at) as is_bucket_cut
    from slices
    inner join attributed
        on slices.contract_id = attributed.contract_id
        and slices.charge_id = attributed.charge_id
        and slices.group_key = attributed.group_key
        and attributed.bucket_from >= slices.slice_from_at
        and attributed.bucket_from < slices.slice_to_at
    inner join charges
        on attributed.contract_id = charges.contract_id
        and attributed.charge_id = charges.charge_id
        and attributed.segment_from = charges.segment_from
    where slices.slice_count > 1 and attributed.measure = coalesce(nullif(charges.property, ''), 'quantity')
    group by slices.line_key, slices.slice_no

),

final as (

    select
        slices.contract_id,
        slices.line_key,
        slices.slice_no,
        slices.slice_count,
        slices.line_key || '#' || slices.slice_no as slice_key,
        slices.line_kind,
        slices.is_spread,
        slices.timing,
        slices.slice_from_at,
        slices.slice_to_at,
        case when slices.slice_count = 1 then 1 else coalesce(weights.weight, 0) end as weight,
        coalesce(weights.is_bucket_cut, false) as is_bucket_cut,
        even_lines.line_key is not null as is_even,
        row_number() over (
            partition by slices.contract_id
            order by
                greatest(slices.slice_to_at, coalesce(slices.burns_from_at, slices.slice_to_at)),
                slices.burns_from_at is not null, slices.slice_from_at, slices.line_order, slices.line_key
        ) as slice_order
    from slices
    left join weights
        on slices.line_key = weights.line_key
        and slices.slice_no = weights.slice_no
    left join even_lines on slices.line_key = even_lines.line_key

)

select * from final
