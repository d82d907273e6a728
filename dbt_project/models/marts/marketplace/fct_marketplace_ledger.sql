{# A view: a row of its own would be the event once more, beside what it has of its agreement. #}
{{ config(materialized='view') }}

with rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

payouts as (

    select * from {{ ref('int_marketplace_payouts__composed') }}

),

final as (

    select
        rows_of_events.billing_event_id,
        rows_of_events.line_key,
        rows_of_events.agreement_id,
        agreements.contract_id,
        agreements.account_id,
        coalesce(agreements.selling_entity, payouts.selling_entity, 'UNASSIGNED') as selling_entity,
        rows_of_events.aws_entity,
        rows_of_events.product_id,
        rows_of_events.reported_offer_id as offer_id,
        rows_of_events.payer_account_id,
        rows_of_events.end_user_account_id,
        rows_of_events.invoice_id,
        rows_of_events.invoice_date,
        rows_of_events.payment_due_date,
        rows_of_events.service_from,
        rows_of_events.service_to,
        strftime(rows_of_events.posted_on, '%Y-%m') as period,
        rows_of_events.posted_on,
        rows_of_events.action,
        rows_of_events.transaction_type,
        rows_of_events.category,
        rows_of_events.bucket,
        rows_of_events.is_refund,
        rows_of_events.stage,
        rows_of_events.amount,
        rows_of_events.currency,
        rows_of_events.payout_amount,
        rows_of_events.payout_currency,
        rows_of_events.is_payable,
        rows_of_events.payout_id,
        rows_of_events.payout_type,
        rows_of_events.parent_billing_event_id,
        rows_of_events.agreement_known,
        rows_of_events.bank_trace_id,
        rows_of_events.reference_number,
        rows_of_events.first_seen,
        cast(rows_of_events.versions as integer) as versions
    from rows_of_events
    left join agreements on rows_of_events.agreement_id = agreements.agreement_id
    left join payouts on rows_of_events.billing_event_id = payouts.billing_event_id

)

select * from final
