-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

),

lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

memos as (

    select * from issued
    where is_correction and (voided_on is null or voided_on >= {{ as_of() }})

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from memos

),

-- What every memo up to each one took from a line, in the order of issue.
taken as (

    select
        memos.document_id,
        memos.corrects_document_id,
        memo_lines.line_no,
        memo_lines.corrects_line_no,
        memo_lines.amount,
        sum(memo_lines.amount) over (
            partition by memos.corrects_document_id, memo_lines.corrects_line_no
            order by memos.sequence, memo_lines.line_no
            rows unbounded preceding
        ) as taken_amount
    from memos
    inner join lines as memo_lines on memos.document_id = memo_lines.document_id

),

line_breaks as (

    select
        taken.document_id,
        case when corrected.line_no is null then 'no line' else 'more than the line' end as problem,
        sum(abs(case
            when corrected.line_no is null then taken.amount
            else taken.taken_amount + corrected.amount
        end)) as amount,
        min(taken.corrects_line_no) as corrects_line_no
    from taken
    left join lines as corrected
        on taken.corrects_document_id = corrected.document_id
        and taken.corrects_line_no = corrected.line_no
    where
        corrected.line_no is null
        or not (taken.taken_amount between least(-corrected.amount, 0) and greatest(-corrected.amount, 0))
    group by all

),

document_breaks as (

    select
        memos.document_id,
        case
            when corrected.document_id is null then 'no document'
            when corrected.voided_on < memos.issue_date then 'voided document'
            when corrected.contract_id <> memos.contract_id then 'other contract'
            when corrected.currency <> memos.currency then 'other currency'
            else 'no reason'
        end as problem,
        -memos.total as amount,
        cast(null as integer) as corrects_line_no
    from memos
    left join issued as corrected on memos.corrects_document_id = corrected.document_id
    where
        corrected.document_id is null
        or corrected.voided_on < memos.issue_date
        or corrected.contract_id <> memos.contract_id
        or corrected.currency <> memos.currency
        or (memos.ordered = 'credit' and memos.reason_code is null)

),

breaks as (

    select * from line_breaks
    union all
    select * from document_breaks

),

violations as (

    select
        memos.close_period as period,
        memos.selling_entity,
        memos.channel,
        concat_ws('/', memos.document_id, breaks.problem, breaks.corrects_line_no) as violation_key,
        'B20' as code,
        memos.account_id,
        memos.contract_id,
        memos.document_id,
        true as holds,
        breaks.amount,
        memos.currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'document_id', memos.document_id, 'corrects', memos.corrects_document_id, 'line', breaks.corrects_line_no,
            'problem', breaks.problem
        ) as evidence
    from breaks
    inner join memos on breaks.document_id = memos.document_id

),

{{ control_rows('CRM-02') }}
