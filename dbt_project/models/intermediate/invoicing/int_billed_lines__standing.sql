with billed as (

    select * from {{ ref('int_bill_dates__billed') }}

),

issued_documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

issued_lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

taxes as (

    select * from {{ ref('stg_contracts__taxes') }}
    where inclusive

),

run as (

    select {{ as_of() }} as as_of

),

-- What a run credits it credits after it has drafted: it counts from the next business date, so that the run and its
-- repetition see the same. A memo of a rebill answers a document that no longer stands.
credits as (

    select
        memos.corrects_document_id as document_id,
        issued_lines.corrects_line_no as line_no,
        -sum(issued_lines.amount) as credited_amount
    from issued_documents as memos
    inner join issued_lines on memos.document_id = issued_lines.document_id
    cross join run
    where
        memos.is_correction
        and memos.ordered = 'credit'
        and memos.voided_on is null
        and memos.issue_date < run.as_of
    group by memos.corrects_document_id, issued_lines.corrects_line_no

),

lines as (

    select
        billed.contract_id,
        billed.bill_date,
        issued_lines.*,
        coalesce(credits.credited_amount, 0) as credited_amount
    from billed
    inner join issued_lines on billed.document_id = issued_lines.document_id
    left join credits
        on issued_lines.document_id = credits.document_id
        and issued_lines.line_no = credits.line_no

),

governed as (

    select
        lines.*,
        versioned.version
    from lines
    asof inner join versioned
        on lines.contract_id = versioned.contract_id
        and lines.service_from >= versioned.in_force_from
    where lines.line_kind not in ('discount', 'credit', 'tax')

),

-- The record has lines net of inclusive tax; terms price them with it.
included_taxes as (

    select
        governed.document_id,
        governed.line_no,
        sum(tax_lines.amount) as amount,
        sum(tax_lines.unrounded_amount) as unrounded_amount,
        sum(tax_lines.credited_amount) as credited_amount
    from governed
    inner join taxes
        on governed.contract_id = taxes.contract_id
        and governed.version = taxes.version
    inner join lines as tax_lines
        on governed.document_id = tax_lines.document_id
        and governed.line_no = tax_lines.parent_line_no
        and taxes.tax_code = tax_lines.reference_id
        and tax_lines.line_kind = 'tax'
    group by governed.document_id, governed.line_no

),

priced as (

    select
        governed.*,
        {{ priced_kind('governed') }} as priced_kind,
        {{ priced_bill_date('governed') }} as priced_bill_date
    from governed

),

final as (

    select
        priced.document_id || '/' || priced.line_no as line_key,
        cast(null as varchar) as parent_line_key,
        priced.contract_id,
        priced.bill_date,
        case
            when priced.priced_kind in ('prepaid', 'one_time') then 'advance'
            when priced.priced_kind = 'recurring' and priced.service_from >= priced.priced_bill_date then 'advance'
            else 'arrears'
        end as timing,
        priced.charge_id,
        priced.reference_id,
        priced.line_kind,
        priced.product,
        priced.meter,
        priced.group_key,
        priced.service_from,
        priced.service_to,
        priced.quantity,
        priced.unit,
        cast(
            priced.unrounded_amount + coalesce(included_taxes.unrounded_amount, 0) as decimal(38, 12)
        ) as unrounded_amount,
        cast(priced.amount + coalesce(included_taxes.amount, 0) as decimal(38, 12)) as amount,
        priced.currency,
        priced.price_version,
        -- Where its document was carried to another month is said anew of every draft.
        case when priced.line_kind = 'adjustment' then priced.original_period end as original_period,
        priced.priced_kind,
        priced.priced_bill_date,
        priced.document_id,
        priced.line_no,
        cast(
            priced.credited_amount + coalesce(included_taxes.credited_amount, 0) as decimal(38, 12)
        ) as credited_amount
    from priced
    left join included_taxes
        on priced.document_id = included_taxes.document_id
        and priced.line_no = included_taxes.line_no

)

select * from final
