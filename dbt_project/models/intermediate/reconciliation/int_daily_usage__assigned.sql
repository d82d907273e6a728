with daily_usage as (

    select * from {{ ref('int_daily_usage__resolved') }}
    where valid_to = timestamp '2999-01-01 00:00:00'

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

agreement_ends as (

    select
        agreement_id,
        cast(end_time as date) as ended_on
    from {{ ref('int_agreements__current') }}

),

lines as (

    select distinct
        end_user_account_id,
        product_id,
        period,
        agreement_id
    from {{ ref('int_marketplace_lines__measured') }}
    where agreement_id is not null and end_user_account_id is not null

),

feed as (

    select bool_or(in_feed) as has_agreements
    from agreements

),

known as (

    select agreement_id from agreements
    where in_feed or in_contracts
    union
    select agreement_id from lines

),

-- AWS sums by day: the same day, buyer, dimension, quantity and price twice is metered twice.
days as (

    select
        agreement_id,
        end_user_account_id,
        product_id,
        -- AWS may put a region before the dimension: USE1_InputTokenCount
        regexp_replace(dimension_key, '^[A-Z]{2,4}[0-9]_', '') as dimension,
        pricing_currency as currency,
        usage_date,
        {{ month_of('usage_date') }} as period,
        usage_quantity,
        estimated_revenue_in_pricing_currency as revenue,
        count(*) as copies,
        max(cast(insert_date as date)) as inserted_on
    from daily_usage
    group by
        agreement_id, end_user_account_id, payer_account_id, product_id, region, dimension_key, offer_id,
        pricing_currency, usage_date, usage_quantity, estimated_revenue_in_pricing_currency

),

by_month as (

    select
        days.agreement_id as stated_agreement_id,
        days.end_user_account_id,
        days.product_id,
        days.dimension,
        days.currency,
        days.period,
        sum(days.copies) as row_count,
        sum(days.usage_quantity * days.copies) as quantity,
        sum(days.revenue * days.copies) as amount,
        sum(days.usage_quantity * (days.copies - 1)) as duplicate_quantity,
        sum(days.revenue * (days.copies - 1)) as duplicate_amount,
        coalesce(sum(days.revenue) filter (where days.usage_date > agreement_ends.ended_on), 0) as after_end_amount,
        -- AWS takes usage until 06:00 of the next month's first day and shows it within two days.
        coalesce(sum(days.revenue) filter (
            where days.inserted_on > cast(date_trunc('month', days.usage_date) + interval 1 month as date) + 2
        ), 0) as late_amount
    from days
    left join agreement_ends on days.agreement_id = agreement_ends.agreement_id
    group by
        days.agreement_id, days.end_user_account_id, days.product_id, days.dimension, days.currency, days.period

),

-- Usage without a usable agreement id belongs to the one agreement under which its buyer was invoiced for the product:
-- in the month, else ever. Two candidates are none.
candidates as (

    select
        end_user_account_id,
        product_id,
        period,
        min(agreement_id) as agreement_id
    from lines
    group by end_user_account_id, product_id, period
    having count(distinct agreement_id) = 1

),

lasting_candidates as (

    select
        end_user_account_id,
        product_id,
        min(agreement_id) as agreement_id
    from lines
    group by end_user_account_id, product_id
    having count(distinct agreement_id) = 1

),

identified as (

    select
        by_month.*,
        case
            when by_month.stated_agreement_id is null then 'missing'
            when known.agreement_id is null and feed.has_agreements then 'unknown'
            else 'stated'
        end as id_state
    from by_month
    cross join feed
    left join known on by_month.stated_agreement_id = known.agreement_id

),

final as (

    select
        case
            when identified.id_state = 'stated' then identified.stated_agreement_id
            else coalesce(candidates.agreement_id, lasting_candidates.agreement_id)
        end as agreement_id,
        identified.stated_agreement_id,
        identified.id_state,
        identified.end_user_account_id,
        identified.product_id,
        identified.dimension,
        identified.currency,
        identified.period,
        cast(identified.row_count as bigint) as row_count,
        cast(identified.quantity as decimal(38, 12)) as quantity,
        cast(identified.amount as decimal(38, 12)) as amount,
        cast(identified.duplicate_quantity as decimal(38, 12)) as duplicate_quantity,
        cast(identified.duplicate_amount as decimal(38, 12)) as duplicate_amount,
        cast(identified.after_end_amount as decimal(38, 12)) as after_end_amount,
        cast(identified.late_amount as decimal(38, 12)) as late_amount
    from identified
    left join candidates
        on identified.end_user_account_id = candidates.end_user_account_id
        and identified.product_id = candidates.product_id
        and identified.period = candidates.period
    left join lasting_candidates
        on identified.end_user_account_id = lasting_candidates.end_user_account_id
        and identified.product_id = lasting_candidates.product_id

)

select * from final
