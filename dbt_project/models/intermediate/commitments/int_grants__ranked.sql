with grants as (

    select * from {{ ref('stg_contracts__grants') }}

),

commitments as (

    select * from {{ ref('int_commitments__in_force') }}
    where kind = 'prepaid'

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

openings as (

    select * from {{ ref('int_openings__effective') }}
    where kind = 'wallet'

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind in ('grant', 'commitment')

),

credited as (

    select
        contract_id,
        charge_id,
        sum(billed_amount) as billed_amount,
        sum(credited_amount) as credited_amount
    from {{ ref('int_purchases__credited') }}
    group by contract_id, charge_id

),

run as (

    select {{ as_of() }} as as_of

),

explicit_grants as (

    select
        grants.contract_id,
        grants.grant_id,
        grants.version,
        grants.commitment_id,
        'grant' as owner_kind,
        grants.kind,
        grants.amount,
        coalesce(grants.unit, 'currency') as unit,
        coalesce(
            grants.effective_at, min(versioned.in_force_from_at) over (
                partition by grants.contract_id, grants.grant_id
            )
        ) as effective_at,
        grants.expires_at,
        grants.voided_at,
        grants.priority,
        grants.purchased_by,
        grants.every_days,
        grants.anchor,
        grants.reset,
        grants.rollover_min,
        grants.rollover_max,
        coalesce(grants.preserve_overage, false) as preserve_overage
    from grants
    inner join versioned
        on grants.contract_id = versioned.contract_id
        and grants.version = versioned.version
    cross join run
    where versioned.in_force_from <= run.as_of
    -- The latest terms in force speak for a grant that several versions repeat.
    qualify row_number() over (
        partition by grants.contract_id, grants.grant_id order by versioned.in_force_from desc
    ) = 1

),

-- A prepaid commitment makes its own grant, unless the contract lists the grant itself.
commitment_grants as (

    select
        commitments.contract_id,
        commitments.commitment_id as grant_id,
        commitments.version,
        commitments.commitment_id,
        'commitment' as owner_kind,
        'commit' as kind,
        commitments.amount,
        'currency' as unit,
        commitments.in_force_from_at as effective_at,
        -- Bought for a window at a time it ends with the last; bought once it outlives the contract if nothing ends it.
        case
            when commitments.time_window = 'contract' or commitments.last_to = date '9999-12-31'
                then commitments.expires_at
            else
                least(
                    coalesce(commitments.expires_at, timestamp '9999-12-31'),
                    {{ local_midnight('commitments.last_to', 'commitments.timezone') }}
                )
        end as expires_at,
        cast(null as timestamp) as voided_at,
        commitments.priority,
        commitments.commitment_id as purchased_by,
        cast(null as integer) as every_days,
        cast(null as timestamp) as anchor,
        cast(null as boolean) as reset,
        commitments.rollover_min,
        commitments.rollover_max,
        false as preserve_overage,
        commitments.time_window <> 'contract' as is_bought_again
    from commitments
    cross join run
    left join explicit_grants
        on commitments.contract_id = explicit_grants.contract_id
        and commitments.commitment_id = explicit_grants.commitment_id
    where
        commitments.part_no = 1
        and commitments.part_from <= run.as_of
        and explicit_grants.grant_id is null

),

listed as (

    select * from explicit_grants
    union all by name
    select * from commitment_grants

),

current_versions as (

    select
        versioned.contract_id,
        versioned.version,
        versioned.timezone,
        versioned.currency
    from versioned
    cross join run
    where versioned.in_force_from <= run.as_of
    qualify row_number() over (partition by versioned.contract_id order by versioned.in_force_from desc) = 1

),

-- What was left of a credit when its business moved in stands in place of the credit itself, where the contract still
-- lists it: what was used of it before, the former system burned.
opened_grants as (

    select
        openings.contract_id,
        openings.grant_id,
        coalesce(listed.version, current_versions.version) as version,
        listed.commitment_id,
        coalesce(listed.owner_kind, 'grant') as owner_kind,
        openings.grant_kind as kind,
        openings.amount,
        'currency' as unit,
        {{ local_midnight('openings.as_of', 'current_versions.timezone') }} as effective_at,
        coalesce(openings.expires_at, listed.expires_at) as expires_at,
        listed.voided_at,
        coalesce(openings.priority, listed.priority) as priority,
        listed.purchased_by,
        cast(null as integer) as every_days,
        cast(null as timestamp) as anchor,
        cast(null as boolean) as reset,
        cast(null as decimal(38, 12)) as rollover_min,
        cast(null as decimal(38, 12)) as rollover_max,
        false as preserve_overage,
        true as is_opening
    from openings
    inner join current_versions
        on openings.contract_id = current_versions.contract_id
        -- in another currency it cannot burn here: control OPN-01
        and openings.currency = current_versions.currency
    left join listed
        on openings.contract_id = listed.contract_id
        and openings.grant_id = listed.grant_id

),

gathered as (

    select
        listed.*,
        false as is_opening
    from listed
    left join opened_grants
        on listed.contract_id = opened_grants.contract_id
        and listed.grant_id = opened_grants.grant_id
    where opened_grants.grant_id is null
    union all by name
    select * from opened_grants

),

scopes as (

    select
        contract_id,
        version,
        owner_kind,
        owner_id,
        list(target) as targets
    from applies_to
    group by contract_id, version, owner_kind, owner_id

),

described as (

    select
        gathered.* exclude (unit, amount),
        case
            when gathered.is_opening then gathered.amount
            else {{ purchase_granted('gathered.amount', 'credited.billed_amount', 'credited.credited_amount') }}
        end as amount,
        case when gathered.unit = versioned.currency then 'currency' else gathered.unit end as unit,
        scopes.targets,
        versioned.currency,
        versioned.timezone,
        versioned.selling_entity,
        versioned.rounding_places,
        -- Credit in a meter's unit is taken off the quantity, before there is money to reduce or to pay.
        case
            when gathered.unit <> 'currency' and gathered.unit <> versioned.currency then 'units'
            when gathered.kind in ('promotional', 'sla') then 'reduction'
            else 'payment'
        end as pool,
        least(
            coalesce(gathered.expires_at, timestamp '9999-12-31'), coalesce(gathered.voided_at, timestamp '9999-12-31')
        ) as ends_at
    from gathered
    inner join versioned
        on gathered.contract_id = versioned.contract_id
        and gathered.version = versioned.version
    left join scopes
        on gathered.contract_id = scopes.contract_id
        and gathered.version = scopes.version
        and gathered.owner_kind = scopes.owner_kind
        and gathered.grant_id = scopes.owner_id
    left join credited
        on gathered.contract_id = credited.contract_id
        and coalesce(gathered.purchased_by, gathered.commitment_id) = credited.charge_id

),

final as (

    select
        * exclude (rounding_places, amount, is_bought_again),
        coalesce(is_bought_again, false) as is_bought_again,
        -- Money is drawn in whole minor units, so a fraction of one is never granted.
        case
            when pool = 'units' then cast(amount as decimal(38, 12))
            else {{ round_amount('amount', 'rounding_places', "'floor'") }}
        end as amount,
        row_number() over (
            partition by contract_id, pool
            order by priority nulls last, ends_at, effective_at, grant_id
        ) as burn_rank,
        cast(timezone(timezone, timezone('UTC', effective_at)) as date) as granted_on,
        cast(timezone(timezone, timezone('UTC', ends_at - interval 1 microsecond)) as date) as last_day
    from described
    where amount is not null

)

select * from final
