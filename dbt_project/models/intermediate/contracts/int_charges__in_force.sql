with versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

charges as (

    select * from {{ ref('stg_contracts__charges') }}

),

-- One row per charge of a version, over the days on which both the version and the charge are in force.
in_version as (

    select
        charges.*,
        versioned.timezone,
        versioned.in_force_from,
        versioned.in_force_to,
        versioned.in_force_from_at,
        versioned.in_force_to_at,
        greatest(versioned.in_force_from, coalesce(charges.effective_from, versioned.in_force_from)) as part_from,
        least(versioned.in_force_to, coalesce(charges.effective_to, versioned.in_force_to)) as part_to
    from charges
    inner join versioned
        on charges.contract_id = versioned.contract_id
        and charges.version = versioned.version

),

timed as (

    select
        *,
        case
            when part_from = in_force_from then in_force_from_at
            else {{ local_midnight('part_from', 'timezone') }}
        end as part_from_at,
        case
            when part_to = in_force_to then in_force_to_at
            else {{ local_midnight('part_to', 'timezone') }}
        end as part_to_at
    from in_version
    where part_from < part_to

),

compared as (

    select
        *,
        coalesce(lag(part_to) over by_charge = part_from, false) as adjoins,
        lag(terms_hash) over by_charge as prior_terms_hash,
        lag(price_hash) over by_charge as prior_price_hash
    from timed
    window by_charge as (partition by contract_id, charge_id order by part_from)

),

numbered as (

    select
        *,
        sum(case when adjoins and prior_terms_hash = terms_hash then 0 else 1 end) over by_charge as segment_no,
        sum(case when adjoins and prior_price_hash = price_hash then 0 else 1 end) over by_charge as price_no
    from compared
    window by_charge as (partition by contract_id, charge_id order by part_from)

),

priced as (

    select
        *,
        min(version) over (partition by contract_id, charge_id, price_no) as price_version
    from numbered

),

segments as (

    select
        contract_id,
        charge_id,
        segment_no,
        min(part_from) as segment_from,
        max(part_to) as segment_to,
        min(part_from_at) as segment_from_at,
        max(part_to_at) as segment_to_at,
        max(version) as version
    from priced
    group by contract_id, charge_id, segment_no

),

final as (

    select
        segments.contract_id,
        segments.charge_id,
        segments.segment_from,
        segments.segment_to,
        segments.segment_from_at,
        segments.segment_to_at,
        segments.version,
        priced.price_version,
        priced.price_hash,
        priced.terms_hash,
        priced.position,
        priced.product,
        priced.description,
        priced.type,
        coalesce(priced.timing, 'arrears') as timing,
        priced.effective_from,
        priced.effective_to,
        priced.due_on,
        priced.quantity,
        priced.meter,
        coalesce(priced.aggregation, 'sum') as aggregation,
        priced.property,
        priced.divide_by,
        coalesce(priced.conversion_rounding, 'none') as conversion_rounding,
        priced.model,
        priced.dimension,
        priced.included_quantity,
        priced.minimum,
        priced.maximum,
        coalesce(priced.prorate, false) as prorate,
        priced.price,
        priced.external_ids
    from segments
    inner join priced
        on segments.contract_id = priced.contract_id
        and segments.charge_id = priced.charge_id
        and segments.segment_no = priced.segment_no
        and segments.version = priced.version

)

select * from final
