{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('billing_event_id', ref('int_marketplace_events__touched')) }}"
) }}

{% set touched = ref('int_marketplace_events__touched') %}
{% set versions = ref('stg_aws_marketplace__billing_events') %}

{% if follows_last_build() %}
    with versions as not materialized (

        select * from {{ versions }}
        where {{ of_touched('billing_event_id', touched) }}

    ),

    events as not materialized (

        {{ latest_billing_events('versions') }}

    ),
{% else %}
    with events as not materialized (

        select * from {{ ref('int_billing_events__resolved') }}

    ),
{% endif %}

agreement_versions as (

    select
        agreement_id,
        offer_id,
        proposer_account_id,
        acceptor_account_id,
        -- Facts may be older than the first version that is known: it reaches back to the beginning.
        case
            when lag(valid_from) over (partition by agreement_id order by valid_from) is null
                then timestamp '1969-12-31 23:00:00'
            else valid_from
        end as valid_from,
        valid_to
    from {{ ref('int_agreements__resolved') }}

),

agreements as (

    select distinct agreement_id from agreement_versions

),

payouts as (

    select
        billing_event_id as payout_id,
        transaction_type as payout_type,
        cast(coalesce(invoice_date, action_date, valid_from, insert_date) as date) as paid_on,
        bank_trace_id,
        disbursement_reference_number as reference_number
    -- A touched row may be paid by a payout that is not.
    from {{ ref('int_billing_events__resolved') if follows_last_build() else 'events' }}
    where transaction_type in ('DISBURSEMENT', 'DISBURSEMENT_FAILURE') and action = 'DISBURSED'

),

-- A row that is never paid out, such as tax that AWS remits, has no payout currency and joins the line of those that
-- are.
payout_currencies as (

    select
        {{ line_base_key() }} as base_key,
        coalesce(currency, '') as currency,
        max(disbursement_currency) as payout_currency
    from events
    group by all
    having bool_or(disbursement_currency is null) and max(disbursement_currency) is not null

),

typed as (

    select
        *,
        -- SELLER_TAX_SHARE_REFUND -> SELLER_TAX_SHARE; a credit is clubbed with the refunds.
        case
            when ends_with(transaction_type, '_REFUND') or ends_with(transaction_type, '_CREDIT')
                then left(transaction_type, -7)
            else transaction_type
        end as base_type,
        ends_with(transaction_type, '_REFUND') or ends_with(transaction_type, '_CREDIT') as is_refund,
        coalesce(invoice_variant = 'RESALE', false) as is_resale,
        coalesce(
            invoice_variant = 'LISTING_FEE' or (invoice_variant = 'PURCHASE' and charge_variant = 'LISTING_FEE'), false
        ) as is_fee_charge,
        coalesce(charge_variant = 'RESALE' and charge_side = 'BUYING', false) as is_bought
    from events

),

classified as (

    select
        *,
        case
            when base_type = 'SELLER_REV_SHARE' and is_bought then 'wholesale_cost'
            when base_type = 'SELLER_REV_SHARE' then 'gross_revenue'
            when base_type = 'AWS_REV_SHARE' then 'listing_fee'
            when base_type = 'AWS_TAX_SHARE' and is_resale then 'wholesale_aws_tax_share'
            when base_type = 'AWS_TAX_SHARE' and is_fee_charge then 'aws_tax_share_listing_fee'
            when base_type = 'AWS_TAX_SHARE' then 'aws_tax_share'
            when base_type = 'SELLER_TAX_SHARE' and is_resale then 'wholesale_seller_tax_share'
            when base_type = 'SELLER_TAX_SHARE' then 'seller_tax_share'
            when base_type = 'OTHER_SELLER_TAX_SHARE' and is_resale then 'wholesale_other_seller_tax_share'
            when base_type = 'OTHER_SELLER_TAX_SHARE' then 'other_seller_tax_share'
            when transaction_type in ('AWS_INFRA_SHARE', 'INFRA_FEE_PRETAX') then 'infrastructure_netting'
            when transaction_type = 'BALANCE_ADJUSTMENT' then 'balance_adjustment'
            when transaction_type = 'DISBURSEMENT' then 'disbursement'
            when transaction_type = 'DISBURSEMENT_FAILURE' then 'failure'
            else 'other'
        end as bucket
    from typed

),

keyed as (

    select
        *,
        {{ line_base_key() }} as base_key
    from classified

),

