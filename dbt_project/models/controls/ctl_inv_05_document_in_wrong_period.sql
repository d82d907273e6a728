with draft_lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

),

-- What was issued today is judged as the draft that it was, so that a run which was broken off and begun again agrees.
drafts as (

    select * from {{ ref('fct_draft_invoices') }}
    where is_due and document_id not in (select issued.document_id from issued)

),

issued_lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

-- Where the record is already, the ledger's own months are the matter of CLS-01.
documents as (

    select
        document_id,
        contract_id,
        account_id,
        selling_entity,
        channel,
        currency,
        bill_date,
        period_from,
        period_to,
        close_period,
        cast(null as date) as issue_date,
        total,
        false as is_correction,
        true as is_draft,
        is_issued
    from drafts
    union all
    select
        document_id,
        contract_id,
        account_id,
        selling_entity,
        channel,
        currency,
        bill_date,
        period_from,
        period_to,
        close_period,
        issue_date,
        total,
        is_correction,
        false as is_draft,
        true as is_issued
    from issued

),

lines as (

    select
        document_id,
        count(*) filter (where original_period is null) as unnamed
    from draft_lines
    group by document_id
    union all
    select
        document_id,
        count(*) filter (where original_period is null) as unnamed
    from issued_lines
    where document_id in (select issued.document_id from issued)
    group by document_id

),

-- By its dates alone: a document that bills behind belongs to the month its service ends in, one that bills ahead to
-- the month its service begins in.
dated as (

    select
        documents.*,
        case
            when documents.bill_date >= documents.period_to then {{ month_of('documents.period_to - 1') }}
            else {{ month_of('documents.period_from') }}
        end as service_month,
        coalesce(documents.close_period <= shut.locked_through, false) as is_locked
    from documents
    left join shut on documents.selling_entity = shut.selling_entity

),

unnamed as (

    select
        document_id,
        max(unnamed) as unnamed
    from lines
    group by document_id

),

judged as (

    select
        dated.*,
        case
            when dated.is_draft and not dated.is_issued and dated.is_locked then 'would be posted into a locked month'
            when dated.close_period < dated.service_month then 'is posted before the month of its service'
            when dated.issue_date < dated.bill_date then 'was issued before its bill date'
            when
                dated.close_period > dated.service_month and not dated.is_correction and unnamed.unnamed > 0
                then 'is carried forward and does not say from where'
        end as problem
    from dated
    left join unnamed on dated.document_id = unnamed.document_id

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from dated

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B11' as code,
        account_id,
        contract_id,
        document_id,
        is_draft as holds,
        total as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'problem', problem, 'bill_date', bill_date, 'issue_date', issue_date, 'period_from', period_from,
            'period_to', period_to, 'service_month', service_month, 'close_period', close_period
        ) as evidence
    from judged
    where problem is not null

),

{{ control_rows('INV-05') }}
