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

starts as (

    select * from {{ ref('stg_ledger__number_starts') }}

),

opened as (

    select
        selling_entity,
        number
    from {{ ref('int_receivables__opened') }}

),

numbered as (

    select
        issued.*,
        cast(regexp_extract(issued.number, '([0-9]+)$', 1) as bigint) as number_value,
        coalesce(starts.next_no, 1) as first_value
    from issued
    left join starts on issued.selling_entity = starts.selling_entity and issued.kind = starts.kind

),

compared as (

    select
        *,
        coalesce(lag(number_value) over by_kind, first_value - 1) as prior_value,
        lag(number) over by_kind as prior_number
    from numbered
    window by_kind as (partition by selling_entity, kind order by number_value, sequence)

),

-- A range begins at 1, or where another system's numbers stopped; from there on each is the one before plus one, and
-- none is the number of a document that was brought along.
broken as (

    select
        *,
        case when number_value = prior_value then 'repeated' else 'gap' end as break_kind
    from compared
    where number_value <> prior_value + 1
    union all
    select
        compared.*,
        'repeated' as break_kind
    from compared
    inner join opened on compared.selling_entity = opened.selling_entity and compared.number = opened.number

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
