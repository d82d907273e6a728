{# A view: but for the few inferred rows it is what the events say. #}
{{ config(materialized='view') }}

with rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}
    where line_key is not null

),

failures as (

    select * from {{ ref('int_marketplace_failures__linked') }}
    where not has_reversals and payout_id is not null

),

final as (

    select
        billing_event_id,
        line_key,
        stage,
        bucket,
        category,
        is_refund,
        is_payable,
        payout_type,
        amount,
        payout_amount,
        posted_on,
        false as is_inferred
    from rows_of_events

    union all

    -- AWS opens the lines of a failed payout again with rows of their own; where it did not, the money is back all the
    -- same.
    select
        failures.failure_event_id || ':' || rows_of_events.billing_event_id as billing_event_id,
        rows_of_events.line_key,
        rows_of_events.stage,
        rows_of_events.bucket,
        rows_of_events.category,
        rows_of_events.is_refund,
        rows_of_events.is_payable,
        'DISBURSEMENT_FAILURE' as payout_type,
        -rows_of_events.amount as amount,
        -rows_of_events.payout_amount as payout_amount,
        failures.failed_on as posted_on,
        true as is_inferred
    from rows_of_events
    inner join failures on rows_of_events.payout_id = failures.payout_id
    where rows_of_events.stage = 'disbursed'

)

select * from final
