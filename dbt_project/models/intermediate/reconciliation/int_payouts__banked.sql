with payouts as (

    select * from {{ ref('fct_marketplace_payouts') }}

),

applications as (

    select
        target_id as payout_id,
        currency,
        sum(amount) as amount,
        list_sort(list(distinct entry_id)) as entry_ids
    from {{ ref('stg_match__applications') }}
    where target_kind = 'payout'
    group by target_id, currency

),

-- From when on the bank's statements tell of a currency: what was paid before was never landed.
first_days as (

    select
        currency,
        min(day) as banked_from
    from (
        select
            currency,
            value_date as day
        from {{ ref('stg_bank__entries') }}
        union all
        select
            currency,
            from_date as day
        from {{ ref('stg_bank__statements') }}
        where from_date is not null
    ) as days
    group by currency

),

final as (

    select
        payouts.payout_id,
        payouts.selling_entity,
        payouts.aws_entity,
        payouts.paid_on,
        payouts.period,
        payouts.amount,
        payouts.currency,
        payouts.bank_trace_id,
        payouts.reference_number,
        payouts.components_amount,
        payouts.is_failed,
        payouts.failure_event_id,
        payouts.resent_by,
        cast({{ add_weekdays('payouts.paid_on', '5') }} as date) as banked_by,
        coalesce(payouts.paid_on >= first_days.banked_from, false) as is_comparable,
        cast(coalesce(applications.amount, 0) as decimal(38, 12)) as banked,
        applications.entry_ids,
        others.currency as other_currency
    from payouts
    left join first_days on payouts.currency = first_days.currency
    left join applications
        on payouts.payout_id = applications.payout_id and payouts.currency = applications.currency
    left join applications as others
        on payouts.payout_id = others.payout_id and payouts.currency <> others.currency

)

select * from final
