with rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}

),

failures as (

    select
        billing_event_id as failure_event_id,
        parent_billing_event_id,
        posted_on as failed_on,
        bank_trace_id
    from rows_of_events
    where category = 'failure' and action = 'DISBURSED'

),

payouts as (

    select
        billing_event_id as payout_id,
        posted_on as paid_on
    from rows_of_events
    where category = 'disbursement' and action = 'DISBURSED'

),

components as (

    select
        payout_id,
        payout_type,
        paid_on,
        line_key,
        transaction_type,
        amount
    from rows_of_events
    where stage = 'disbursed' and payout_type is not null

),

reversals as (

    select * from components
    where payout_type = 'DISBURSEMENT_FAILURE'

),

reversed_lines as (

    select distinct payout_id from reversals

),

-- The lines a failure opens again show which payout it took back. AWS's parent does not always: some entities point at
-- the last payout that succeeded.
by_lines as (

    select
        reversals.payout_id as failure_event_id,
        components.payout_id,
        count(*) as matched_rows
    from reversals
    inner join components
        on reversals.line_key = components.line_key
        and reversals.transaction_type = components.transaction_type
        and reversals.amount = -components.amount
        and components.payout_type = 'DISBURSEMENT'
        and components.paid_on <= reversals.paid_on
    group by reversals.payout_id, components.payout_id

),

candidates as (

    select
        failures.failure_event_id,
        payouts.payout_id,
        payouts.paid_on,
        coalesce(by_lines.matched_rows, 0) as matched_rows,
        payouts.payout_id = failures.parent_billing_event_id as is_parent
    from failures
    inner join payouts on failures.parent_billing_event_id = payouts.payout_id
    left join by_lines
        on failures.failure_event_id = by_lines.failure_event_id
        and payouts.payout_id = by_lines.payout_id

    union all

    select
        failures.failure_event_id,
        by_lines.payout_id,
        payouts.paid_on,
        by_lines.matched_rows,
        false as is_parent
    from failures
    inner join by_lines on failures.failure_event_id = by_lines.failure_event_id
    inner join payouts on by_lines.payout_id = payouts.payout_id
    where by_lines.payout_id is distinct from failures.parent_billing_event_id

),

chosen as (

    select
        failure_event_id,
        payout_id
    from (
        select
            *,
            row_number() over (
                partition by failure_event_id order by matched_rows desc, is_parent desc, paid_on desc, payout_id
            ) as preference
        from candidates
    ) as ranked
    where preference = 1

),

linked as (

    select
        failures.failure_event_id,
        failures.failed_on,
        failures.bank_trace_id,
        chosen.payout_id,
        reversed_lines.payout_id is not null as has_reversals
    from failures
    left join reversed_lines on failures.failure_event_id = reversed_lines.payout_id
    left join chosen on failures.failure_event_id = chosen.failure_event_id

),

-- Sent again: the first later payout that carries a line of the failed one with the same amount.
resent as (

    select
        failure_event_id,
        payout_id as resent_by
    from (
        select
            linked.failure_event_id,
            again.payout_id,
            row_number() over (
                partition by linked.failure_event_id order by again.paid_on, count(*) desc, again.payout_id
            ) as preference
        from linked
        inner join components as failed on linked.payout_id = failed.payout_id
        inner join components as again
            on failed.line_key = again.line_key
            and failed.transaction_type = again.transaction_type
            and failed.amount = again.amount
            and failed.payout_id <> again.payout_id
            and again.payout_type = 'DISBURSEMENT'
            and again.paid_on >= linked.failed_on
        group by linked.failure_event_id, again.payout_id, again.paid_on
    ) as ranked
    where preference = 1

),

final as (

    select
        linked.failure_event_id,
        linked.payout_id,
        linked.failed_on,
        linked.bank_trace_id,
        linked.has_reversals,
        resent.resent_by
    from linked
    left join resent on linked.failure_event_id = resent.failure_event_id

)

select * from final
