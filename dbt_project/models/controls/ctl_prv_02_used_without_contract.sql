with entitlements as (

    select * from {{ ref('int_controls__entitlements') }}

),

-- What is provisioned, by the scope of the account it is provisioned for.
population as (

    select distinct
        scopes.period,
        accounts.selling_entity,
        accounts.channel,
        accounts.currency,
        entitlements.organization_id,
        entitlements.product,
        cast(null as decimal(38, 12)) as amount
    from entitlements
    inner join {{ ref('int_controls__accounts') }} as accounts
        on coalesce(entitlements.organization_id, entitlements.account_id) = accounts.landed_account_id
    inner join {{ ref('int_controls__scopes') }} as scopes
        on accounts.selling_entity = scopes.selling_entity
        and accounts.channel = scopes.channel
        and {{ month_of('entitlements.provisioned_from') }} <= scopes.period
        and {{ month_of('entitlements.provisioned_to') }} >= scopes.period

),

-- No contract bills it, so there is no document that could be held.
unbilled as (

    select
        * replace (
            coalesce(
                (
                    select min(entitlements.account_id)
                    from entitlements
                    where entitlements.organization_id = unbilled_rows.landed_account_id
                ),
                account_id
            ) as account_id,
            null as contract_id,
            null as document_id,
            false as holds,
            null as billed_from
        ),
        landed_account_id || ' ' || coalesce(meter, 'no meter') as kind
    from {{ ref('int_controls__unbilled_rows') }} as unbilled_rows
    where
        origin = 'unattributed'
        and reason = 'no_account'
        and exists (
            select 1
            from entitlements
            where
                unbilled_rows.landed_account_id in (entitlements.organization_id, entitlements.account_id)
                and unbilled_rows.event_on >= entitlements.provisioned_from
                and unbilled_rows.event_on < entitlements.provisioned_to
        )

),

{{ unbilled_violations("'B16'") }},

{{ control_rows('PRV-02') }}
