with stretches as (

    select * from {{ ref('int_recurring_stretches__cut') }}

),

entitlements as (

    select * from {{ ref('stg_provisioning__entitlements') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

charges as (

    select distinct
        contract_id,
        charge_id,
        product
    from stretches

),

accounts as (

    select distinct
        contract_id,
        account_id
    from versioned

),

-- A row that names no contract speaks for all contracts of its account; one that names no product, for all products.
placed as (

    select
        contract_id,
        organization_id,
        product,
        status,
        valid_from,
        valid_to
    from entitlements
    where contract_id is not null

    union all

    select
        accounts.contract_id,
        entitlements.organization_id,
        entitlements.product,
        entitlements.status,
        entitlements.valid_from,
        entitlements.valid_to
    from entitlements
    inner join accounts on entitlements.account_id = accounts.account_id
    where entitlements.contract_id is null

),

spells as (

    select
        charges.contract_id,
        charges.charge_id,
        coalesce(placed.organization_id, '') as organization_id,
        placed.status,
        coalesce(placed.valid_from, date '0001-01-01') as spell_from,
        coalesce(placed.valid_to, date '9999-12-31') as spell_to
    from charges
    inner join placed
        on charges.contract_id = placed.contract_id
        and (placed.product is null or charges.product = placed.product)
    where placed.status in ('suspended', 'provisioned')

),

suspended_charges as (

    select distinct
        contract_id,
        charge_id
    from spells
    where status = 'suspended'

),

boundaries as (

    select spells.contract_id, spells.charge_id, spells.spell_from as boundary
    from spells
    inner join suspended_charges using (contract_id, charge_id)

    union

    select spells.contract_id, spells.charge_id, spells.spell_to as boundary
    from spells
    inner join suspended_charges using (contract_id, charge_id)

),

slices as (

    select
        contract_id,
        charge_id,
        boundary as slice_from,
        lead(boundary) over (partition by contract_id, charge_id order by boundary) as slice_to
    from boundaries

),

states as (

    select
        slices.contract_id,
        slices.charge_id,
        slices.slice_from,
        slices.slice_to,
        spells.organization_id,
        bool_or(spells.status = 'suspended') as is_suspended
    from slices
    inner join spells
        on slices.contract_id = spells.contract_id
        and slices.charge_id = spells.charge_id
        and slices.slice_from >= spells.spell_from
        and slices.slice_from < spells.spell_to
    where slices.slice_to is not null
    group by slices.contract_id, slices.charge_id, slices.slice_from, slices.slice_to, spells.organization_id

),

-- A suspension stops a charge while no organization of the contract still has the product.
suspended as (

    select
        contract_id,
        charge_id,
        slice_from,
        slice_to
    from states
    group by contract_id, charge_id, slice_from, slice_to
    having bool_and(is_suspended)

),

compared as (

    select
        *,
        coalesce(
            lag(slice_to) over (partition by contract_id, charge_id order by slice_from) = slice_from, false
        ) as continues
    from suspended

),

numbered as (

    select
        *,
        sum(case when continues then 0 else 1 end) over (
            partition by contract_id, charge_id order by slice_from
        ) as suspension_no
    from compared

),

final as (

    select
        contract_id,
        charge_id,
        min(slice_from) as suspended_from,
        max(slice_to) as suspended_to
    from numbered
    group by contract_id, charge_id, suspension_no

)

select * from final
