with source as (

    select * from {{ source('raw_marketplace', 'billingeventfeed') }}

),

final as (

    select
        billing_event_id,
        from_account_id,
        to_account_id,
        end_user_account_id,
        product_id,
        action,
        transaction_type,
        parent_billing_event_id,
        disbursement_billing_event_id,
        amount,
        currency,
        balance_impacting,
        invoice_date,
        payment_due_date,
        usage_period_start_date,
        usage_period_end_date,
        invoice_id,
        billing_address_id,
        transaction_reference_id,
        buyer_transaction_reference_id,
        -- Placeholders that AWS writes where there was no transfer.
        nullif(nullif(bank_trace_id, 'EMEA_MP_TEST_TRACE_ID'), 'testTraceId') as bank_trace_id,
        broker_id,
        agreement_id,
        offer_id,
        buyer_invoice_id,
        buyer_invoice_date,
        line_item_id,
        buyer_line_item_id,
        invoice_variant,
        charge_variant,
        charge_side,
        action_date,
        disbursement_amount,
        disbursement_currency,
        disbursement_reference_number,
        recipient_account_id,
        catalog,
        valid_from,
        insert_date,
        update_date,
        delete_date,
        extra,
        path,
        file_sequence,
        line,
        first_seen
    from source
    where dropped_on is null

)

select * from final
