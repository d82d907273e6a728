{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_rows(
        ['collected', 'disbursed'], ref('int_reconciled_lines__touched'), ref('int_marketplace_lines__measured')
    ) }}"
) }}

-- R10: the net of a line, what AWS collected of it and paid out; a payout, its components and the bank.
with lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}
    where net <> 0 or collected <> 0 or disbursed <> 0 or forgiven <> 0

),

payouts as (

    select * from {{ ref('int_payouts__banked') }}

),

feed as (

    select coalesce(bool_or(collected <> 0), false) as has_collections
    from lines

),

measured as (

    select
        lines.*,
        -- AWS's own known defect is one cent.
        cast(0.01 as decimal(38, 12)) as tolerance,
        lines.disbursed = lines.net as is_settled,
        lines.stage = 'failed' as is_failed,
        -- Money paid out was collected, also where the feed does not say so (before 2026 it never did).
        case when lines.collected <> 0 then lines.collected else lines.disbursed end as received,
        -- Without a due date: 30 days, the shortest of the terms that AWS gives.
        coalesce(lines.payment_due_date, lines.invoice_date + 30, lines.last_posted_on + 30) as due_on,
        feed.has_collections
    from lines
    cross join feed

),

collected_coded as (

    select
        *,
        net = received or is_settled as is_matched,
        case when is_settled then disbursed else received end as right_amount,
        case
            when forgiven <> 0 then 'B19'
            when abs(net - received) <= tolerance and received <> 0 then 'B10'
            when (net < received and refunded <> 0) or net < 0 then 'B19'
            when net < received then 'B13'
            when received <> 0 then 'B12'
            else 'B22'
        end as code
    from measured

),

collected_rows as (

    select
        'collected' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'line_key' as item_kind,
        line_key as item,
        currency,
        net as left_amount,
        right_amount,
        is_matched,
        case when currency <> nullif(payout_currency, '') then 'B07' end as residual_code,
        code,
        case
            when forgiven <> 0 then null
            -- AWS nets what it took back with its next payout, which is monthly at the latest.
            when code = 'B19' then coalesce(refunded_on, last_posted_on) + 31
            -- Buyers pay, and pay the rest, up to 30 days late; without COLLECTED rows only the payout shows it.
            when code in ('B12', 'B22') then due_on + case when has_collections then 30 else 61 end
        end as expected_clear,
        case
            when forgiven <> 0 then 'AWS wrote the invoice off: the buyer never paid.'
            when code = 'B10' then 'One cent, a known defect of AWS.'
            when code = 'B19' then 'A refund or credit after the money came: AWS nets it with a later payout.'
            when code = 'B13' then 'AWS collected more than the invoice.'
            when code = 'B12' then 'The buyer paid a part of the invoice.'
            else 'The buyer has not paid the invoice.'
        end as suggested_cause,
        case when is_matched is not true then json_object(
            'invoice_id', invoice_id, 'invoice_date', invoice_date, 'payment_due_date', payment_due_date,
            'stage', stage, 'refunded', cast(refunded as varchar), 'forgiven', cast(forgiven as varchar)
        ) end as evidence
    from collected_coded
    where {{ is_not_kept('line_key', "'collected'") }}

),

disbursed_coded as (

    select
        *,
        case when collected = 0 and is_failed then net + forgiven else received end as left_amount,
        case
            when is_failed then 'B19'
            when abs(received - disbursed) <= tolerance and disbursed <> 0 then 'B10'
            when disbursed > received and refunded <> 0 then 'B19'
            when disbursed > received then 'B13'
            when disbursed < received and refunded <> 0 and net < received then 'B19'
            else 'B22'
        end as code
    from measured
    where collected <> 0 or disbursed <> 0 or is_failed

),

disbursed_rows as (

    select
        'disbursed' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'line_key' as item_kind,
        line_key as item,
        currency,
        left_amount,
        disbursed as right_amount,
        left_amount = disbursed or (is_settled and not is_failed) as is_matched,
        case when currency <> nullif(payout_currency, '') then 'B07' end as residual_code,
        code,
        case
            when code = 'B22' then last_collected_on + 31
            when code = 'B19' and not is_failed then coalesce(refunded_on, last_posted_on) + 31
        end as expected_clear,
        case
            when code = 'B10' then 'One cent paid too much or too little, a known defect of AWS.'
            when is_failed then 'The payout failed and was not sent again.'
            when code = 'B19' then 'A refund or credit after the money came: AWS nets it with a later payout.'
            when code = 'B13' then 'AWS paid out more than it collected.'
            else 'AWS collected the money and has not paid it out.'
        end as suggested_cause,
        case when is_matched is not true then json_object(
            'invoice_id', invoice_id, 'last_collected_on', last_collected_on, 'last_payout_on', last_payout_on,
            'stage', stage, 'payout_currency', payout_currency
        ) end as evidence
    from disbursed_coded
    where {{ is_not_kept('line_key', "'disbursed'") }}

),

