with lines as (

    select * replace ({{ priced_kind('priced_lines') }} as line_kind)
    from {{ ref('int_priced_lines__collected') }} as priced_lines
    where {{ priced_kind('priced_lines') }} <> 'prepaid'

),

grants as (

    select * from {{ ref('int_grants__stepped') }}
    where pool <> 'units'

),

valued as (

    select * from {{ ref('int_usage__valued') }}

),

divided as (

    select * from {{ ref('int_service_periods__divided') }}

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

moments as (

    select
        spanned.contract_id,
        spanned.line_key,
        valued.used_at,
        valued.used_to,
        valued.worth,
        divided.is_by_bucket
    from spanned
    inner join divided
        on spanned.contract_id = divided.contract_id
        and spanned.charge_id = divided.charge_id
        and spanned.service_from = divided.service_from
    inner join valued
        on spanned.contract_id = valued.contract_id
        and spanned.charge_id = valued.charge_id
        and spanned.service_from = valued.service_from
        and spanned.group_key = valued.group_key
    where spanned.is_spread

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
    select contract_id, line_key, used_at as boundary_at from moments
    where is_by_bucket
    union
    select contract_id, line_key, used_to as boundary_at from moments
    where is_by_bucket

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

-- A line that a grant's life cuts is divided by what the usage on either side is worth.
weights as (

    select
        slices.line_key,
        slices.slice_no,
        greatest(cast(sum(moments.worth) as decimal(38, 12)), 0) as weight,
        bool_or(moments.used_to > slices.slice_to_at) as is_bucket_cut
    from slices
    inner join moments
        on slices.line_key = moments.line_key
        and slices.slice_from_at <= moments.used_at
        and slices.slice_to_at > moments.used_at
    where slices.slice_count > 1
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

)

select * from final
