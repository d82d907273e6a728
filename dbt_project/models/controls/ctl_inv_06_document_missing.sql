with periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

charges as (

    select * from {{ ref('int_charges__in_force') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

nil_bills as (

    select * from {{ ref('fct_nil_bills') }}

),

-- Arrears are due at the end of each billing period; the start is a bill date where something is billed in advance.
expected as (

    select
        contract_id,
        period_to as bill_date,
        {{ month_of('period_to - 1') }} as period,
        account_id,
        selling_entity,
        channel,
        currency,
        period_from,
        period_to
    from periods
    union
    select
        periods.contract_id,
        periods.period_from as bill_date,
        {{ month_of('periods.period_from') }} as period,
        periods.account_id,
        periods.selling_entity,
        periods.channel,
        periods.currency,
        periods.period_from,
        periods.period_to
    from periods
    inner join charges
        on periods.contract_id = charges.contract_id
        and charges.timing = 'advance'
        and charges.type = 'recurring'
        and periods.period_from >= charges.segment_from
        and periods.period_from < charges.segment_to
    -- from the second period on, the bill date is the end of the one before
    where periods.period_no = 1

),

due as (

    select *
    from expected
    where bill_date <= {{ as_of() }}

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        cast(null as decimal(38, 12)) as amount
    from due

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', contract_id, bill_date) as violation_key,
        'B01' as code,
        account_id,
        contract_id,
        null as document_id,
        true as holds,
        null as amount,
        currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'contract_id', contract_id, 'bill_date', bill_date, 'period_from', period_from, 'period_to', period_to
        ) as evidence
    from due
    where
        not exists (
            select 1
            from drafts
            where drafts.contract_id = due.contract_id and drafts.bill_date = due.bill_date
        )
        and not exists (
            select 1
            from nil_bills
            where nil_bills.contract_id = due.contract_id and nil_bills.bill_date = due.bill_date
        )

),

{{ control_rows('INV-06') }}
