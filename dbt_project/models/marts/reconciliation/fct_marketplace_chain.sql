with cells as (

    select * from {{ ref('int_usage_cells__gathered') }}

),

charges as (

    select * from {{ ref('int_agreement_charges__invoiced') }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}

),

ledger as (

    select * from {{ ref('fct_marketplace_ledger') }}
    where stage = 'disbursed' and line_key is not null

),

payouts as (

    select * from {{ ref('int_payouts__banked') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

buyers as (

    select * from {{ ref('int_agreement_buyers__resolved') }}

),

-- What a payout brought to the bank is shared by what its lines have in it.
paid as (

    select
        line_key,
        payout_id,
        -sum(amount) as amount
    from ledger
    group by line_key, payout_id

),

banked as (

    select
        paid.line_key,
        sum(
            case
                when payouts.banked = payouts.amount then paid.amount
                else {{ multiply_divide('paid.amount', 'payouts.banked', 'payouts.amount') }}
            end
        ) as amount,
        max(payouts.banked_by) as banked_by
    from paid
    inner join payouts on paid.payout_id = payouts.payout_id
    where not coalesce(payouts.is_failed, false)
    group by paid.line_key

),

from_lines as (

    select
        lines.agreement_id,
        case
            when buyers.has_contract then buyers.end_user_account_id
            else coalesce(lines.end_user_account_id, buyers.end_user_account_id)
        end as end_user_account_id,
        lines.period,
        lines.currency,
        lines.gross + lines.refunded as invoiced,
        lines.listing_fee,
        lines.net + lines.forgiven as net,
        lines.collected,
        lines.disbursed,
        coalesce(banked.amount, 0) as banked,
        lines.payment_due_date,
        lines.last_collected_on,
        banked.banked_by,
        lines.aws_entity
    from lines
    left join buyers on lines.agreement_id = buyers.agreement_id
    left join banked on lines.line_key = banked.line_key

),

from_usage as (

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        sum(metered) as metered,
        sum(stated + missing_id) as daily_usage,
        sum(case when has_metered then metered else stated + missing_id end) as expected
    from cells
    where line_class = 'usage'
    group by agreement_id, end_user_account_id, period, currency

),

-- A charge stands in the month in which its invoice does, else in its own.
from_charges as (

    select
        charges.agreement_id,
        case
            when buyers.has_contract then buyers.end_user_account_id
            else coalesce(lines.end_user_account_id, buyers.end_user_account_id)
        end as end_user_account_id,
        coalesce(lines.period, {{ month_of('charges.charged_on') }}) as period,
        charges.currency,
        sum(charges.amount) as expected
    from charges
    left join lines on charges.line_key = lines.line_key
    left join buyers on charges.agreement_id = buyers.agreement_id
    where charges.charged_on <= {{ as_of() }} or lines.line_key is not null
    group by all

),

gathered as (

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        metered,
        daily_usage,
        expected,
        0 as invoiced,
        0 as listing_fee,
        0 as net,
        0 as collected,
        0 as disbursed,
        0 as banked,
        cast(null as date) as payment_due_date,
        cast(null as date) as last_collected_on,
        cast(null as date) as banked_by,
        cast(null as varchar) as aws_entity
    from from_usage
    union all by name
    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        expected
    from from_charges
    union all by name
    select * from from_lines

),

summed as (

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        coalesce(sum(metered), 0) as metered,
        coalesce(sum(daily_usage), 0) as daily_usage,
        coalesce(sum(expected), 0) as expected,
        coalesce(sum(invoiced), 0) as invoiced,
        coalesce(sum(listing_fee), 0) as listing_fee,
        coalesce(sum(net), 0) as net,
        coalesce(sum(collected), 0) as collected,
        coalesce(sum(disbursed), 0) as disbursed,
        coalesce(sum(banked), 0) as banked,
        max(payment_due_date) as payment_due_date,
        max(last_collected_on) as last_collected_on,
        max(banked_by) as banked_by,
        max(aws_entity) as aws_entity,
        count(aws_entity) as line_count
    from gathered
    group by agreement_id, end_user_account_id, period, currency

),

staged as (

    select
        *,
        case
            when line_count = 0 then 'metered'
            when net = 0 then 'settled'
            when banked = net then 'banked'
            when disbursed = net then 'disbursed'
            when disbursed <> 0 then 'partly_disbursed'
            when collected = net then 'collected'
            when collected <> 0 then 'partly_collected'
            else 'invoiced'
        end as stage
    from summed

),

final as (

    select
        staged.agreement_id,
        agreements.contract_id,
        agreements.account_id,
        coalesce(agreements.selling_entity, 'UNASSIGNED') as selling_entity,
        staged.aws_entity,
        staged.end_user_account_id,
        staged.period,
        staged.currency,
        cast(staged.metered as decimal(38, 12)) as metered,
        cast(staged.daily_usage as decimal(38, 12)) as daily_usage,
        cast(staged.expected as decimal(38, 12)) as expected,
        cast(staged.invoiced as decimal(38, 12)) as invoiced,
        cast(staged.listing_fee as decimal(38, 12)) as listing_fee,
        cast(staged.net as decimal(38, 12)) as net,
        cast(staged.collected as decimal(38, 12)) as collected,
        cast(staged.disbursed as decimal(38, 12)) as disbursed,
        cast(staged.banked as decimal(38, 12)) as banked,
        staged.stage,
        -- The same days as the reconciliations wait for.
        cast(case staged.stage
            when 'metered' then {{ usage_invoiced_by('staged.period') }}
            when 'invoiced' then staged.payment_due_date + 30
            when 'partly_collected' then staged.payment_due_date + 30
            when 'collected' then staged.last_collected_on + 31
            when 'partly_disbursed' then coalesce(staged.last_collected_on, staged.payment_due_date) + 31
            when 'disbursed' then staged.banked_by
        end as date) as expected_clear
    from staged
    left join agreements on staged.agreement_id = agreements.agreement_id

)

select * from final
