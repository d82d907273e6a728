with documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}
    where line_kind not in ('tax', 'discount', 'credit')

),

run as (

    select {{ as_of() }} as as_of

),

-- The document that stands for a bill date now: a voided one never billed, and a rebilled one was billed again.
bills as (

    select
        documents.document_id,
        documents.contract_id
    from documents
    cross join run
    where not documents.is_correction and (documents.voided_on is null or documents.voided_on >= run.as_of)
    qualify row_number() over (
        partition by documents.contract_id, documents.bill_date order by documents.revision desc
    ) = 1

),

-- What a run credits it credits after it has drafted: it counts from the next business date, so that the run and its
-- repetition see the same.
credited_lines as (

    select
        memos.corrects_document_id as document_id,
        lines.charge_id,
        lines.service_from,
        -lines.amount as amount
    from lines
    inner join documents as memos on lines.document_id = memos.document_id
    cross join run
    where memos.is_correction and memos.voided_on is null and memos.issue_date < run.as_of

),

moves as (

    select
        bills.contract_id,
        lines.charge_id,
        lines.service_from,
        lines.amount as billed,
        cast(0 as decimal(38, 12)) as credited
    from bills
    inner join lines on bills.document_id = lines.document_id
    union all
    select
        bills.contract_id,
        credited_lines.charge_id,
        credited_lines.service_from,
        0 as billed,
        credited_lines.amount as credited
    from bills
    inner join credited_lines on bills.document_id = credited_lines.document_id

),

final as (

    select
        contract_id,
        charge_id,
        service_from,
        cast(sum(billed) as decimal(38, 12)) as billed_amount,
        cast(sum(credited) as decimal(38, 12)) as credited_amount
    from moves
    where charge_id is not null
    group by contract_id, charge_id, service_from
    qualify sum(sum(credited)) over (partition by contract_id, charge_id) > 0

)

select * from final
