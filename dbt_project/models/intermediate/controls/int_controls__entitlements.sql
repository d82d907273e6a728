with entitlements as (

    select * from {{ ref('stg_provisioning__entitlements') }}

),

-- Provisioning arrives as snapshots: the last row landed for the same start is the one that counts.
latest as (

    select *
    from entitlements
    qualify
        row_number() over (
            partition by organization_id, account_id, contract_id, product, status, valid_from
            order by file_sequence desc, line desc
        ) = 1

),

ended as (

    select
        latest.*,
        (
            select min(later.valid_from)
            from latest as later
            where
                later.status = 'deprovisioned'
                and later.organization_id is not distinct from latest.organization_id
                and later.contract_id is not distinct from latest.contract_id
                and later.product is not distinct from latest.product
                and later.valid_from >= latest.valid_from
        ) as deprovisioned_on
    from latest
    where latest.status in ('provisioned', 'suspended')

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
