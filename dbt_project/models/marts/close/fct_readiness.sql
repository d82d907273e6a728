with gates as (

    select * from {{ ref('close_gates') }}

),

scopes as (

    select * from {{ ref('int_controls__scopes') }}

),

exceptions as (

    select * from {{ ref('fct_exceptions') }}
    where status = 'open'

),

results as (

    select * from {{ ref('fct_control_results') }}

),

catalogue as (

    select * from {{ ref('control_catalogue') }}

),

invoices as (

    select * from {{ ref('fct_invoices') }}

),

rollforward as (

    select * from {{ ref('fct_receivable_rollforward') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

found as (

    select
        close_gate as gate_id,
        period,
        selling_entity,
        channel,
        currency,
        amount,
        control_id || ': ' || suggested_cause as cause,
        first_seen
    from exceptions
    -- an exception that holds its document counts with the document, below
    where not (close_gate = 'G05' and coalesce(holds, false) and document_id is not null)
    union all
    select
        'G18' as gate_id,
        period,
        selling_entity,
        channel,
        currency,
        amount,
        control_id || ': ' || suggested_cause as cause,
        first_seen
    from exceptions
    where severity in ('critical', 'high')
    union all
    select
        'G05' as gate_id,
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount,
        'held document ' || document_id as cause,
        bill_date as first_seen
    from invoices
    where status = 'held'
    union all
    select
        case rollforward.kind
            when 'ar' then 'G10' when 'unapplied' then 'G11' when 'wallet' then 'G13' else 'G14'
        end as gate_id,
        rollforward.period,
        rollforward.selling_entity,
        scopes.channel,
        rollforward.currency,
        rollforward.difference as amount,
        rollforward.kind || ' does not roll forward' as cause,
        {{ as_of() }} as first_seen
    from rollforward
    inner join scopes
        on rollforward.period = scopes.period
        and rollforward.selling_entity = scopes.selling_entity
    -- the marketplace's is an exception of MKT-08
    where rollforward.difference <> 0 and rollforward.kind <> 'marketplace'

),

-- Months up to the business date: a later one is not closing yet. Exceptions of no scope have one of their own.
judged_scopes as (

    select
        period,
        selling_entity,
        channel
    from scopes
    where period <= {{ month_of(as_of()) }}
    union
    select
        period,
        selling_entity,
        channel
    from found
    where period <= {{ month_of(as_of()) }}

),

counted as (

    select
        gate_id,
        period,
        selling_entity,
        channel,
        currency,
        count(*) as open_count,
        sum(amount) as open_amount,
        arg_min(cause, (first_seen, cause)) as first_blocking_cause
    from found
    group by gate_id, period, selling_entity, channel, currency

),

-- A gate whose controls did not all run cannot be said to be open or ready.
blocked as (

    select distinct
        catalogue.close_gate as gate_id,
        results.period,
        results.selling_entity,
        results.channel
    from results
    inner join catalogue on results.control_id = catalogue.control_id
    where results.status = 'not_run'

),

final as (

    select
        gates.gate_id,
        gates.name as gate_name,
        judged_scopes.period,
        judged_scopes.selling_entity,
        judged_scopes.channel,
        case
            when blocked.gate_id is not null then 'blocked'
            when counted.open_count > 0 then 'open'
            else 'ready'
        end as status,
        coalesce(counted.open_count, 0) as open_count,
        cast(counted.open_amount as decimal(38, 12)) as open_amount,
        counted.currency,
        gates.owner,
        coalesce(
            counted.first_blocking_cause, case when blocked.gate_id is not null then 'a control did not run' end
        ) as first_blocking_cause,
        case
            when judged_scopes.period <= shut.locked_through then 'locked'
            when list_contains(shut.soft_closed, judged_scopes.period) then 'soft_closed'
            else 'open'
        end as period_state
    from gates
    cross join judged_scopes
    left join shut on judged_scopes.selling_entity = shut.selling_entity
    left join counted
        on gates.gate_id = counted.gate_id
        and judged_scopes.period = counted.period
        and judged_scopes.selling_entity = counted.selling_entity
        and judged_scopes.channel = counted.channel
    left join blocked
        on gates.gate_id = blocked.gate_id
        and judged_scopes.period = blocked.period
        and judged_scopes.selling_entity = blocked.selling_entity
        and judged_scopes.channel = blocked.channel

)

select * from final
