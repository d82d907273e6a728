with agreements as (

    select * from {{ ref('int_agreements__current') }}

),

billing_events as (

    select * from {{ ref('int_billing_events__resolved') }}

),

daily_usage as (

    select * from {{ ref('int_daily_usage__resolved') }}

),

offers as (

    select * from {{ ref('int_offers__resolved') }}

),

offer_targets as (

    select * from {{ ref('int_offer_targets__resolved') }}

),

contract_versions as (

    select
        contract_id,
        version,
        account_id,
        selling_entity,
        currency,
        -- AWS writes both spellings; the feeds are read as agmt-.
        replace(marketplace ->> '$.agreement_id', 'agmnt-', 'agmt-') as agreement_id
    from {{ ref('stg_contracts__versions') }}

),

-- The latest version that names the agreement says whose it is.
contracts as (

    select * exclude (preference)
    from (
        select
            *,
            row_number() over (partition by agreement_id order by version desc, contract_id) as preference
        from contract_versions
        where agreement_id is not null
    ) as preferred
    where preference = 1

),

seen as (

    select agreement_id from agreements
    union
    select agreement_id from billing_events
    where agreement_id is not null
    union
    select agreement_id from daily_usage
    where agreement_id is not null
    union
    select agreement_id from contracts

),

restricted_offers as (

    select distinct offer_id
    from offer_targets
    where target_type = 'BuyerAccounts'

),

offer_revisions as (

    select * exclude (preference)
    from (
        select
            offer_id,
            offer_revision,
            seller_account_id,
            recipient_account_id,
            opportunity_id,
            row_number() over (partition by offer_id, offer_revision order by valid_from desc) as preference
        from offers
    ) as preferred
    where preference = 1

),

latest_offers as (

    select
        offer_id,
        max(offer_revision) as offer_revision
    from offer_revisions
    group by offer_id

),

final as (

    select
        seen.agreement_id,
        contracts.contract_id,
        contracts.account_id,
        coalesce(contracts.selling_entity, 'UNASSIGNED') as selling_entity,
        coalesce(agreements.currency_code, contracts.currency) as currency,
        agreements.agreement_id is not null as in_feed,
        contracts.agreement_id is not null as in_contracts,
        agreements.offer_id,
        case
            when agreements.agreement_id is null then null
            when agreements.proposer_account_id <> agreements.recipient_account_id then 'cppo'
            when offer_revisions.offer_id is null then null
            when offer_revisions.opportunity_id is not null then 'cppo'
            when offer_revisions.seller_account_id <> offer_revisions.recipient_account_id then 'cppo'
            when restricted_offers.offer_id is not null then 'private'
            else 'public'
        end as offer_kind,
        coalesce(agreements.intent = 'RENEW', false) as is_renewal,
        agreements.estimated_agreement_value as contract_value
    from seen
    left join agreements on seen.agreement_id = agreements.agreement_id
    left join contracts on seen.agreement_id = contracts.agreement_id
    left join latest_offers on agreements.offer_id = latest_offers.offer_id
    left join offer_revisions
        on agreements.offer_id = offer_revisions.offer_id
        and coalesce(agreements.offer_revision_at_acceptance, latest_offers.offer_revision)
        = offer_revisions.offer_revision
    left join restricted_offers on agreements.offer_id = restricted_offers.offer_id

)

select * from final
