-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

),

events as (

    select * from {{ ref('stg_ledger__period_events') }}

),

decisions as (

    select * from {{ ref('stg_ledger__decisions') }}

),

scopes as (

    select * from {{ ref('int_controls__scopes') }}

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from issued

),

-- A lock shuts its month and everything before it, until the month is opened again.
written as (

    select
        issued.document_id,
        issued.number,
        issued.selling_entity,
        issued.close_period,
        issued.account_id,
        issued.contract_id,
        issued.total,
        issued.currency,
        events.period as locked_period,
        events.event_no
    from issued
    inner join events
        on issued.selling_entity = events.selling_entity
        and issued.close_period <= events.period
        and events.event = 'locked'
        and issued.sequence > events.documents
    where
        not exists (
            select 1
            from events as reopenings
            where
                reopenings.event = 'reopened'
                and reopenings.selling_entity = events.selling_entity
                and reopenings.period = events.period
                and reopenings.event_no > events.event_no
                and reopenings.documents < issued.sequence
        )

),

approvals as (

    select
        answers.request_no,
        count(distinct answers.actor) as approvers
    from decisions as answers
    inner join decisions as requests
        on answers.request_no = requests.decision_no
        and requests.decision = 'request'
        and requests.what = 'period_reopen'
    where answers.decision = 'approve' and answers.actor <> requests.actor
    group by answers.request_no

),

unapproved as (

    select
        events.*,
        coalesce(approvals.approvers, 0) as approvers
    from events
    left join approvals on events.decision_no = approvals.request_no
    where events.event = 'reopened' and coalesce(approvals.approvers, 0) < 2

),

broken as (

    select
        document_id as broken_key,
        selling_entity,
        close_period,
        account_id,
        contract_id,
        max(total) as amount,
        currency,
        json_object(
            'problem', 'posted after its month was locked', 'number', any_value(number), 'document_id', document_id,
            'locked', max(locked_period)
        ) as evidence
    from written
    group by document_id, selling_entity, close_period, account_id, contract_id, currency
    union all
    select
        concat_ws('/', 'reopened', period, event_no) as broken_key,
        selling_entity,
        period as close_period,
        null as account_id,
        null as contract_id,
        null as amount,
        null as currency,
        json_object(
            'problem', 'opened again without two approvals', 'version', version, 'approvals', approvers
        ) as evidence
    from unapproved

),

-- Nothing of the entity goes out from that month on: somebody got past the ledger's own refusal.
violations as (

    select
        scopes.period,
        scopes.selling_entity,
        scopes.channel,
        concat_ws('/', broken.broken_key, scopes.channel) as violation_key,
        'B22' as code,
        broken.account_id,
        broken.contract_id,
        null as document_id,
        true as holds,
        broken.amount,
        broken.currency,
        'none' as direction,
        null as suggested_cause,
        broken.evidence
    from broken
    inner join scopes
        on broken.selling_entity = scopes.selling_entity
        and broken.close_period <= scopes.period

),

{{ control_rows('CLS-01') }}
