-- What this run does itself is judged on the next business date: a run and its rebuild then see the same record.
with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where
        issue_date < {{ as_of() }}
        and (voided_on is null or voided_on >= {{ as_of() }})

),

publications as (

    select * from {{ ref('stg_ledger__publications') }}

),

attempts as (

    select * from {{ ref('stg_ledger__publication_attempts') }}
    where as_of < {{ as_of() }}

),

totals as (

    select * from {{ ref('stg_ledger__control_totals') }}
    where as_of < {{ as_of() }}

),

steps as (

    select
        key,
        arg_max(state, attempt_no) as state,
        arg_max(detail, attempt_no) as answer,
        max(as_of) as last_on,
        count(*) filter (where state = 'planned') as sendings,
        count(*) filter (where state = 'confirmed') as confirmations
    from attempts
    group by key

),

deliveries as (

    select
        issued.document_id,
        issued.number,
        issued.account_id,
        issued.contract_id,
        issued.close_period as period,
        issued.selling_entity,
        issued.channel,
        issued.currency,
        issued.total as amount,
        publications.target,
        coalesce(steps.state, 'planned') as state,
        steps.answer,
        steps.last_on,
        coalesce(steps.sendings, 0) as sendings,
        coalesce(steps.confirmations, 0) as confirmations,
        -- the hours of the catalogue, as a weekday: nobody works off an outbox on a Sunday
        {{ add_weekdays('issued.issue_date', 1) }} < {{ as_of() }} as is_late
    from issued
    left join publications on issued.document_id = publications.document_id
    left join steps on publications.key = steps.key

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        amount
    from deliveries

),

undelivered as (

    select
        *,
        case
            when target is null then 'no target'
            when confirmations > 1 then 'acknowledged twice'
            when state = 'rejected' then 'rejected'
            when state <> 'confirmed' and is_late then 'not acknowledged'
        end as break_kind
    from deliveries

),

last_totals as (

    select *
    from totals
    qualify row_number() over (partition by target, batch, currency order by check_no desc) = 1

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', coalesce(target, 'no target'), document_id) as violation_key,
        case break_kind when 'rejected' then 'B18' when 'acknowledged twice' then 'B03' else 'B01' end as code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'number', number, 'break', break_kind, 'state', state, 'sendings', sendings, 'answer', answer,
            'answered_on', cast(last_on as varchar)
        ) as evidence
    from undelivered
    where break_kind is not null
    union all
    -- A batch is of many scopes; its difference belongs to the month in which the target was asked.
    select
        {{ month_of('as_of') }} as period,
        'UNASSIGNED' as selling_entity,
        'UNASSIGNED' as channel,
        concat_ws('/', 'totals', target, cast(batch as varchar), currency) as violation_key,
        case when held_documents < confirmed_documents then 'B01' else 'B02' end as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        false as holds,
        confirmed_amount - held_amount as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'issued', issued_documents, 'issued_amount', cast(issued_amount as varchar),
            'acknowledged', confirmed_documents, 'acknowledged_amount', cast(confirmed_amount as varchar),
            'target_has', held_documents, 'target_has_amount', cast(held_amount as varchar),
            'asked_on', cast(as_of as varchar)
        ) as evidence
    from last_totals
    where
        held_documents <> confirmed_documents
        or held_amount <> confirmed_amount

),

{{ control_rows('INV-10') }}
