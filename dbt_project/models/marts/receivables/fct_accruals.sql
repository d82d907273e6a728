with unbilled as (

    select * from {{ ref('fct_unbilled') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

documents as (

    select * from {{ ref('int_documents__totalled') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

verdicts as (

    select
        level,
        key,
        period,
        selling_entity,
        channel,
        array_to_string(from_json(reasons, '["varchar"]'), ', ') as reasons
    from {{ ref('stg_gate__verdicts') }}
    where verdict = 'closed'

),

chain as (

    select * from {{ ref('fct_marketplace_chain') }}

),

metered as (

    select * from {{ ref('int_metered_usage__by_month') }}

),

marketplace_contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}

),

run as (

    select {{ as_of() }} as as_of

),

-- What our own documents have not billed: late usage of a month that is locked is carried into a later one. A contract
-- that AWS bills is accrued until AWS has invoiced, whether or not its statement is written here: see below.
own as (

    select
        unbilled.selling_entity,
        unbilled.channel,
        unbilled.contract_id,
        least({{ month_of('unbilled.service_to - 1') }}, {{ month_of('run.as_of') }}) as service_period,
        unbilled.currency,
        unbilled.rated_amount,
        unbilled.billed_amount,
        unbilled.unbilled_amount as accrued_amount,
        case
            when unbilled.reason = 'rated_after_issue' and documents.natural_period <= shut.locked_through
                then 'carried_forward'
            else unbilled.reason
        end as reason,
        unbilled.bill_date as waits_since,
        case unbilled.reason
            when 'held'
                then coalesce(
                    'held by ' || coalesce(document_verdicts.reasons, scope_verdicts.reasons), 'held, not judged yet'
                )
            when 'rated_after_issue' then 'rated after ' || unbilled.issued_document_id || ' was issued'
            when 'nil' then 'the bill of ' || unbilled.bill_date || ' is zero'
            else 'due on ' || unbilled.bill_date
        end as cause
    from unbilled
    cross join run
    left join drafts
        on unbilled.contract_id = drafts.contract_id
        and unbilled.bill_date = drafts.bill_date
    left join documents
        on unbilled.contract_id = documents.contract_id
        and unbilled.bill_date = documents.bill_date
    left join shut on unbilled.selling_entity = shut.selling_entity
    left join verdicts as document_verdicts
        on document_verdicts.level = 'document' and drafts.document_id = document_verdicts.key
    left join verdicts as scope_verdicts
        on scope_verdicts.level = 'scope'
        and drafts.close_period = scope_verdicts.period
        and drafts.selling_entity = scope_verdicts.selling_entity
        and drafts.channel = scope_verdicts.channel
    where unbilled.channel <> 'aws_marketplace'

),

-- From its first line in AWS's feed on, a month is AWS's receivable; what it differs by is a reconciliation's.
not_invoiced as (

    select
        selling_entity,
        contract_id,
        period,
        currency,
        expected as amount,
        expected_clear
    from chain
    where stage = 'metered' and expected <> 0

    union all

    -- A contract without an agreement has no chain: nothing AWS invoices can be its.
    select
        marketplace_contracts.selling_entity,
        metered.contract_id,
        metered.period,
        metered.currency,
        metered.amount,
        {{ usage_invoiced_by('metered.period') }} as expected_clear
    from metered
    inner join marketplace_contracts on metered.contract_id = marketplace_contracts.contract_id
    where marketplace_contracts.agreement_id is null and metered.amount <> 0

),

marketplace as (

    select
        selling_entity,
        'aws_marketplace' as channel,
        contract_id,
        period as service_period,
        currency,
        amount as rated_amount,
        cast(0 as decimal(38, 12)) as billed_amount,
        amount as accrued_amount,
        'not_invoiced' as reason,
        expected_clear as waits_since,
        'AWS has not invoiced, expected by ' || expected_clear as cause
    from not_invoiced

),

gathered as (

    select * from own
    union all
    select * from marketplace

),

final as (

    select
        selling_entity,
        channel,
        contract_id,
        service_period,
        currency,
        cast(sum(rated_amount) as decimal(38, 12)) as rated_amount,
        cast(sum(billed_amount) as decimal(38, 12)) as billed_amount,
        cast(sum(accrued_amount) as decimal(38, 12)) as accrued_amount,
        {% for reason in ['not_due', 'held', 'carried_forward', 'not_invoiced', 'rated_after_issue', 'nil'] -%}
            cast(
                coalesce(sum(accrued_amount) filter (where reason = '{{ reason }}'), 0) as decimal(38, 12)
            ) as {{ reason }}_amount,
        {% endfor -%}
        -- What somebody must do comes before what only waits.
        arg_min(cause, (
            case reason
                when 'held' then 1 when 'carried_forward' then 2 when 'rated_after_issue' then 3
                when 'not_invoiced' then 4 when 'nil' then 5 else 6
            end,
            waits_since,
            cause
        )) as first_cause
    from gathered
    group by selling_entity, channel, contract_id, service_period, currency

)

select * from final