component_rows as (

    select
        'payout_components' as comparison,
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        cast(null as varchar) as agreement_id,
        cast(null as varchar) as contract_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as end_user_account_id,
        'payout_id' as item_kind,
        payout_id as item,
        currency,
        amount as left_amount,
        coalesce(components_amount, 0) as right_amount,
        amount = coalesce(components_amount, 0) as is_matched,
        null as residual_code,
        case
            when abs(amount - coalesce(components_amount, 0)) <= 0.01 then 'B10'
            when coalesce(components_amount, 0) = 0 then 'B02'
            when amount < components_amount then 'B12'
            else 'B22'
        end as code,
        -- The rows of a payout come with it; the feed is up to two days late.
        paid_on + 2 as expected_clear,
        case
            when abs(amount - coalesce(components_amount, 0)) <= 0.01 then 'One cent, a known defect of AWS.'
            when coalesce(components_amount, 0) = 0 then 'No billing event says what the payout is for.'
            else 'The payout is not the sum of the billing events linked to it.'
        end as suggested_cause,
        json_object(
            'paid_on', paid_on, 'aws_entity', aws_entity, 'bank_trace_id', bank_trace_id,
            'reference_number', reference_number
        ) as evidence
    from payouts

),

failed_rows as (

    select
        'failed_payout' as comparison,
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        cast(null as varchar) as agreement_id,
        cast(null as varchar) as contract_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as end_user_account_id,
        'payout_id' as item_kind,
        payout_id as item,
        currency,
        amount as left_amount,
        case when resent_by is not null then amount else 0 end as right_amount,
        resent_by is not null as is_matched,
        'B19' as residual_code,
        'B19' as code,
        cast(null as date) as expected_clear,
        'The payout failed (invalid bank data, or payouts paused) and was not sent again.' as suggested_cause,
        json_object(
            'paid_on', paid_on, 'aws_entity', aws_entity, 'failure_event_id', failure_event_id, 'resent_by', resent_by
        ) as evidence
    from payouts
    where is_failed

),

bank_rows as (

    select
        'bank' as comparison,
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        cast(null as varchar) as agreement_id,
        cast(null as varchar) as contract_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as end_user_account_id,
        'payout_id' as item_kind,
        payout_id as item,
        currency,
        case when is_failed then 0 else amount end as left_amount,
        banked as right_amount,
        case when is_failed then 0 else amount end = banked as is_matched,
        null as residual_code,
        case
            when abs(amount - banked) <= 0.01 then 'B10'
            when other_currency is not null then 'B07'
            when banked = 0 then 'B02'
            when banked < amount then 'B12'
            else 'B13'
        end as code,
        -- A transfer takes one or two business days; five leave room for holidays. A line that came is what it is.
        case when banked = 0 or is_failed then banked_by end as expected_clear,
        case
            when is_failed then 'The bank shows money of a payout that AWS reports as failed.'
            when abs(amount - banked) <= 0.01 then 'One cent, a known defect of AWS.'
            when other_currency is not null then 'The bank line is in another currency than the payout.'
            when banked = 0 then 'No bank line carries the payout.'
            when banked < amount then 'The bank line is short, as after a bank charge.'
            else 'The bank line is more than the payout.'
        end as suggested_cause,
        json_object(
            'paid_on', paid_on, 'aws_entity', aws_entity, 'bank_trace_id', bank_trace_id,
            'reference_number', reference_number, 'bank_entries', entry_ids, 'bank_currency', other_currency
        ) as evidence
    from payouts
    where is_comparable

),

gathered as (

    select * from collected_rows
    union all
    select * from disbursed_rows
    union all
    select * from component_rows
    union all
    select * from failed_rows
    union all
    select * from bank_rows

),

compared as (

    select
        gathered.*,
        'aws_marketplace' as channel
    from gathered

),

{{ reconciliation_rows('R10') }}
