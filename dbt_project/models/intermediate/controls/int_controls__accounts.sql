with versions as (

    select * from {{ ref('stg_contracts__versions') }}

),

organizations as (

    select * from {{ ref('stg_contracts__organizations') }}

),

entitlements as (

    select * from {{ ref('int_controls__entitlements') }}

),

named as (

    select
        contract_id,
        account_id as landed_account_id
    from versions
    union
    select
        contract_id,
        organization_id as landed_account_id
    from organizations

),

-- An organization that no contract names may still be provisioned for the account of one: that tells whom to ask.
provisioned as (

    select distinct
        versions.contract_id,
        entitlements.organization_id as landed_account_id
    from entitlements
    inner join versions
        on entitlements.contract_id = versions.contract_id
        or (entitlements.contract_id is null and entitlements.account_id = versions.account_id)
    where
        entitlements.organization_id is not null
        and entitlements.organization_id not in (select named.landed_account_id from named)

),

identifiers as (

    select
        contract_id,
        landed_account_id,
        true as is_named
    from named
    union all
    select
        contract_id,
        landed_account_id,
        false as is_named
    from provisioned

),

latest as (

    select *
    from versions
    qualify row_number() over (partition by contract_id order by version desc) = 1

),

starts as (

    select
        contract_id,
        min(starts_on) as starts_on
    from versions
    group by contract_id

),

final as (

    select
        identifiers.landed_account_id,
        identifiers.is_named,
        latest.contract_id,
        latest.account_id,
        latest.selling_entity,
        latest.channel,
        latest.currency,
        starts.starts_on,
        latest.ends_on
    from identifiers
    inner join latest on identifiers.contract_id = latest.contract_id
    inner join starts on identifiers.contract_id = starts.contract_id

)

select * from final
