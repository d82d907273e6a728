{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_events__classified')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with rows_of_events as not materialized (

    select * from {{ ref('int_marketplace_events__classified') }}
    where line_key is not null and {{ of_touched('line_key', touched) }}

),

-- The original sale says what a line is about: refunds, taxes and settlements may repeat it, or say otherwise.
originals as (

    select
        line_key,
        min(struct_pack(
            rank := case
                when action <> 'INVOICED' then 5
                when transaction_type = 'SELLER_REV_SHARE' and bucket = 'gross_revenue' then 0
                when transaction_type = 'SELLER_REV_SHARE' then 1
                when starts_with(transaction_type, 'SELLER') and not is_refund then 2
                when not is_refund then 3
                else 4
            end,
            invoiced_at := coalesce(invoiced_at, timestamp '2999-01-01 00:00:00'),
            valid_from := coalesce(valid_from, timestamp '2999-01-01 00:00:00'),
            billing_event_id := billing_event_id
        )).billing_event_id as billing_event_id
    from rows_of_events
    group by line_key

),

final as (

    select
        rows_of_events.line_key,
        {{ base_key_of_line('rows_of_events') }} as base_key,
        rows_of_events.billing_event_id as original_event_id,
        rows_of_events.agreement_id,
        rows_of_events.agreement_known,
        rows_of_events.product_id,
        rows_of_events.reported_offer_id as offer_id,
        rows_of_events.payer_account_id,
        rows_of_events.end_user_account_id,
        rows_of_events.recipient_account_id,
        rows_of_events.aws_entity,
        -- A wholesale line is known by the invoice to the buyer, as in AWS's reports.
        case
            when rows_of_events.invoice_variant = 'RESALE'
                then coalesce(rows_of_events.buyer_invoice_id, rows_of_events.invoice_id)
            else rows_of_events.invoice_id
        end as invoice_id,
        case
            when rows_of_events.invoice_variant = 'RESALE'
                then coalesce(cast(rows_of_events.buyer_invoiced_at as date), rows_of_events.invoice_date)
            else rows_of_events.invoice_date
        end as invoice_date,
        rows_of_events.payment_due_date,
        rows_of_events.service_from,
        rows_of_events.service_to,
        coalesce(rows_of_events.buyer_transaction_reference_id, rows_of_events.transaction_reference_id)
            as transaction_reference_id,
        rows_of_events.currency,
        rows_of_events.line_payout_currency as payout_currency,
        rows_of_events.first_seen,
        rows_of_events.posted_on
    from originals
    inner join rows_of_events on originals.billing_event_id = rows_of_events.billing_event_id

)

select * from final
