-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }} and (voided_on is null or voided_on >= {{ as_of() }})

),

documents as (

    select * from {{ ref('int_documents__totalled') }}

),

credits as (

    select
        corrects_document_id as document_id,
        -sum(total) as credited,
        coalesce(-sum(total) filter (where ordered = 'credit'), 0) as given_up
    from issued
    where is_correction
    group by corrects_document_id

),

rebills as (

    select
        memos.decision_no,
        memos.document_id as memo_id,
        corrected.*
    from issued as memos
    inner join issued as corrected on memos.corrects_document_id = corrected.document_id
    where memos.is_correction and memos.ordered = 'rebill'

),

-- The new document, if it stands and nothing came after it; none where the bill date comes to nothing now.
compared as (

    select
        rebills.close_period as period,
        rebills.selling_entity,
        rebills.channel,
        rebills.account_id,
        rebills.contract_id,
        coalesce(renewed.document_id, rebills.document_id) as document_id,
        rebills.document_id as corrected_document_id,
        rebills.decision_no,
        rebills.currency,
        rebills.total as corrected_total,
        rebills.total - credits.credited as left_amount,
        coalesce(renewed.total, 0) - coalesce(renewed_credits.credited, 0) as renewed_total,
        coalesce(renewed_credits.given_up, 0) as given_up,
        coalesce(documents.total, 0) as recomputed_total
    from rebills
    inner join credits on rebills.document_id = credits.document_id
    left join issued as renewed
        on rebills.decision_no = renewed.decision_no
        and not renewed.is_correction
    left join credits as renewed_credits on renewed.document_id = renewed_credits.document_id
    left join documents
        on rebills.contract_id = documents.contract_id
        and rebills.bill_date = documents.bill_date
    where
        not exists (
            select 1
            from rebills as later
            where later.document_id = renewed.document_id
        )

),

judged as (

    select
        *,
        left_amount + recomputed_total - renewed_total
        - least(given_up, greatest(recomputed_total - renewed_total, 0)) as difference
    from compared

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        renewed_total - corrected_total as amount
    from judged

),

violations as (

    select
        period,
        selling_entity,
        channel,
        corrected_document_id as violation_key,
        'B20' as code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        difference as amount,
        currency,
        case when difference > 0 then 'under_billed' else 'over_billed' end as direction,
        null as suggested_cause,
        json_object(
            'corrected', corrected_document_id, 'left', cast(left_amount as varchar),
            'rebilled', cast(renewed_total as varchar), 'recomputed', cast(recomputed_total as varchar),
            'request', decision_no
        ) as evidence
    from judged
    where difference <> 0

),

{{ control_rows('CRM-03') }}
