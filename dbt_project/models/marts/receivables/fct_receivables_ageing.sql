with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where kind in ('invoice', 'credit_memo') and voided_on is null

),

opened as (

    select * from {{ ref('int_receivables__opened') }}

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

-- What the former system left open is collected like what was issued here.
{%- set columns = [
    'document_id', 'number', 'kind', 'contract_id', 'account_id', 'channel', 'selling_entity', 'currency', 'issue_date',
    'due_date', 'total', 'paid_from_credits'] %}
receivables as (

    select {{ columns | join(', ') }} from issued
    union all
    select {{ columns | join(', ') }} from opened

),

unsettled as (

    select
        receivables.*,
        cast(coalesce(collections.collected, 0) as decimal(38, 12)) as collected,
        receivables.total - receivables.paid_from_credits - coalesce(collections.collected, 0) as unsettled_amount
    from receivables
    left join collections on receivables.document_id = collections.document_id

),

-- A credit memo settles the document it corrects, after cash and in the order of issue, as far as that is open. What is
-- left of it is the customer's, and stands open below zero.
memos as (

    select
        memos.document_id,
        issued.corrects_document_id,
        greatest(corrected.unsettled_amount, 0) as payable,
        sum(greatest(-memos.unsettled_amount, 0)) over (
            partition by issued.corrects_document_id order by issued.sequence rows unbounded preceding
        ) as given_through,
        greatest(-memos.unsettled_amount, 0) as given
    from unsettled as memos
    inner join issued on memos.document_id = issued.document_id and issued.is_correction
    inner join unsettled as corrected on issued.corrects_document_id = corrected.document_id

),

offset_amounts as (

    select
        document_id,
        corrects_document_id,
        least(given_through, payable) - least(given_through - given, payable) as amount
    from memos

),

both_sides as (

    select
        corrects_document_id as document_id,
        amount
    from offset_amounts
    union all
    select
        document_id,
        -amount as amount
    from offset_amounts

),

credits as (

    select
        document_id,
        sum(amount) as credited
    from both_sides
    group by document_id

),

-- What is open is the total less what credit, cash and credit memos paid.
aged as (

    select
        unsettled.* exclude (unsettled_amount),
        cast(coalesce(credits.credited, 0) as decimal(38, 12)) as credited,
        cast(unsettled.unsettled_amount - coalesce(credits.credited, 0) as decimal(38, 12)) as open_amount,
        cast(date_diff('day', unsettled.due_date, run.as_of) as integer) as days_past_due
    from unsettled
    cross join run
    left join credits on unsettled.document_id = credits.document_id

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
