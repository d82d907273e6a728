-- What this run issues itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where issue_date < {{ as_of() }}

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

numbered as (

    select
        *,
        cast(regexp_extract(number, '([0-9]+)$', 1) as bigint) as number_value
    from issued

),

compared as (

    select
        *,
        lag(number_value) over by_kind as prior_value,
        lag(number) over by_kind as prior_number
    from numbered
    window by_kind as (partition by selling_entity, kind order by number_value, sequence)

),

-- Opening numbers may start anywhere; from there on each is the one before plus one.
broken as (

    select
        *,
        case when number_value = prior_value then 'repeated' else 'gap' end as break_kind
    from compared
    where number_value <> prior_value + 1

),

violations as (

    select
        scopes.period,
        scopes.selling_entity,
        scopes.channel,
        concat_ws('/', broken.number, broken.break_kind, scopes.channel) as violation_key,
        case when broken.break_kind = 'gap' then 'B01' else 'B03' end as code,
        broken.account_id,
        broken.contract_id,
        null as document_id,
        true as holds,
        case when broken.break_kind = 'repeated' then broken.total end as amount,
        broken.currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'document_id', broken.document_id, 'number', broken.number, 'prior_number', broken.prior_number,
            'kind', broken.kind
        ) as evidence
    from broken
    inner join scopes
        on broken.selling_entity = scopes.selling_entity
        and broken.close_period <= scopes.period

),

{{ control_rows('INV-03') }}
