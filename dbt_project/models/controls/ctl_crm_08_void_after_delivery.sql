-- What this run voids itself is judged on the next business date: a run and its rebuild then see the same record.
with voided as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where voided_on < {{ as_of() }}

),

publications as (

    select * from {{ ref('stg_ledger__publications') }}

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from voided

),

sent as (

    select
        document_id,
        list_sort(list(target)) as targets,
        cast(sum(attempts) as bigint) as attempts
    from publications
    where attempts > 0
    group by document_id

),

violations as (

    select
        voided.close_period as period,
        voided.selling_entity,
        voided.channel,
        voided.document_id as violation_key,
        'B20' as code,
        voided.account_id,
        voided.contract_id,
        voided.document_id,
        false as holds,
        voided.total as amount,
        voided.currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'document_id', voided.document_id, 'number', voided.number, 'voided_on', voided.voided_on,
            'targets', sent.targets, 'attempts', sent.attempts
        ) as evidence
    from voided
    inner join sent on voided.document_id = sent.document_id

),

{{ control_rows('CRM-08') }}
