{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_reconciled_lines__touched'), ref('int_marketplace_lines__measured')) }}"
) }}

with lines as (

    select
        *,
        -- In a deal through a reseller the seller's gross is the wholesale price: the base is the same sum.
        gross + refunded as fee_base
    from {{ ref('int_marketplace_lines__measured') }}
    -- AWS publishes no fee for the reseller's own side of a deal, and without an agreement nothing tells the rate.
    where
        agreement_id is not null
        and wholesale_cost = 0
        and not is_in_several_currencies
        and (gross <> 0 or listing_fee <> 0)
        and {{ of_touched('line_key', ref('int_reconciled_lines__touched')) }}

),

rules as (

    select * from {{ ref('listing_fees') }}

),

product_kinds as (

    select * from {{ ref('product_kinds') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

rates as (

    select
        base_currency,
        quote_currency,
        arg_max(rate, (rate_date, file_sequence, line)) as rate
    from {{ ref('stg_fx__rates') }}
    group by base_currency, quote_currency

),

-- USD of a currency, straight or through a currency that both are quoted in: which band a value falls in, no booking.
dollars as (

    select
        currency,
        usd_rate,
        own_rate
    from (
        select
            base_currency as currency,
            rate as usd_rate,
            cast(1 as decimal(38, 12)) as own_rate,
            1 as preference
        from rates
        where quote_currency = 'USD'
        union all
        select
            own.quote_currency as currency,
            coalesce(usd.rate, 1) as usd_rate,
            own.rate as own_rate,
            case when own.base_currency = 'USD' then 1 else 2 end as preference
        from rates as own
        left join rates as usd on own.base_currency = usd.base_currency and usd.quote_currency = 'USD'
        where own.base_currency = 'USD' or usd.rate is not null
    ) as quoted
    qualify row_number() over (partition by currency order by preference, usd_rate, own_rate) = 1

),

-- What the fee table wants to know of a line; the value bands are in USD.
described as (

    select
        lines.*,
        coalesce(product_kinds.product_kind, 'saas') as product_kind,
        case lines.offer_kind when 'cppo' then 'private' else lines.offer_kind end as rule_offer_kind,
        coalesce(lines.offer_kind = 'cppo', false) as is_reseller_deal,
        case
            when coalesce(lines.agreement_currency, 'USD') = 'USD' then lines.contract_value
            else {{ multiply_divide('lines.contract_value', 'dollars.usd_rate', 'dollars.own_rate') }}
        end as value_usd,
        coalesce(currencies.minor_digits, 2) as minor_digits,
        -- AWS rounds each line for itself.
        case when currencies.minor_digits = 0 then cast(1 as decimal(38, 12)) else cast(0.01 as decimal(38, 12)) end
            as tolerance
    from lines
    left join product_kinds on lines.product_id = product_kinds.product_id
    left join dollars on lines.agreement_currency = dollars.currency
    left join currencies on lines.currency = currencies.currency

),

-- Every rate that the table holds at the invoice's date, once with and once without the reseller's uplift.
table_rates as (

    select
        rule_id,
        offer_kind,
        product_kind,
        value_from,
        value_to,
        is_renewal,
        valid_from,
        false as has_uplift,
        cast(fee_percent as decimal(38, 12)) as fee_percent
    from rules
    union all
    select
        rule_id,
        offer_kind,
        product_kind,
        value_from,
        value_to,
        is_renewal,
        valid_from,
        true as has_uplift,
        cast(fee_percent + reseller_uplift as decimal(38, 12)) as fee_percent
    from rules
    where reseller_uplift <> 0

),

expected_rules as (

    select
        described.*,
        table_rates.rule_id,
        table_rates.fee_percent,
        table_rates.has_uplift,
        table_rates.value_from as rule_value_from,
        table_rates.is_renewal as rule_is_renewal
    from described
    inner join table_rates
        on described.invoice_date >= table_rates.valid_from
        and table_rates.offer_kind in (coalesce(described.rule_offer_kind, 'public'), 'any')
        and table_rates.product_kind in (described.product_kind, 'any')
        and table_rates.is_renewal = described.is_renewal
        and coalesce(described.value_usd, 0) >= table_rates.value_from
        and coalesce(described.value_usd < table_rates.value_to, true)
        and (described.is_reseller_deal or not table_rates.has_uplift)
    qualify
        row_number() over (
            partition by described.line_key
            order by
                table_rates.valid_from desc, table_rates.product_kind = 'any', table_rates.offer_kind = 'any',
                table_rates.has_uplift desc, table_rates.rule_id
        ) = 1

),

priced as (

    select
        *,
        {{ multiply_divide('fee_base', 'fee_percent', '100') }} as exact_fee
    from expected_rules

),

rounded as (

    select
        * exclude (exact_fee),
        -{{ round_amount('exact_fee', 'minor_digits') }} as expected_fee
    from priced

),

-- Read twice, and its arithmetic is most of the work.
judged as materialized (

    select
        *,
        abs(expected_fee - listing_fee) <= tolerance as is_as_expected,
        -- Which rate applies is known: the offer is in the feeds, and a value that bands need can be told in USD. An
        -- agreement without a value is of the lowest band.
        offer_kind is not null
        and (is_renewal or rule_offer_kind <> 'private' or contract_value is null or value_usd is not null)
            as is_certain
    from rounded

),

-- For what differs: the rate that AWS did apply, where the table has one that gives this fee.
other_fees as (

    select
        judged.line_key,
        judged.minor_digits,
        judged.tolerance,
        judged.listing_fee,
        judged.rule_offer_kind,
        table_rates.rule_id as applied_rule_id,
        table_rates.offer_kind as applied_offer_kind,
        table_rates.fee_percent as applied_percent,
        table_rates.has_uplift as applied_uplift,
        {{ multiply_divide('judged.fee_base', 'table_rates.fee_percent', '100') }} as exact_fee
    from judged
    inner join table_rates on judged.invoice_date >= table_rates.valid_from
    where not judged.is_as_expected

),

applied as (

    select
        line_key,
        applied_rule_id,
        applied_percent,
        applied_uplift
    from other_fees
    where abs(listing_fee + {{ round_amount('exact_fee', 'minor_digits') }}) <= tolerance
    qualify
        row_number() over (
            partition by line_key
            order by applied_offer_kind is distinct from rule_offer_kind, applied_uplift, applied_rule_id
        ) = 1

),

final as (

    select
        judged.line_key,
        judged.agreement_id,
        judged.contract_id,
        judged.account_id,
        judged.selling_entity,
        judged.aws_entity,
        judged.end_user_account_id,
        judged.invoice_id,
        judged.invoice_date,
        judged.period,
        judged.currency,
        judged.offer_kind,
        judged.product_kind,
        judged.is_renewal,
        judged.is_reseller_deal,
        judged.value_usd,
        judged.last_posted_on,
        judged.fee_base,
        judged.rule_id,
        judged.fee_percent,
        judged.expected_fee,
        judged.listing_fee as actual_fee,
        judged.tolerance,
        -- A line whose rate we cannot know passes with any rate of the table.
        judged.is_as_expected or (not judged.is_certain and applied.applied_rule_id is not null) as is_matched,
        judged.is_certain,
        applied.applied_rule_id,
        applied.applied_percent,
        case
            when not judged.is_as_expected
                then {{ multiply_divide('-judged.listing_fee', '100', 'judged.fee_base') }}
        end as actual_percent,
        case
            when judged.is_as_expected then null
            when judged.listing_fee = 0 then 'No listing fee was charged.'
            when judged.is_renewal and applied.applied_rule_id is not null and applied.applied_rule_id <> 'renewal'
                then 'The renewal was charged as a new agreement.'
            when judged.is_reseller_deal and applied.applied_rule_id = judged.rule_id and not applied.applied_uplift
                then 'The reseller uplift is missing.'
            when not judged.is_reseller_deal and applied.applied_uplift
                then 'A reseller uplift was charged on a deal without reseller.'
            when judged.rule_offer_kind = 'private' and applied.applied_rule_id like 'private%'
                then 'Another value band of private offers was applied.'
            when applied.applied_rule_id is not null then 'The rate of another kind of offer was applied.'
            else 'No rate of the fee table gives this fee.'
        end as suggested_cause
    from judged
    left join applied on judged.line_key = applied.line_key

)

select * from final