final as (

    select
        events.billing_event_id,
        events.base_key || ':' || coalesce(events.currency, '') || ':'
        || coalesce(events.disbursement_currency, payout_currencies.payout_currency, '') as line_key,
        events.agreement_id,
        events.agreement_id is null or agreement_versions.agreement_id is not null as is_in_aws_report,
        case when events.agreement_id is not null then agreements.agreement_id is not null end as agreement_known,
        events.product_id,
        coalesce(agreement_versions.offer_id, events.offer_id) as reported_offer_id,
        agreement_versions.proposer_account_id,
        agreement_versions.acceptor_account_id,
        case
            when
                starts_with(events.transaction_type, 'AWS')
                or events.bucket in ('wholesale_cost', 'balance_adjustment', 'disbursement', 'failure')
                or (events.is_resale and events.base_type in ('SELLER_TAX_SHARE', 'OTHER_SELLER_TAX_SHARE'))
                then null
            else events.from_account_id
        end as payer_account_id,
        events.end_user_account_id,
        events.recipient_account_id,
        events.broker_id,
        coalesce(events.broker_id, 'AWS_INC') as aws_entity,
        events.invoice_id,
        events.invoice_variant,
        events.buyer_invoice_id,
        events.invoice_date as invoiced_at,
        events.buyer_invoice_date as buyer_invoiced_at,
        cast(events.invoice_date as date) as invoice_date,
        cast(events.payment_due_date as date) as payment_due_date,
        events.usage_period_start_date,
        events.usage_period_end_date,
        cast(events.usage_period_start_date as date) as service_from,
        -- The feed's last second belongs to the period.
        cast(cast(events.usage_period_end_date as date) + 1 as date) as service_to,
        events.transaction_reference_id,
        events.buyer_transaction_reference_id,
        events.action,
        events.transaction_type,
        events.base_type,
        events.is_refund,
        case
            when events.is_refund and events.bucket in ('disbursement', 'failure', 'other') then events.bucket
            when events.is_refund and events.bucket = 'gross_revenue' then 'gross_refund'
            when events.is_refund then events.bucket || '_refund'
            else events.bucket
        end as bucket,
        case events.bucket
            when 'gross_revenue'
                then if(events.is_refund, lower(right(events.transaction_type, 6)), 'gross')  -- _REFUND or _CREDIT
            when 'listing_fee' then if(events.is_refund, 'fee_refund', 'listing_fee')
            when 'aws_tax_share' then 'aws_tax'
            when 'wholesale_aws_tax_share' then 'aws_tax'
            when 'aws_tax_share_listing_fee' then 'fee_tax'
            when 'seller_tax_share' then 'seller_tax'
            when 'wholesale_seller_tax_share' then 'seller_tax'
            when 'other_seller_tax_share' then 'other_seller_tax'
            when 'wholesale_other_seller_tax_share' then 'other_seller_tax'
            else events.bucket
        end as category,
        -- What happened, by the action alone: whether AWS's own report can place the payout is another matter.
        case
            when starts_with(events.transaction_type, 'DISBURSEMENT') then 'payout'
            when events.action = 'DISBURSED' then 'disbursed'
            when events.action = 'COLLECTED' then 'collected'
            when events.action = 'FORGIVEN' then 'forgiven'
            else 'invoiced'
        end as stage,
        -- AWS's order: a row tied to a payout of the feed is paid, whatever its action.
        case
            when payouts.payout_id is not null then 'payout'
            when events.action = 'COLLECTED' then 'collected'
            else 'invoiced'
        end as aws_stage,
        -- Whether the row moves what AWS owes. The flag of the feed is 0 on settlements although they do; of the kinds
        -- we know only tax that AWS remits does not, unless the row says so or pays it out.
        case
            when starts_with(events.transaction_type, 'DISBURSEMENT') then false
            when events.base_type = 'AWS_TAX_SHARE' or events.bucket = 'other'
                then coalesce(events.balance_impacting, false) or events.action = 'DISBURSED'
            else true
        end as is_payable,
        events.amount,
        events.currency,
        events.disbursement_amount as payout_amount,
        events.disbursement_currency as payout_currency,
        coalesce(events.disbursement_currency, payout_currencies.payout_currency) as line_payout_currency,
        events.disbursement_billing_event_id as payout_id,
        payouts.payout_type,
        payouts.paid_on,
        -- The trace of the payout, also where the row repeats none.
        case
            when starts_with(events.transaction_type, 'DISBURSEMENT')
                then events.bank_trace_id
            else payouts.bank_trace_id
        end as bank_trace_id,
        case
            when starts_with(events.transaction_type, 'DISBURSEMENT') then events.disbursement_reference_number
            else payouts.reference_number
        end as reference_number,
        events.parent_billing_event_id,
        cast(coalesce(
            case
                when starts_with(events.transaction_type, 'DISBURSEMENT') then events.invoice_date
                when events.action = 'DISBURSED' then payouts.paid_on
                when events.action not in ('COLLECTED', 'FORGIVEN') then events.invoice_date
            end,
            events.action_date, events.valid_from, events.insert_date, events.first_seen
        ) as date) as posted_on,
        events.valid_from,
        events.first_seen,
        events.versions
    from keyed as events
    left join agreement_versions
        on events.agreement_id = agreement_versions.agreement_id
        and events.invoice_date >= agreement_versions.valid_from
        and events.invoice_date < agreement_versions.valid_to
    left join agreements on events.agreement_id = agreements.agreement_id
    left join payout_currencies
        on events.base_key = payout_currencies.base_key
        and coalesce(events.currency, '') = payout_currencies.currency
    left join payouts on events.disbursement_billing_event_id = payouts.payout_id

)

select * from final
