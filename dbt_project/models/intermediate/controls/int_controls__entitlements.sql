with entitlements as (

    select * from {{ ref('stg_provisioning__entitlements') }}

),

ended as (

    select
        entitlements.*,
        (
            select min(later.valid_from)
            from entitlements as later
            where
                later.status = 'deprovisioned'
                and later.organization_id is not distinct from entitlements.organization_id
                and later.contract_id is not distinct from entitlements.contract_id
                and later.product is not distinct from entitlements.product
                and later.valid_from >= entitlements.valid_from
        ) as deprovisioned_on
    from entitlements
    where entitlements.status in ('provisioned', 'suspended')

),

-- A suspension pauses billing by its own rule; the service stays provisioned.
final as (

    select
        organization_id,
        account_id,
        contract_id,
        product,
        status,
        valid_from as provisioned_from,
        least(
            coalesce(valid_to, date '9999-12-31'), coalesce(deprovisioned_on, date '9999-12-31')
        ) as provisioned_to
    from ended

)

select * from final
