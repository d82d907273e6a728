with violations as (

    select * from {{ ref('fct_control_violations') }}

),

catalogue as (

    select * from {{ ref('control_catalogue') }}

),

record as (

    select * from {{ ref('stg_ledger__exceptions') }}

),

run as (

    select {{ as_of() }} as as_of

),

open_exceptions as (

    select
        violations.exception_id,
        violations.code,
        violations.control_id,
        violations.period,
        violations.selling_entity,
        violations.channel,
        violations.account_id,
        violations.contract_id,
        violations.document_id,
        violations.holds,
        violations.is_waived,
        violations.amount,
        violations.currency,
        violations.direction,
        violations.suggested_cause,
        violations.evidence,
        coalesce(record.first_seen, run.as_of) as first_seen,
        cast(null as date) as closed_on
    from violations
    cross join run
    left join record on violations.exception_id = record.exception_id

),

-- Gone from the controls: what is known of it is what the record noted when it was first seen.
closed_exceptions as (

    select
        record.exception_id,
        record.business_key ->> '$.code' as code,
        record.control_id,
        record.period,
        record.business_key ->> '$.selling_entity' as selling_entity,
        record.business_key ->> '$.channel' as channel,
        record.business_key ->> '$.account_id' as account_id,
        record.business_key ->> '$.contract_id' as contract_id,
        record.business_key ->> '$.document_id' as document_id,
        false as holds,
        false as is_waived,
        cast(record.business_key ->> '$.amount' as decimal(38, 12)) as amount,
        record.business_key ->> '$.currency' as currency,
        record.business_key ->> '$.direction' as direction,
        cast(null as varchar) as suggested_cause,
        cast(null as varchar) as evidence,
        record.first_seen,
        coalesce(record.closed_on, run.as_of) as closed_on
    from record
    cross join run
    where record.exception_id not in (select violations.exception_id from violations)

),

all_exceptions as (

    select * from open_exceptions
    union all
    select * from closed_exceptions

),

final as (

    select
        all_exceptions.exception_id,
        all_exceptions.code,
        all_exceptions.control_id,
        all_exceptions.period,
        all_exceptions.selling_entity,
        all_exceptions.channel,
        all_exceptions.account_id,
        all_exceptions.contract_id,
        all_exceptions.document_id,
        all_exceptions.holds,
        all_exceptions.amount,
        all_exceptions.currency,
        all_exceptions.direction,
        catalogue.severity,
        catalogue.owner,
        -- hours under a day mean the same day; a day is a weekday
        cast({{ add_weekdays('all_exceptions.first_seen', '(catalogue.sla_hours // 24)') }} as date) as sla_due,
        all_exceptions.first_seen,
        cast(date_diff('day', all_exceptions.first_seen, coalesce(all_exceptions.closed_on, run.as_of)) as integer)
            as age_days,
        case
            when all_exceptions.closed_on is not null then 'closed'
            when all_exceptions.is_waived then 'waived'
            else 'open'
        end as status,
        all_exceptions.closed_on,
        coalesce(all_exceptions.suggested_cause, catalogue.suggested_cause) as suggested_cause,
        catalogue.next_step,
        catalogue.close_gate,
        all_exceptions.evidence
    from all_exceptions
    cross join run
    left join catalogue on all_exceptions.control_id = catalogue.control_id

)

select * from final
