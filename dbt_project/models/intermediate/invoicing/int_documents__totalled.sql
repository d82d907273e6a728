with lines as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

payments as (

    select * from {{ ref('int_credit_payments__drawn') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__extended') }}

),

issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

redrafts as (

    select * from {{ ref('stg_ledger__corrections') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

run as (

    select {{ as_of() }} as as_of

),

issued_kinds as (

    select
        contract_id,
        bill_date,
        kind,
        revision,
        close_period
    from issued
    -- Credit memos correct the bill date's document and are none of its own.
    where is_correction is not true
    qualify row_number() over (partition by contract_id, bill_date order by revision desc, kind) = 1

),

sums as (

    select
        contract_id,
        bill_date,
        count(*) as line_count,
        -- an adjustment serves another period
        bool_or(timing = 'arrears') filter (where original_period is null) as has_arrears,
        sum(amount) filter (where line_kind not in ('discount', 'credit', 'tax')) as subtotal,
        sum(amount) filter (where line_kind = 'discount') as discount,
        sum(amount) filter (where line_kind = 'credit') as credit_applied,
        sum(amount) filter (where line_kind = 'tax') as tax,
        sum(amount) as total
    from lines
    group by contract_id, bill_date

),

paid as (

    select
        contract_id,
        bill_date,
        sum(drawn_amount) as paid_from_credits
    from payments
    group by contract_id, bill_date

),

-- The arrears lines say which period a document serves; without any it serves the one that begins on its day. Without
-- a line of its own it is the bill of the period that ends.
placed as (

    select
        bill_dates.*,
        sums.* exclude (contract_id, bill_date, line_count, has_arrears),
        paid.paid_from_credits,
        coalesce(sums.line_count, 0) as line_count,
        bill_dates.ended_from is not null
        and (coalesce(sums.has_arrears, true) or bill_dates.begun_from is null) as is_behind,
        bill_dates.bill_date <= run.as_of as is_due,
        case when redrafts.revision is null then issued_kinds.kind end as issued_kind,
        case when redrafts.revision is null then issued_kinds.close_period end as issued_period,
        redrafts.revision is not null as is_again,
        coalesce(redrafts.revision, issued_kinds.revision, 0) as revision
    from bill_dates
    cross join run
    left join issued_kinds
        on bill_dates.contract_id = issued_kinds.contract_id
        and bill_dates.bill_date = issued_kinds.bill_date
    left join redrafts
        on bill_dates.contract_id = redrafts.contract_id
        and bill_dates.bill_date = redrafts.bill_date
    left join sums
        on bill_dates.contract_id = sums.contract_id
        and bill_dates.bill_date = sums.bill_date
    left join paid
        on bill_dates.contract_id = paid.contract_id
        and bill_dates.bill_date = paid.bill_date
    -- After the contract's end there is a bill only where something is left to bill.
    where bill_dates.is_closing is not true or sums.contract_id is not null

),

named as (

    select
        contract_id,
        bill_date,
        account_id,
        account_name,
        channel,
        selling_entity,
        currency,
        version,
        payment_terms_days,
        po_number,
        case when is_behind then ended_from else begun_from end as period_from,
        case when is_behind then ended_to else begun_to end as period_to,
        case when is_behind then strftime(ended_to - 1, '%Y-%m') else strftime(begun_from, '%Y-%m') end
            as natural_period,
        is_due,
        cast(line_count as integer) as line_count,
        cast(coalesce(subtotal, 0) as decimal(38, 12)) as subtotal,
        cast(coalesce(discount, 0) as decimal(38, 12)) as discount,
        cast(coalesce(credit_applied, 0) as decimal(38, 12)) as credit_applied,
        cast(coalesce(tax, 0) as decimal(38, 12)) as tax,
        cast(coalesce(total, 0) as decimal(38, 12)) as total,
        cast(coalesce(paid_from_credits, 0) as decimal(38, 12)) as paid_from_credits,
        issued_kind is not null as is_issued,
        issued_period,
        is_again,
        cast(revision as integer) as revision,
        case
            -- One bill date of a contract is billed once: what is of the record keeps its identity, whatever the
            -- recomputed total would make of it, until it is voided or rebilled.
            when issued_kind is not null then issued_kind
            -- What a marketplace bills its buyer is a statement here: the customer gets no invoice from us.
            when channel in ('aws_marketplace', 'azure_marketplace', 'google_marketplace')
                then 'marketplace_statement'
            when coalesce(total, 0) < 0 then 'credit_memo'
            else 'invoice'
        end as kind
    from placed

),

-- What is of the record stays in its month. What is not goes where its month still takes it: nothing into a locked
-- month, corrections only into a soft-closed one.
final as (

    select
        named.* exclude (issued_period, is_again),
        coalesce(named.issued_period, {{ open_period(
            'named.natural_period', 'shut.locked_through', "case when named.kind <> 'credit_memo' and not named.is_again then shut.soft_closed end"
        ) }}) as close_period
    from named
    left join shut on named.selling_entity = shut.selling_entity

)

select * from final
