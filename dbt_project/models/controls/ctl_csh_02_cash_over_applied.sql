with applications as (

    select * from {{ ref('stg_match__applications') }}

),

entries as (

    select * from {{ ref('int_bank_entries__matched') }}

),

documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

opened as (

    select * from {{ ref('int_receivables__opened') }}

),

payouts as (

    select * from {{ ref('fct_marketplace_payouts') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

-- What cash may settle: of an invoice what credits did not pay, of a payout what AWS sent, in whole minor units because
-- a bank knows no smaller ones.
targets as (

    select
        'invoice' as target_kind,
        document_id as target_id,
        document_id,
        account_id,
        contract_id,
        currency,
        total - paid_from_credits as amount
    from documents
    union all
    select
        'invoice' as target_kind,
        document_id as target_id,
        document_id,
        account_id,
        contract_id,
        currency,
        total as amount
    from opened
    union all
    select
        'payout' as target_kind,
        payout_id as target_id,
        null as document_id,
        null as account_id,
        null as contract_id,
        payouts.currency,
        {{ round_amount('payouts.amount', 'coalesce(currencies.minor_digits, 12)') }} as amount
    from payouts
    left join currencies on payouts.currency = currencies.currency

),

applied as (

    select
        applications.entry_id,
        applications.target_kind,
        applications.target_id,
        {{ month_of('applications.applied_on') }} as period,
        entries.selling_entity,
        entries.channel,
        applications.amount,
        applications.currency,
        entries.amount as received,
        entries.currency as received_currency,
        targets.document_id,
        targets.account_id,
        targets.contract_id,
        targets.amount as target_amount,
        targets.currency as target_currency
    from applications
    left join entries on applications.entry_id = entries.entry_id
    left join targets
        on applications.target_kind = targets.target_kind
        and applications.target_id = targets.target_id

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        amount
    from applied
    where selling_entity is not null

),

by_target as (

    select
        target_kind,
        target_id,
        any_value(document_id) as document_id,
        any_value(account_id) as account_id,
        any_value(contract_id) as contract_id,
        max(period) as period,
        max(selling_entity) as selling_entity,
        max(channel) as channel,
        any_value(currency) as currency,
        any_value(target_amount) as open_amount,
        sum(amount) as amount
    from applied
    group by target_kind, target_id

),

by_entry as (

    select
        entry_id,
        max(period) as period,
        max(selling_entity) as selling_entity,
        max(channel) as channel,
        any_value(currency) as currency,
        any_value(received) as received,
        sum(amount) as amount
    from applied
    group by entry_id

),

-- Between nothing and the whole, on whichever side of zero the whole lies.
found as (

    select
        concat_ws('/', target_kind, target_id) as violation_key,
        'B13' as code,
        period,
        selling_entity,
        channel,
        account_id,
        contract_id,
        document_id,
        case
            when open_amount >= 0 then greatest(amount - open_amount, -amount)
            else greatest(open_amount - amount, amount)
        end as amount,
        currency,
        json_object('applied', cast(amount as varchar), 'open', cast(open_amount as varchar)) as evidence
    from by_target
    where
        open_amount is not null
        and (amount > greatest(open_amount, 0) or amount < least(open_amount, 0))
    union all
    select
        concat_ws('/', 'entry', entry_id) as violation_key,
        'B13' as code,
        period,
        selling_entity,
        channel,
        null as account_id,
        null as contract_id,
        null as document_id,
        case
            when received >= 0 then greatest(amount - received, -amount)
            else greatest(received - amount, amount)
        end as amount,
        currency,
        json_object('applied', cast(amount as varchar), 'received', cast(received as varchar)) as evidence
    from by_entry
    where
        received is not null
        and (amount > greatest(received, 0) or amount < least(received, 0))
    union all
    select
        concat_ws('/', 'pair', entry_id, target_kind, target_id) as violation_key,
        case when target_amount is null or received is null then 'B02' else 'B07' end as code,
        period,
        selling_entity,
        channel,
        account_id,
        contract_id,
        document_id,
        amount,
        currency,
        json_object(
            'received_in', received_currency, 'applied_in', currency, 'owed_in', target_currency
        ) as evidence
    from applied
    where
        target_amount is null
        or received is null
        or currency <> target_currency
        or currency <> received_currency

),

violations as (

    select
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        coalesce(channel, 'direct') as channel,
        violation_key,
        code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        amount,
        currency,
        'cash' as direction,
        null as suggested_cause,
        evidence
    from found

),

{{ control_rows('CSH-02') }}
