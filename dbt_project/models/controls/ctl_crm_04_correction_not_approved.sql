-- What this run corrects itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

),

decisions as (

    select * from {{ ref('stg_ledger__decisions') }}

),

voids as (

    select
        cast(json_extract_string(subject, '$.document_id') as varchar) as document_id,
        max(decision_no) as decision_no
    from decisions
    where decision = 'request' and what = 'void'
    group by document_id

),

-- Credit memos, and documents that were voided: each stands on a request.
corrected as (

    select
        issued.document_id,
        issued.decision_no,
        'credit' as correction
    from issued
    where issued.is_correction
    union all
    select
        issued.document_id,
        voids.decision_no,
        'void' as correction
    from issued
    left join voids on issued.document_id = voids.document_id
    where issued.voided_on < {{ as_of() }}

),

judged as (

    select
        corrected.correction,
        corrected.decision_no,
        issued.* exclude (decision_no),
        requests.actor as requested_by,
        list_sort(list_distinct(list(approvals.actor) filter (where approvals.actor is not null))) as approved_by,
        count(case
            when
                approvals.actor <> requests.actor
                and coalesce(approvals.on_behalf_of, '') <> requests.actor
                and approvals.actor <> coalesce(requests.on_behalf_of, '')
                then approvals.decision_no
        end) as approvals_by_others,
        count(approvals.decision_no) as approval_count
    from corrected
    inner join issued on corrected.document_id = issued.document_id
    left join decisions as requests
        on corrected.decision_no = requests.decision_no
        and requests.decision = 'request'
    left join decisions as approvals
        on corrected.decision_no = approvals.request_no
        and approvals.decision = 'approve'
        and approvals.state is distinct from 'void'
    group by all

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from judged

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        concat_ws('/', document_id, correction) as violation_key,
        'B20' as code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        abs(total) as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'document_id', document_id, 'correction', correction, 'request', decision_no,
            'requested_by', requested_by, 'approved_by', coalesce(approved_by, [])
        ) as evidence
    from judged
    where requested_by is null or approvals_by_others = 0 or approvals_by_others < approval_count

),

{{ control_rows('CRM-04') }}
