-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

),

lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

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

line_texts as (

    select
        document_id,
        string_agg({{ line_text('lines') }}, chr(30) order by line_no) as lines_text
    from lines
    group by document_id

),

compared as (

    select
        issued.*,
        sha256(concat_ws(chr(30), {{ document_text('issued') }}, line_texts.lines_text)) as computed_hash
    from issued
    left join line_texts on issued.document_id = line_texts.document_id

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B22' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        total as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'document_id', document_id, 'number', number, 'issued_hash', content_hash, 'computed_hash', computed_hash
        ) as evidence
    from compared
    where computed_hash <> content_hash

),

{{ control_rows('INV-04') }}
