with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where kind in ('invoice', 'credit_memo')

),

collections as (

    select
        target_id as document_id,
        sum(amount) as collected
    from {{ ref('stg_match__applications') }}
    where target_kind = 'invoice'
    group by target_id

),

run as (

    select {{ as_of() }} as as_of

),

-- What is open is the total less what credits and cash paid.
aged as (

    select
        issued.document_id,
        issued.number,
        issued.kind,
        issued.contract_id,
        issued.account_id,
        issued.channel,
        issued.selling_entity,
        issued.currency,
        issued.issue_date,
        issued.due_date,
        issued.total,
        issued.paid_from_credits,
        cast(coalesce(collections.collected, 0) as decimal(38, 12)) as collected,
        cast(issued.total - issued.paid_from_credits - coalesce(collections.collected, 0) as decimal(38, 12))
            as open_amount,
        cast(date_diff('day', issued.due_date, run.as_of) as integer) as days_past_due
    from issued
    cross join run
    left join collections on issued.document_id = collections.document_id

),

final as (

    select
        *,
        case
            when open_amount = 0 then 'settled'
            when days_past_due <= 0 then 'current'
            when days_past_due <= 30 then '1-30'
            when days_past_due <= 60 then '31-60'
            when days_past_due <= 90 then '61-90'
            when days_past_due <= 120 then '91-120'
            else 'over 120'
        end as age_bucket
    from aged

)

select * from final
