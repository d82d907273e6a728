{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_lines__keyed')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with rows_of_events as not materialized (

    select * from {{ ref('int_marketplace_events__classified') }}
    where line_key is not null and {{ of_touched('line_key', touched) }}

),

-- AWS drops rows of an agreement it does not know, and of a known one where the row has no invoice date.
reported as not materialized (

    select
        *,
        {{ base_key_of_line('rows_of_events') }} as base_key
    from rows_of_events
    where is_in_aws_report

),

legacy_products as (

    select
        new_id as product_id,
        count(distinct legacy_id) as legacy_ids
    from {{ ref('stg_aws_marketplace__legacy_ids') }}
    where mapping_type = 'PRODUCT'
    group by new_id

),

-- {{ '*_TAX_SHARE_CREDIT' }} and types AWS does not list fall in no bucket of its report.
known as (

    select
        *,
        bucket <> 'other' and not (base_type like '%TAX_SHARE' and transaction_type like '%CREDIT') as is_in_bucket,
        aws_stage = 'invoiced' and is_in_bucket as is_invoiced
    from reported

),

totals as (

    select
        line_key,
        {% for bucket in line_buckets() %}
            coalesce(sum(amount) filter (where is_invoiced and bucket = '{{ bucket }}'), 0) as {{ bucket }},
        {% endfor %}
        coalesce(sum(amount) filter (where is_invoiced and is_payable), 0) as seller_net_revenue,
        coalesce(sum(amount) filter (where aws_stage = 'collected'), 0) as collected,
        coalesce(sum(amount) filter (where aws_stage = 'payout' and is_in_bucket and is_payable), 0) as paid,
        count(*) filter (where aws_stage = 'payout') > 0 as has_payout
    from known
    group by line_key

),

-- Number and date of the invoice are the greatest of the line in all its currencies, refunds and settlements included.
invoices as (

    select
        base_key,
        max(case
            when invoice_variant = 'PURCHASE' then invoice_id
            when invoice_variant = 'RESALE' then buyer_invoice_id
        end) as invoice_id,
        max(case
            when invoice_variant = 'PURCHASE' or transaction_type = 'BALANCE_ADJUSTMENT' then invoiced_at
            when invoice_variant = 'RESALE' then buyer_invoiced_at
        end) as invoiced_at
    from reported
    where invoice_variant in ('PURCHASE', 'RESALE') or transaction_type = 'BALANCE_ADJUSTMENT'
    group by base_key

),

-- The line comes out once for every combination of what should be equal on its rows.
copies as (

    select
        line_key,
        base_key,
        broker_id,
        product_id
    from reported
    where aws_stage = 'invoiced'
    group by
        line_key,
        base_key,
        broker_id,
        product_id,
        payout_id,
        recipient_account_id,
        agreement_id,
        proposer_account_id,
        acceptor_account_id,
        reported_offer_id,
        end_user_account_id,
        usage_period_start_date,
        usage_period_end_date,
        buyer_transaction_reference_id,
        case when buyer_transaction_reference_id is null then transaction_reference_id end

),

-- A product with several legacy ids multiplies its lines.
repeated as (

    select
        copies.line_key,
        copies.base_key,
        copies.broker_id,
        unnest(range(greatest(coalesce(legacy_products.legacy_ids, 1), 1))) as legacy_no
    from copies
    left join legacy_products on copies.product_id = legacy_products.product_id

),

final as (

    select
        repeated.line_key,
        cast(row_number() over (
            partition by repeated.line_key order by repeated.broker_id, repeated.legacy_no
        ) as integer) as copy_no,
        repeated.broker_id,
        invoices.invoice_id,
        cast(invoices.invoiced_at as date) as invoice_date,
        {% for bucket in line_buckets() %}
            cast(totals.{{ bucket }} as decimal(38, 12)) as {{ bucket }},
        {% endfor %}
        cast(totals.seller_net_revenue as decimal(38, 12)) as seller_net_revenue,
        cast(totals.collected as decimal(38, 12)) as collected,
        cast(-totals.paid as decimal(38, 12)) as disbursed,
        cast(totals.seller_net_revenue + totals.paid as decimal(38, 12)) as undisbursed,
        case
            when not totals.has_payout then 'Not disbursed'
            when totals.seller_net_revenue + totals.paid = 0 then 'Disbursed'
            when totals.paid = 0 then 'Disbursement reversed'
            when totals.seller_net_revenue + totals.paid < 0 then 'Disbursed'
            else 'Partially disbursed'
        end as status
    from repeated
    inner join totals on repeated.line_key = totals.line_key
    left join invoices on repeated.base_key = invoices.base_key

)

select * from final
