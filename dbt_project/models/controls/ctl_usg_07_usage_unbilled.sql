-- Usage of a provisioned organization that no contract names is PRV-02's; outside the contract's term, USG-08's.
with entitlements as (

    select * from {{ ref('int_controls__entitlements') }}

),

unbilled as (

    select
        *,
        reason || ' ' || meter as kind
    from {{ ref('int_controls__unbilled_rows') }} as unbilled_rows
    where
        origin = 'unattributed'
        and (
            reason in ('no_charge', 'ambiguous')
            or (
                reason = 'no_account'
                and not exists (
                    select 1
                    from entitlements
                    where
                        unbilled_rows.landed_account_id in (entitlements.organization_id, entitlements.account_id)
                        and unbilled_rows.event_on >= entitlements.provisioned_from
                        and unbilled_rows.event_on < entitlements.provisioned_to
                )
            )
        )

),

{{ landed_usage_population() }},

{{ unbilled_violations("case when kind like 'no_charge %' then 'B05' else 'B15' end") }},

{{ control_rows('USG-07') }}
