with rows_of_events as (

    select
        *,
        {{ base_key_of_line('classified') }} as base_key
    from {{ ref('int_marketplace_events__classified') }} as classified
    where line_key is not null and not {{ should_full_refresh() }}

),

touched_events as (

    select * from {{ ref('int_marketplace_events__touched') }}

),

agreement_changes as (

    {{ changed_rows('int_agreements__crosswalked', [
        'agreement_id', 'contract_id', 'account_id', 'selling_entity', 'currency', 'in_feed', 'offer_kind',
        'is_renewal', 'contract_value'
    ]) }}

),

failure_changes as (

    {{ changed_rows('int_marketplace_failures__linked', [
        'failure_event_id', 'payout_id', 'failed_on', 'has_reversals'
    ]) }}

),

hit as (

    select base_key
    from rows_of_events
    where
        billing_event_id in (select touched_events.billing_event_id from touched_events)
        or agreement_id in (select agreement_changes.agreement_id from agreement_changes)
        or payout_id in (select failure_changes.payout_id from failure_changes)

),

final as (

    select distinct line_key
    from rows_of_events
    where base_key in (select hit.base_key from hit)

)

select * from final
