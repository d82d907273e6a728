with segments as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'usage'

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

organizations as (

    select * from {{ ref('stg_contracts__organizations') }}

),

filters as (

    select * from {{ ref('stg_contracts__charge_filters') }}

),

-- Usage is matched once per series (account x meter x dimensions), not once per bucket.
series as (

    select distinct
        account_id,
        meter,
        dimensions
    from {{ ref('stg_metering__usage_buckets') }}

),

dimension_values as (

    select distinct
        meter,
        dimensions,
        cast(cast(dimensions as json) as map (varchar, varchar)) as properties
    from series

),

-- Which contracts stand behind an id that usage arrives under. A contract that names the id itself goes before one
-- reached only through the account of an organization.
account_organizations as (

    select distinct
        account_id,
        organization_id
    from organizations

),

named_ids as (

    select
        contract_id,
        version,
        account_id as landed_id,
        0 as distance
    from versioned
    union
    select
        contract_id,
        version,
        organization_id as landed_id,
        0 as distance
    from organizations
    union
    select
        versioned.contract_id,
        versioned.version,
        account_organizations.organization_id as landed_id,
        1 as distance
    from versioned
    inner join account_organizations on versioned.account_id = account_organizations.account_id

),

contract_stretches as (

    select
        named_ids.landed_id,
        named_ids.contract_id,
        versioned.in_force_from_at as from_at,
        versioned.in_force_to_at as to_at,
        min(named_ids.distance) as distance
    from named_ids
    inner join versioned
        on named_ids.contract_id = versioned.contract_id
        and named_ids.version = versioned.version
    group by all

),

-- Charges with the same filter are matched together: a price book of thousands of contracts has few filters.
filter_signatures as (

    select
        contract_id,
        version,
        charge_id,
        string_agg(to_json(property) || ':' || to_json(value), ',' order by property, value) as signature
    from filters
    group by contract_id, version, charge_id

),

signed_segments as (

    select
        segments.*,
        coalesce(filter_signatures.signature, '') as signature
    from segments
    left join filter_signatures
        on segments.contract_id = filter_signatures.contract_id
        and segments.version = filter_signatures.version
        and segments.charge_id = filter_signatures.charge_id

),

signature_terms as (

    select distinct
        signed_segments.meter,
        signed_segments.signature,
        filters.property,
        filters.value
    from signed_segments
    inner join filters
        on signed_segments.contract_id = filters.contract_id
        and signed_segments.version = filters.version
        and signed_segments.charge_id = filters.charge_id

),

signature_sizes as (

    select
        meter,
        signature,
        count(distinct property) as property_count
    from signature_terms
    group by meter, signature

),

matching_dimensions as (

    select
        dimension_values.meter,
        dimension_values.dimensions,
        signature_terms.signature
    from dimension_values
    inner join signature_terms
        on dimension_values.meter = signature_terms.meter
        and dimension_values.properties[signature_terms.property] = signature_terms.value
    inner join signature_sizes
        on signature_terms.meter = signature_sizes.meter
        and signature_terms.signature = signature_sizes.signature
    group by dimension_values.meter, dimension_values.dimensions, signature_terms.signature
    having count(distinct signature_terms.property) = any_value(signature_sizes.property_count)
    union all
    select
        meter,
        dimensions,
        '' as signature
    from dimension_values

),

-- A contract named by the usage itself decides among the contracts of its account.
series_contracts as (

    select
        series.account_id,
        series.meter,
        series.dimensions,
        contract_stretches.contract_id,
        contract_stretches.from_at,
        contract_stretches.to_at,
        contract_stretches.distance
    from series
    inner join dimension_values
        on series.meter = dimension_values.meter
        and series.dimensions = dimension_values.dimensions
    inner join contract_stretches
        on series.account_id = contract_stretches.landed_id
        and coalesce(dimension_values.properties['contract_id'], contract_stretches.contract_id)
        = contract_stretches.contract_id

),

series_charges as (

    select
        series_contracts.account_id,
        series_contracts.meter,
        series_contracts.dimensions,
        series_contracts.contract_id,
        series_contracts.distance,
        signed_segments.charge_id,
        signed_segments.version,
        signed_segments.segment_from,
        greatest(series_contracts.from_at, signed_segments.segment_from_at) as from_at,
        least(series_contracts.to_at, signed_segments.segment_to_at) as to_at
    from series_contracts
    inner join signed_segments
        on series_contracts.contract_id = signed_segments.contract_id
        and series_contracts.meter = signed_segments.meter
        and series_contracts.from_at < signed_segments.segment_to_at
        and series_contracts.to_at > signed_segments.segment_from_at
    inner join matching_dimensions
        on series_contracts.meter = matching_dimensions.meter
        and series_contracts.dimensions = matching_dimensions.dimensions
        and signed_segments.signature = matching_dimensions.signature

),

