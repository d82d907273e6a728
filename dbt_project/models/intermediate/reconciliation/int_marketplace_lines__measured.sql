{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_lines__keyed')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with ledger as (

    select * from {{ ref('fct_marketplace_ledger') }}
    where line_key is not null and {{ of_touched('line_key', touched) }}

),

lines as (

    select * from {{ ref('fct_marketplace_lines') }}
    where {{ of_touched('line_key', touched) }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

-- What was invoiced, by kind: a write-off (forgiven) is no correction of the invoice.
invoiced as (

    select
        line_key,
        sum(amount) filter (where stage = 'invoiced' and category = 'gross') as gross,
        sum(amount) filter (where stage = 'invoiced' and category in ('refund', 'credit')) as refunded,
        sum(amount) filter (where stage = 'invoiced' and category in ('listing_fee', 'fee_refund')) as listing_fee,
        sum(amount) filter (where stage = 'invoiced' and category = 'wholesale_cost') as wholesale_cost,
        sum(amount) filter (where stage = 'invoiced' and is_payable) as net,
        sum(amount) filter (where stage = 'forgiven' and is_payable) as forgiven,
        sum(amount) filter (
            where stage = 'invoiced' and category in ('balance_adjustment', 'infrastructure_netting')
        ) as adjusted,
        max(posted_on) filter (where stage = 'invoiced' and category in ('refund', 'credit', 'fee_refund'))
            as refunded_on,
        max(posted_on) as last_posted_on
    from ledger
    group by line_key

),

-- One buyer line that AWS books in several pricing currencies stands here once for each.
keyed as (

    select
        lines.*,
        regexp_replace(lines.line_key, ':[^:]*:[^:]*$', '') as buyer_line_key
    from lines

),

buyer_lines as (

    select
        buyer_line_key,
        count(distinct currency) as currency_count
    from keyed
    group by buyer_line_key

),

final as (

    select
        keyed.line_key,
        keyed.agreement_id,
        keyed.contract_id,
        keyed.account_id,
        coalesce(keyed.selling_entity, 'UNASSIGNED') as selling_entity,
        keyed.aws_entity,
        keyed.product_id,
        keyed.end_user_account_id,
        keyed.invoice_id,
        keyed.invoice_date,
        keyed.payment_due_date,
        keyed.period_from,
        keyed.period_to,
        keyed.period,
        keyed.currency,
        keyed.payout_currency,
        keyed.stage,
        keyed.last_collected_on,
        keyed.last_payout_on,
        coalesce(agreements.in_feed, false) as agreement_in_feed,
        agreements.offer_kind,
        coalesce(agreements.is_renewal, false) as is_renewal,
        agreements.contract_value,
        agreements.currency as agreement_currency,
        buyer_lines.currency_count > 1 as is_in_several_currencies,
        cast(coalesce(invoiced.gross, 0) as decimal(38, 12)) as gross,
        cast(coalesce(invoiced.refunded, 0) as decimal(38, 12)) as refunded,
        cast(coalesce(invoiced.listing_fee, 0) as decimal(38, 12)) as listing_fee,
        cast(coalesce(invoiced.wholesale_cost, 0) as decimal(38, 12)) as wholesale_cost,
        cast(coalesce(invoiced.adjusted, 0) as decimal(38, 12)) as adjusted,
        cast(coalesce(invoiced.net, 0) as decimal(38, 12)) as net,
        cast(coalesce(invoiced.forgiven, 0) as decimal(38, 12)) as forgiven,
        cast(coalesce(keyed.collected, 0) as decimal(38, 12)) as collected,
        cast(coalesce(keyed.disbursed, 0) as decimal(38, 12)) as disbursed,
        cast(coalesce(keyed.seller_net_revenue, 0) as decimal(38, 12)) as seller_net_revenue,
        invoiced.refunded_on,
        invoiced.last_posted_on
    from keyed
    inner join buyer_lines on keyed.buyer_line_key = buyer_lines.buyer_line_key
    left join invoiced on keyed.line_key = invoiced.line_key
    left join agreements on keyed.agreement_id = agreements.agreement_id

)

select * from final
