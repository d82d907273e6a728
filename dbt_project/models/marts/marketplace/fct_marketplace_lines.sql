{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_lines__keyed')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with lines as (

    select * from {{ ref('int_marketplace_lines__totalled') }}
    where {{ of_touched('line_key', touched) }}

),

keyed as (

    select * from {{ ref('int_marketplace_lines__keyed') }}
    where {{ of_touched('line_key', touched) }}

),

compared as (

    select * from {{ ref('int_marketplace_lines__compared') }}
    where {{ of_touched('line_key', touched) }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}
    where stage = 'disbursed' and bank_trace_id is not null and {{ of_touched('line_key', touched) }}

),

-- Each trace once, in the order of the payouts.
traces as (

    select
        line_key,
        string_agg(bank_trace_id, ',' order by paid_on, bank_trace_id) as bank_trace_ids
    from (
        select
            line_key,
            bank_trace_id,
            min(paid_on) as paid_on
        from rows_of_events
        group by line_key, bank_trace_id
    ) as distinct_traces
    group by line_key

),

final as (

    select
        'aws_marketplace' as marketplace,
        lines.line_key,
        keyed.agreement_id,
        keyed.product_id,
        keyed.payer_account_id,
        keyed.end_user_account_id,
        keyed.invoice_id,
        keyed.invoice_date,
        keyed.service_from as period_from,
        keyed.service_to as period_to,
        keyed.currency,
        lines.gross_revenue,
        lines.gross_refund,
        lines.listing_fee,
        lines.listing_fee_refund,
        cast(lines.seller_tax_share + lines.seller_tax_share_refund as decimal(38, 12)) as seller_tax,
        cast(lines.aws_tax_share + lines.aws_tax_share_refund as decimal(38, 12)) as aws_tax,
        cast(lines.wholesale_cost + lines.wholesale_cost_refund as decimal(38, 12)) as wholesale_cost,
        -- Whatever else counts in net, so that the visible columns make it: aws_tax is information, not net.
        cast(lines.seller_net_revenue - {{ [
            'gross_revenue', 'gross_refund', 'listing_fee', 'listing_fee_refund', 'seller_tax_share',
            'seller_tax_share_refund', 'wholesale_cost', 'wholesale_cost_refund'
        ] | map('replace', '', 'lines.', 1) | join(' - ') }} as decimal(38, 12)) as other,
        lines.seller_net_revenue,
        lines.collected,
        lines.disbursed,
        lines.undisbursed,
        lines.status,
        traces.bank_trace_ids,
        compared.difference_to_aws_report,
        agreements.contract_id,
        agreements.account_id,
        coalesce(agreements.selling_entity, 'UNASSIGNED') as selling_entity,
        keyed.aws_entity,
        keyed.offer_id,
        keyed.agreement_known,
        keyed.recipient_account_id,
        keyed.transaction_reference_id,
        keyed.payment_due_date,
        strftime(coalesce(keyed.service_from, keyed.invoice_date, keyed.posted_on), '%Y-%m') as period,
        keyed.payout_currency,
        lines.disbursed_payout_amount,
        lines.stage,
        lines.last_collected_on,
        lines.last_payout_on,
        lines.forgiven,
        {% for bucket in line_buckets()[4:] if bucket != 'wholesale_cost' %}
            lines.{{ bucket }},
        {% endfor %}
        lines.wholesale_cost as wholesale_cost_charged,
        lines.unclassified,
        keyed.first_seen
    from lines
    inner join keyed on lines.line_key = keyed.line_key
    left join compared on lines.line_key = compared.line_key
    left join agreements on keyed.agreement_id = agreements.agreement_id
    left join traces on lines.line_key = traces.line_key

)

select * from final