-- All time of a series is cut wherever a contract or charge begins or ends: every bucket falls into one stretch.
cuts as (

    select
        account_id,
        meter,
        dimensions,
        timestamp '0001-01-01' as cut_at
    from series
    union
    select
        account_id,
        meter,
        dimensions,
        from_at as cut_at
    from series_contracts
    union
    select
        account_id,
        meter,
        dimensions,
        to_at as cut_at
    from series_contracts
    union
    select
        account_id,
        meter,
        dimensions,
        from_at as cut_at
    from series_charges
    union
    select
        account_id,
        meter,
        dimensions,
        to_at as cut_at
    from series_charges

),

stretches as (

    select
        account_id,
        meter,
        dimensions,
        cut_at as from_at,
        coalesce(
            lead(cut_at) over (partition by account_id, meter, dimensions order by cut_at),
            timestamp '9999-12-31 23:59:59'  -- behind the evergreen end of every zone
        ) as to_at
    from cuts

),

nearest_charges as (

    select
        stretches.*,
        series_charges.contract_id,
        series_charges.charge_id,
        series_charges.version,
        series_charges.segment_from
    from stretches
    inner join series_charges
        on stretches.account_id = series_charges.account_id
        and stretches.meter = series_charges.meter
        and stretches.dimensions = series_charges.dimensions
        and stretches.from_at >= series_charges.from_at
        and stretches.from_at < series_charges.to_at
    qualify series_charges.distance = min(series_charges.distance) over (
        partition by stretches.account_id, stretches.meter, stretches.dimensions, stretches.from_at
    )

),

stretch_charges as (

    select
        account_id,
        meter,
        dimensions,
        from_at,
        count(distinct contract_id) as contract_count
    from nearest_charges
    group by account_id, meter, dimensions, from_at

),

stretch_contracts as (

    select distinct
        stretches.account_id,
        stretches.meter,
        stretches.dimensions,
        stretches.from_at
    from stretches
    inner join series_contracts
        on stretches.account_id = series_contracts.account_id
        and stretches.meter = series_contracts.meter
        and stretches.dimensions = series_contracts.dimensions
        and stretches.from_at >= series_contracts.from_at
        and stretches.from_at < series_contracts.to_at

),

known_ids as (

    select distinct landed_id from contract_stretches

),

unmatched as (

    select
        stretches.*,
        case
            when stretch_charges.contract_count > 1 then 'ambiguous'
            when known_ids.landed_id is null then 'no_account'
            when stretch_contracts.account_id is null then 'no_contract'
            else 'no_charge'
        end as reason
    from stretches
    left join stretch_charges
        on stretches.account_id = stretch_charges.account_id
        and stretches.meter = stretch_charges.meter
        and stretches.dimensions = stretch_charges.dimensions
        and stretches.from_at = stretch_charges.from_at
    left join stretch_contracts
        on stretches.account_id = stretch_contracts.account_id
        and stretches.meter = stretch_contracts.meter
        and stretches.dimensions = stretch_contracts.dimensions
        and stretches.from_at = stretch_contracts.from_at
    left join known_ids on stretches.account_id = known_ids.landed_id
    where stretch_charges.contract_count is null or stretch_charges.contract_count > 1

),

matched as (

    select nearest_charges.*
    from nearest_charges
    inner join stretch_charges
        on nearest_charges.account_id = stretch_charges.account_id
        and nearest_charges.meter = stretch_charges.meter
        and nearest_charges.dimensions = stretch_charges.dimensions
        and nearest_charges.from_at = stretch_charges.from_at
    where stretch_charges.contract_count = 1

),

final as (

    select
        account_id,
        meter,
        dimensions,
        from_at,
        to_at,
        contract_id,
        charge_id,
        version,
        segment_from,
        cast(null as varchar) as reason,
        row_number() over (
            partition by account_id, meter, dimensions, from_at order by charge_id
        ) as charge_position
    from matched
    union all
    select
        account_id,
        meter,
        dimensions,
        from_at,
        to_at,
        cast(null as varchar) as contract_id,
        cast(null as varchar) as charge_id,
        cast(null as integer) as version,
        cast(null as date) as segment_from,
        reason,
        1 as charge_position
    from unmatched

)

select * from final
