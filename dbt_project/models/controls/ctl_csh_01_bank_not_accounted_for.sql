with entries as (

    select * from {{ ref('int_bank_entries__matched') }}

),

statements as (

    select * from {{ ref('stg_bank__statements') }}

),

accounts as (

    select * from {{ ref('int_bank_accounts__placed') }}

),

days as (

    select
        account,
        booking_date,
        period,
        selling_entity,
        channel,
        currency,
        sum(amount) as amount,
        sum(case when status = 'not_receivable' then amount else 0 end) as not_receivable,
        sum(case when status = 'not_receivable' then 0 else applied end) as applied,
        sum(coalesce(unapplied, 0)) as unapplied,
        sum(amount) - sum(
            case when status = 'not_receivable' then amount else applied + coalesce(unapplied, 0) end
        ) as difference
    from entries
    group by account, booking_date, period, selling_entity, channel, currency

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        amount
    from days

),

-- A statement that landed again, corrected, is judged as it landed last.
latest_statements as (

    select *
    from statements
    where opening_balance is not null and closing_balance is not null
    qualify
        row_number() over (partition by statement_id, format order by file_sequence desc, statement_no desc) = 1

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', 'day', account, booking_date, currency, channel) as violation_key,
        'B22' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        false as holds,
        difference as amount,
        currency,
        'cash' as direction,
        'Entries of the day were not matched, or their applications do not add up.' as suggested_cause,
        json_object(
            'account', account, 'booking_date', cast(booking_date as varchar), 'received', cast(amount as varchar),
            'applied', cast(applied as varchar), 'unapplied', cast(unapplied as varchar),
            'not_receivable', cast(not_receivable as varchar)
        ) as evidence
    from days
    where difference <> 0
    union all
    select
        {{ month_of('statements.to_date') }} as period,
        coalesce(accounts.selling_entity, 'UNASSIGNED') as selling_entity,
        'direct' as channel,
        concat_ws('/', 'statement', statements.format, statements.statement_id) as violation_key,
        'B01' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        false as holds,
        statements.closing_balance - statements.opening_balance - statements.entry_amount as amount,
        statements.currency,
        'cash' as direction,
        'Entries of the statement are missing, doubled or set aside: its balances do not tie.' as suggested_cause,
        json_object(
            'statement_id', statements.statement_id, 'opening', cast(statements.opening_balance as varchar),
            'entries', cast(statements.entry_amount as varchar), 'rows', statements.entry_rows,
            'closing', cast(statements.closing_balance as varchar), 'file_sequence', statements.file_sequence
        ) as evidence
    from latest_statements as statements
    left join accounts on statements.account = accounts.account
    where statements.opening_balance + statements.entry_amount <> statements.closing_balance
    union all
    select
        period,
        selling_entity,
        channel,
        concat_ws('/', 'unapplied', entry_id) as violation_key,
        case when status = 'partly_applied' then 'B13' else 'B15' end as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        false as holds,
        unapplied as amount,
        currency,
        'cash' as direction,
        null as suggested_cause,
        json_object(
            'entry_id', entry_id, 'classification', classification, 'age_days', age_days,
            'received', cast(amount as varchar), 'candidates', candidates
        ) as evidence
    from entries
    where is_past_policy

),

{{ control_rows('CSH-01') }}
