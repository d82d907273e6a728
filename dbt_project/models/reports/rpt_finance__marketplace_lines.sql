with lines as (

    select * from {{ ref('fct_marketplace_lines') }}

),

-- Two places in every currency, half away from zero: as AWS's reports, also for yen.
final as (

    select
        marketplace,
        line_key,
        agreement_id,
        product_id,
        payer_account_id,
        end_user_account_id,
        invoice_id,
        invoice_date,
        period_from,
        period_to,
        currency,
        {{ round_amount('gross_revenue', '2') }} as gross_revenue,
        {{ round_amount('gross_refund', '2') }} as gross_refund,
        {{ round_amount('listing_fee', '2') }} as listing_fee,
        {{ round_amount('listing_fee_refund', '2') }} as listing_fee_refund,
        {{ round_amount('seller_tax', '2') }} as seller_tax,
        {{ round_amount('aws_tax', '2') }} as aws_tax,
        {{ round_amount('wholesale_cost', '2') }} as wholesale_cost,
        {{ round_amount('other', '2') }} as other,
        {{ round_amount('seller_net_revenue', '2') }} as seller_net_revenue,
        {{ round_amount('collected', '2') }} as collected,
        {{ round_amount('disbursed', '2') }} as disbursed,
        {{ round_amount('undisbursed', '2') }} as undisbursed,
        status,
        bank_trace_ids,
        difference_to_aws_report,
        contract_id,
        account_id,
        selling_entity,
        aws_entity,
        offer_id,
        agreement_known,
        recipient_account_id,
        transaction_reference_id,
        payment_due_date,
        period,
        payout_currency,
        stage,
        last_collected_on,
        last_payout_on,
        {{ round_amount('forgiven', '2') }} as forgiven
    from lines

)

select * from final
order by line_key
