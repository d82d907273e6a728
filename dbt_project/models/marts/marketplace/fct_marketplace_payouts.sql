with payouts as (

    select * from {{ ref('int_marketplace_payouts__composed') }}
    where category = 'disbursement'

),

-- A payout that failed twice (sent back, and again after AWS tried the same transfer) is known by its first failure.
failures as (

    select
        payout_id,
        min_by(failure_event_id, (failed_on, failure_event_id)) as failure_event_id,
        min(failed_on) as failed_on,
        min_by(resent_by, (failed_on, failure_event_id)) as resent_by
    from {{ ref('int_marketplace_failures__linked') }}
    where payout_id is not null
    group by payout_id

),

final as (

    select
        payouts.billing_event_id as payout_id,
        payouts.selling_entity,
        payouts.aws_entity,
        payouts.paid_on,
        payouts.amount,
        payouts.currency,
        payouts.bank_trace_id,
        payouts.reference_number,
        payouts.components_amount,
        payouts.components,
        cast(payouts.amount - payouts.components_amount as decimal(38, 12)) as difference,
        failures.payout_id is not null as is_failed,
        failures.failure_event_id,
        failures.failed_on,
        failures.resent_by,
        strftime(payouts.paid_on, '%Y-%m') as period
    from payouts
    left join failures on payouts.billing_event_id = failures.payout_id

)

select * from final
