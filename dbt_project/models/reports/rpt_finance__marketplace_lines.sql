-- Header only: the room that fills it is not part of this release. Readers find its columns and types.
with final as (

    select
        cast(null as varchar) as marketplace,
        cast(null as varchar) as line_key,
        cast(null as varchar) as agreement_id,
        cast(null as varchar) as product_id,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as end_user_account_id,
        cast(null as varchar) as invoice_id,
        cast(null as date) as invoice_date,
        cast(null as date) as period_from,
        cast(null as date) as period_to,
        cast(null as varchar) as currency,
        cast(null as decimal(38, 12)) as gross_revenue,
        cast(null as decimal(38, 12)) as gross_refund,
        cast(null as decimal(38, 12)) as listing_fee,
        cast(null as decimal(38, 12)) as listing_fee_refund,
        cast(null as decimal(38, 12)) as seller_tax,
        cast(null as decimal(38, 12)) as aws_tax,
        cast(null as decimal(38, 12)) as wholesale_cost,
        cast(null as decimal(38, 12)) as other,
        cast(null as decimal(38, 12)) as seller_net_revenue,
        cast(null as decimal(38, 12)) as collected,
        cast(null as decimal(38, 12)) as disbursed,
        cast(null as decimal(38, 12)) as undisbursed,
        cast(null as varchar) as status,
        cast(null as varchar) as bank_trace_ids,
        cast(null as varchar) as difference_to_aws_report
    where false

)

select * from final
