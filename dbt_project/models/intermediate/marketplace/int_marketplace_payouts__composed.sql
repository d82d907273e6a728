with rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__keyed') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

payouts as (

    select
        *,
        coalesce(payout_currency, currency) as paid_currency,
        case when payout_currency is not null then payout_amount else amount end as paid_amount
    from rows_of_events
    where stage = 'payout' and category in ('disbursement', 'failure')

),

parts as (

    select
        payouts.billing_event_id,
        case
            when rows_of_events.payout_currency = payouts.paid_currency then rows_of_events.payout_amount
            when rows_of_events.currency = payouts.paid_currency then rows_of_events.amount
            else rows_of_events.payout_amount
        end as amount,
        coalesce(agreements.selling_entity, 'UNASSIGNED') as selling_entity
    from rows_of_events
    inner join payouts on rows_of_events.payout_id = payouts.billing_event_id
    left join lines on rows_of_events.line_key = lines.line_key
    left join agreements on lines.agreement_id = agreements.agreement_id
    where rows_of_events.stage = 'disbursed'

),

composed as (

    select
        billing_event_id,
        -sum(amount) as components_amount,
        count(*) as components,
        -- A payout is one transfer to one bank account: of one entity, or of nobody we can name.
        case when count(distinct selling_entity) = 1 then any_value(selling_entity) end as selling_entity
    from parts
    group by billing_event_id

),

final as (

    select
        payouts.billing_event_id,
        payouts.category,
        coalesce(composed.selling_entity, 'UNASSIGNED') as selling_entity,
        payouts.aws_entity,
        payouts.posted_on as paid_on,
        cast(payouts.paid_amount as decimal(38, 12)) as amount,
        payouts.paid_currency as currency,
        payouts.bank_trace_id,
        payouts.reference_number,
        cast(coalesce(composed.components_amount, 0) as decimal(38, 12)) as components_amount,
        coalesce(composed.components, 0) as components
    from payouts
    left join composed on payouts.billing_event_id = composed.billing_event_id

)

select * from final
