with lines as (

    select
        line_key,
        coalesce(agreement_id, 'none') as agreement_id,
        selling_entity,
        aws_entity,
        coalesce(currency, 'XXX') as currency,  -- ISO 4217: no currency
        undisbursed
    from {{ ref('fct_marketplace_lines') }}

),

movements as (

    select * from {{ ref('int_marketplace_movements__posted') }}
    where is_payable and stage <> 'collected'

),

run as (

    select {{ as_of() }} as as_of

),

-- A line belongs to one agreement, whatever single rows of it say.
moves as (

    select
        lines.agreement_id,
        lines.selling_entity,
        lines.aws_entity,
        lines.currency,
        cast(date_trunc('month', movements.posted_on) as date) as month_from,
        movements.amount,
        case
            when movements.stage = 'disbursed' and movements.payout_type = 'DISBURSEMENT_FAILURE' then 'failed'
            when movements.stage = 'disbursed' then 'disbursed'
            when movements.stage = 'forgiven' then 'forgiven'
            when movements.category in ('balance_adjustment', 'other') then 'adjusted'
            when movements.is_refund then 'refunded'
            else 'invoiced'
        end as movement
    from movements
    inner join lines on movements.line_key = lines.line_key

),

by_month as (

    select
        agreement_id,
        selling_entity,
        aws_entity,
        currency,
        month_from,
        {% for movement in ['invoiced', 'refunded', 'forgiven', 'adjusted', 'disbursed', 'failed'] %}
            coalesce(sum(amount) filter (where movement = '{{ movement }}'), 0) as {{ movement }},
        {% endfor %}
        sum(amount) as change
    from moves
    group by agreement_id, selling_entity, aws_entity, currency, month_from

),

-- What is open at as_of, from the lines themselves and not from the movements.
open_lines as (

    select
        agreement_id,
        selling_entity,
        aws_entity,
        currency,
        sum(undisbursed) as open_amount
    from lines
    group by agreement_id, selling_entity, aws_entity, currency

),

-- A month without movement still has a balance.
spans as (

    select
        by_month.agreement_id,
        by_month.selling_entity,
        by_month.aws_entity,
        by_month.currency,
        unnest(range(
            cast(min(by_month.month_from) as timestamp),
            cast(greatest(any_value(run.as_of), max(by_month.month_from)) as timestamp) + interval 1 day,
            interval 1 month
        )) as month_from
    from by_month
    cross join run
    group by by_month.agreement_id, by_month.selling_entity, by_month.aws_entity, by_month.currency

),

filled as (

    select
        spans.agreement_id,
        spans.selling_entity,
        spans.aws_entity,
        spans.currency,
        cast(spans.month_from as date) as month_from,
        coalesce(by_month.invoiced, 0) as invoiced,
        coalesce(by_month.refunded, 0) as refunded,
        coalesce(by_month.forgiven, 0) as forgiven,
        coalesce(by_month.adjusted, 0) as adjusted,
        coalesce(by_month.disbursed, 0) as disbursed,
        coalesce(by_month.failed, 0) as failed,
        coalesce(by_month.change, 0) as change
    from spans
    left join by_month
        on spans.agreement_id = by_month.agreement_id
        and spans.selling_entity = by_month.selling_entity
        and spans.aws_entity = by_month.aws_entity
        and spans.currency = by_month.currency
        and spans.month_from = by_month.month_from

),

moved as (

    select
        *,
        invoiced + refunded + forgiven + adjusted + disbursed + failed as movement
    from filled

),

rolled as (

    select
        *,
        sum(movement) over (
            partition by agreement_id, selling_entity, aws_entity, currency
            order by month_from rows unbounded preceding
        ) as rolled_closing,
        coalesce(sum(change) over (
            partition by agreement_id, selling_entity, aws_entity, currency
            order by month_from rows between 1 following and unbounded following
        ), 0) as changed_later
    from moved

),

final as (

    select
        rolled.agreement_id,
        rolled.selling_entity,
        rolled.aws_entity,
        rolled.currency,
        strftime(rolled.month_from, '%Y-%m') as period,
        cast(rolled.rolled_closing - rolled.movement as decimal(38, 12)) as opening,
        cast(rolled.invoiced as decimal(38, 12)) as invoiced,
        cast(rolled.refunded as decimal(38, 12)) as refunded,
        cast(rolled.forgiven as decimal(38, 12)) as forgiven,
        cast(rolled.adjusted as decimal(38, 12)) as adjusted,
        cast(rolled.disbursed as decimal(38, 12)) as disbursed,
        cast(rolled.failed as decimal(38, 12)) as failed,
        cast(open_lines.open_amount - rolled.changed_later as decimal(38, 12)) as closing,
        cast(rolled.rolled_closing - open_lines.open_amount + rolled.changed_later as decimal(38, 12)) as difference
    from rolled
    inner join open_lines
        on rolled.agreement_id = open_lines.agreement_id
        and rolled.selling_entity = open_lines.selling_entity
        and rolled.aws_entity = open_lines.aws_entity
        and rolled.currency = open_lines.currency

)

select * from final
