-- R07: what we rated (left) and what the Daily Usage feed says that AWS metered (right).
with cells as (

    select * from {{ ref('int_usage_cells__gathered') }}
    where line_class = 'usage' and has_metered and has_usage_feed

),

shared_terms as (

    select * from {{ ref('int_channels__overlapping') }}

),

unassigned as (

    select
        end_user_account_id,
        product_id,
        period,
        currency,
        any_value(stated_agreement_id) as stated_agreement_id,
        sum(amount) as amount,
        sum(row_count) as row_count
    from {{ ref('int_daily_usage__assigned') }}
    where agreement_id is null
    group by end_user_account_id, product_id, period, currency

),

measured as (

    select
        *,
        -- A fraction of a unit is carried into the next month.
        {{ usage_tolerance('metered', 'usage_rows') }} + coalesce(unit_amount, 0) as tolerance,
        metered - stated as difference,
        -- Usage that two contracts claim is rated by neither, or by both.
        exists(
            select 1
            from shared_terms
            where
                shared_terms.marketplace_contract_id = cells.contract_id
                and cells.period between {{ month_of('shared_terms.overlap_from') }}
                and {{ month_of('shared_terms.overlap_to') }}
        ) as is_sold_twice
    from cells

),

neighbours as (

    select
        *,
        abs(difference) <= tolerance as is_matched,
        sum(difference) over by_buyer as buyer_difference,
        count(*) filter (where abs(difference) > tolerance) over by_buyer as buyer_breaks
    from measured
    window by_buyer as (partition by end_user_account_id, period, currency)

),

coded as (

    select
        *,
        case
            when missing_id <> 0 and abs(difference - missing_id) <= tolerance then 'B15'
            when buyer_breaks > 1 and abs(buyer_difference) <= tolerance and end_user_account_id is not null then 'B15'
            when is_sold_twice then 'B03'
            when duplicated <> 0 and abs(difference + duplicated) <= tolerance then 'B03'
            when metered <> 0 and abs(difference + metered) <= tolerance then 'B03'
            when metered > stated and is_ended then 'B16'
            when metered > stated then 'B18'
            else 'B04'
        end as code
    from neighbours
    -- The buyer of a reseller pays another price than we rate: only what agrees says something.
    where is_matched or offer_kind is distinct from 'cppo'

),

compared as (

    select
        'usage' as comparison,
        period,
        selling_entity,
        'aws_marketplace' as channel,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        cast(null as varchar) as item_kind,
        cast(null as varchar) as item,
        currency,
        metered as left_amount,
        stated as right_amount,
        is_matched,
        'B10' as residual_code,
        code,
        {{ usage_shown_by('period') }} as expected_clear,
        case
            when is_sold_twice and code = 'B03' then 'A direct contract sells the same meter to the same organization.'
            when code = 'B15'
                then 'Daily usage carries no agreement id, or that of another agreement of the buyer.'
            when code = 'B03'
                then 'The same usage was metered twice (with product code and licence, or by two senders).'
            when code = 'B16' then 'The agreement ended and AWS no longer takes usage for its buyer.'
            when code = 'B18'
                then 'AWS did not take all metering records: late, a duplicate key, or the buyer not subscribed.'
            else 'AWS metered more than was rated.'
        end as suggested_cause,
        json_object(
            'metered', cast(metered as varchar), 'daily_usage', cast(stated as varchar),
            'daily_usage_rows', usage_rows, 'without_agreement_id', cast(missing_id as varchar),
            'duplicated', cast(duplicated as varchar), 'after_end', cast(after_end as varchar),
            'agreement_ended_on', ended_on, 'tolerance', cast(tolerance as varchar)
        ) as evidence
    from coded

    union all

    select
        'unidentified_usage' as comparison,
        period,
        'UNASSIGNED' as selling_entity,
        'aws_marketplace' as channel,
        stated_agreement_id as agreement_id,
        null as contract_id,
        null as account_id,
        end_user_account_id,
        'product_id' as item_kind,
        product_id as item,
        currency,
        0 as left_amount,
        amount as right_amount,
        amount = 0 as is_matched,
        null as residual_code,
        'B15' as code,
        -- The invoice that names the agreement may still come.
        {{ usage_invoiced_by('period') }} as expected_clear,
        'Daily usage names no known agreement, and no invoice of the buyer tells which one it belongs to.'
            as suggested_cause,
        json_object('daily_usage', cast(amount as varchar), 'daily_usage_rows', row_count) as evidence
    from unassigned

),

{{ reconciliation_rows('R07') }}
