{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_lines__keyed')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with movements as (

    select * from {{ ref('int_marketplace_movements__posted') }}
    where {{ of_touched('line_key', touched) }}

),

summed as (

    select
        line_key,
        {% for bucket in line_buckets() %}
            coalesce(sum(amount) filter (where stage = 'invoiced' and bucket = '{{ bucket }}'), 0) as {{ bucket }},
        {% endfor %}
        coalesce(sum(amount) filter (where stage = 'invoiced' and bucket = 'other'), 0) as unclassified,
        coalesce(sum(amount) filter (where stage = 'forgiven' and is_payable), 0) as forgiven,
        coalesce(sum(amount) filter (where stage in ('invoiced', 'forgiven') and is_payable), 0) as seller_net_revenue,
        -- What a buyer pays of tax that AWS remits is not the seller's, so it counts only where AWS owes that tax.
        coalesce(sum(amount) filter (where stage = 'collected' and category not in ('aws_tax', 'fee_tax')), 0)
            as collected_without_aws_tax,
        coalesce(sum(amount) filter (
            where stage = 'collected' and category in ('aws_tax', 'fee_tax') and is_payable
        ), 0) as collected_payable_aws_tax,
        coalesce(sum(amount) filter (where stage = 'collected' and category = 'aws_tax' and not is_payable), 0)
            as collected_aws_tax,
        coalesce(sum(amount) filter (where stage = 'collected' and category = 'fee_tax' and not is_payable), 0)
            as collected_fee_tax,
        coalesce(bool_or(category = 'aws_tax' and is_payable) filter (where stage = 'invoiced'), false)
            as has_payable_aws_tax,
        coalesce(bool_or(category = 'fee_tax' and is_payable) filter (where stage = 'invoiced'), false)
            as has_payable_fee_tax,
        coalesce(sum(amount) filter (where stage = 'disbursed'), 0) as settled,
        coalesce(sum(payout_amount) filter (where stage = 'disbursed'), 0) as settled_payout_amount,
        count(*) filter (where stage = 'disbursed') > 0 as has_payout,
        count(*) filter (where stage = 'disbursed' and is_inferred) > 0 as has_inferred_reversal,
        max(posted_on) filter (where stage = 'collected') as last_collected_on,
        max(posted_on) filter (where stage = 'disbursed') as last_payout_on,
        max(posted_on) filter (where stage = 'disbursed' and payout_type = 'DISBURSEMENT_FAILURE') as last_failed_on,
        max(posted_on) filter (where stage = 'disbursed' and payout_type is distinct from 'DISBURSEMENT_FAILURE')
            as last_paid_on
    from movements
    group by line_key

),

balanced as (

    select
        *,
        collected_without_aws_tax + collected_payable_aws_tax
        + case when has_payable_aws_tax then collected_aws_tax else 0 end
        + case when has_payable_fee_tax then collected_fee_tax else 0 end as collected,
        cast(-settled as decimal(38, 12)) as disbursed,
        cast(seller_net_revenue + settled as decimal(38, 12)) as undisbursed
    from summed

),

final as (

    select
        line_key,
        {% for bucket in line_buckets() %}
            cast({{ bucket }} as decimal(38, 12)) as {{ bucket }},
        {% endfor %}
        cast(unclassified as decimal(38, 12)) as unclassified,
        cast(forgiven as decimal(38, 12)) as forgiven,
        cast(seller_net_revenue as decimal(38, 12)) as seller_net_revenue,
        cast(collected as decimal(38, 12)) as collected,
        disbursed,
        undisbursed,
        cast(-settled_payout_amount as decimal(38, 12)) as disbursed_payout_amount,
        has_payout,
        has_inferred_reversal,
        -- AWS's words and order. One cent too much counts as disbursed, one too little as partly so.
        case
            when not has_payout then 'Not disbursed'
            when undisbursed = 0 then 'Disbursed'
            when disbursed = 0 then 'Disbursement reversed'
            when undisbursed < 0 then 'Disbursed'
            else 'Partially disbursed'
        end as status,
        case
            when forgiven <> 0 and undisbursed = 0 and disbursed = 0 then 'forgiven'
            -- the cent by which AWS is known to pay too much or too little
            when has_payout and abs(undisbursed) <= 0.01
                then case when last_failed_on is null then 'disbursed' else 'resent' end
            when has_payout and last_failed_on >= last_paid_on then 'failed'
            when has_payout and undisbursed < 0 and seller_net_revenue >= 0 then 'disbursed'
            when has_payout then 'partly_disbursed'
            when seller_net_revenue = 0 and gross_refund <> 0 then 'refunded'
            when collected <> 0 then 'collected'
            else 'invoiced'
        end as stage,
        last_collected_on,
        last_payout_on
    from balanced

)

select * from final
