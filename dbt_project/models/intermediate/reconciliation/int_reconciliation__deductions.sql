{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_rows(
        ['listing_fee', 'tax'], ref('int_reconciled_lines__touched'), ref('int_marketplace_lines__measured')
    ) }}"
) }}

-- R09: what AWS may keep of what it invoiced: the listing fee by the fee table, taxes by responsibility, and the net as
-- the sum of its parts.
with fees as (

    select * from {{ ref('int_listing_fees__expected') }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}

),

ledger as (

    select * from {{ ref('fct_marketplace_ledger') }}
    where stage = 'invoiced' and line_key is not null

),

responsibilities as (

    select * from {{ ref('tax_responsibilities') }}

),

tax_items as (

    select * from {{ ref('int_tax_items__resolved') }}
    where valid_to = timestamp '2999-01-01 00:00:00' and tax_amount <> 0 and invoice_id is not null

),

fee_rows as (

    select
        'listing_fee' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'line_key' as item_kind,
        line_key as item,
        currency,
        expected_fee as left_amount,
        actual_fee as right_amount,
        is_matched,
        case when abs(expected_fee - actual_fee) <= tolerance then 'B10' end as residual_code,
        'B08' as code,
        -- The fee may be an invoice of its own, a day or two behind in the feed.
        case when actual_fee = 0 then invoice_date + 2 end as expected_clear,
        suggested_cause,
        case when is_matched is not true then json_object(
            'invoice_id', invoice_id, 'aws_entity', aws_entity, 'fee_base', cast(fee_base as varchar),
            'offer_kind', offer_kind, 'product_kind', product_kind, 'is_renewal', is_renewal,
            'value_usd', cast(value_usd as varchar), 'expected_rule', rule_id,
            'expected_percent', cast(fee_percent as varchar), 'applied_rule', applied_rule_id,
            'actual_percent', cast(actual_percent as varchar), 'is_certain', is_certain
        ) end as evidence
    from fees
    where {{ is_not_kept('line_key', "'listing_fee'") }}

),

taxes as (

    select
        ledger.line_key,
        ledger.aws_entity,
        ledger.category,
        sum(ledger.amount) as amount
    from ledger
    where
        ledger.is_payable and ledger.category in ('seller_tax', 'aws_tax', 'fee_tax', 'other_seller_tax')
        and {{ is_not_kept('ledger.line_key', "'tax'") }}
    group by ledger.line_key, ledger.aws_entity, ledger.category

),

judged_taxes as (

    select
        taxes.line_key,
        sum(taxes.amount) as amount,
        coalesce(
            sum(taxes.amount) filter (where coalesce(own.is_expected, general.is_expected, false)), 0
        ) as expected_amount,
        list_sort(list(taxes.category) filter (
            where not coalesce(own.is_expected, general.is_expected, false) and taxes.amount <> 0
        )) as unexpected
    from taxes
    left join responsibilities as own
        on taxes.aws_entity = own.aws_entity and taxes.category = own.category
    left join responsibilities as general
        on taxes.category = general.category and general.aws_entity = 'any'
    group by taxes.line_key

),

tax_rows as (

    select
        'tax' as comparison,
        lines.period,
        lines.selling_entity,
        lines.agreement_id,
        lines.contract_id,
        lines.account_id,
        lines.end_user_account_id,
        'line_key' as item_kind,
        lines.line_key as item,
        lines.currency,
        judged_taxes.expected_amount as left_amount,
        judged_taxes.amount as right_amount,
        len(coalesce(judged_taxes.unexpected, [])) = 0 as is_matched,
        null as residual_code,
        'B09' as code,
        cast(null as date) as expected_clear,
        'A tax that AWS or another seller must bear moves our balance: '
        || array_to_string(judged_taxes.unexpected, ', ') as suggested_cause,
        json_object(
            'invoice_id', lines.invoice_id, 'aws_entity', lines.aws_entity, 'unexpected', judged_taxes.unexpected
        ) as evidence
    from judged_taxes
    inner join lines on judged_taxes.line_key = lines.line_key

),

-- Tax items say per jurisdiction who must remit; per invoice they and the billing events are the same tax.
item_taxes as (

    select
        invoice_id,
        tax_currency as currency,
        case lower(tax_liable_party) when 'seller' then 'seller_tax' when 'aws' then 'aws_tax' end as category,
        sum(tax_amount) as amount,
        count(*) as item_count
    from tax_items
    where lower(tax_liable_party) in ('seller', 'aws')
    group by all

),

event_taxes as (

    select
        invoice_id,
        currency,
        category,
        arg_min(line_key, line_key) as line_key,
        sum(amount) as amount
    from ledger
    where category in ('seller_tax', 'aws_tax')
    group by invoice_id, currency, category

),

-- Compared only where the invoice has both: items were not always delivered.
taxed_invoices as (

    select
        event_taxes.invoice_id,
        event_taxes.currency,
        min(event_taxes.line_key) as line_key
    from event_taxes
    where event_taxes.invoice_id in (select item_taxes.invoice_id from item_taxes)
    group by event_taxes.invoice_id, event_taxes.currency

),

liable_parties as (

    select
        taxed_invoices.invoice_id,
        taxed_invoices.currency,
        taxed_invoices.line_key,
        coalesce(sum(item_taxes.amount) filter (where item_taxes.category = 'seller_tax'), 0) as items_of_seller,
        coalesce(sum(item_taxes.amount) filter (where item_taxes.category = 'aws_tax'), 0) as items_of_aws,
        coalesce(sum(item_taxes.item_count), 0) as item_count
    from taxed_invoices
    left join item_taxes
        on taxed_invoices.invoice_id = item_taxes.invoice_id and taxed_invoices.currency = item_taxes.currency
    group by taxed_invoices.invoice_id, taxed_invoices.currency, taxed_invoices.line_key

),

invoice_taxes as (

    select
        invoice_id,
        currency,
        coalesce(sum(amount) filter (where category = 'seller_tax'), 0) as events_of_seller,
        coalesce(sum(amount) filter (where category = 'aws_tax'), 0) as events_of_aws
    from event_taxes
    group by invoice_id, currency

),

party_rows as (

    select
        'tax_liability' as comparison,
        lines.period,
        lines.selling_entity,
        lines.agreement_id,
        lines.contract_id,
        lines.account_id,
        lines.end_user_account_id,
        'invoice_id' as item_kind,
        liable_parties.invoice_id as item,
        liable_parties.currency,
        liable_parties.items_of_seller as left_amount,
        invoice_taxes.events_of_seller as right_amount,
        -- Each item is rounded for itself.
        abs(liable_parties.items_of_seller - invoice_taxes.events_of_seller)
        <= cast(0.01 as decimal(38, 12)) * (liable_parties.item_count + 1) as is_matched,
        'B10' as residual_code,
        'B09' as code,
        lines.invoice_date + 2 as expected_clear,
        'Tax items and billing events do not agree on the tax that the seller must remit.' as suggested_cause,
        json_object(
            'items_of_seller', cast(liable_parties.items_of_seller as varchar),
            'items_of_aws', cast(liable_parties.items_of_aws as varchar),
            'events_of_seller', cast(invoice_taxes.events_of_seller as varchar),
            'events_of_aws', cast(invoice_taxes.events_of_aws as varchar), 'tax_items', liable_parties.item_count
        ) as evidence
    from liable_parties
    inner join invoice_taxes
        on liable_parties.invoice_id = invoice_taxes.invoice_id and liable_parties.currency = invoice_taxes.currency
    inner join lines on liable_parties.line_key = lines.line_key
    -- An invoice without any item in its currency has nothing to be compared with.
    where liable_parties.item_count > 0

),

-- The parts, from the events themselves, and the net of the lines.
parts as (

    select
        line_key,
        sum(amount) as amount
    from {{ ref('fct_marketplace_ledger') }}
    where stage in ('invoiced', 'forgiven') and is_payable and line_key is not null
    group by line_key

),

nets as (

    select
        lines.agreement_id,
        lines.selling_entity,
        lines.contract_id,
        lines.account_id,
        lines.aws_entity,
        lines.period,
        lines.currency,
        sum(coalesce(parts.amount, 0)) as parts_amount,
        sum(lines.seller_net_revenue) as net_amount,
        count(*) as line_count
    from lines
    left join parts on lines.line_key = parts.line_key
    group by
        lines.agreement_id, lines.selling_entity, lines.contract_id, lines.account_id, lines.aws_entity, lines.period,
        lines.currency

),

net_rows as (

    select
        'net' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        cast(null as varchar) as end_user_account_id,
        'aws_entity' as item_kind,
        aws_entity as item,
        currency,
        parts_amount as left_amount,
        net_amount as right_amount,
        parts_amount = net_amount as is_matched,
        null as residual_code,
        case when abs(parts_amount - net_amount) <= cast(0.01 as decimal(38, 12)) * line_count then 'B10' else 'B22' end
            as code,
        cast(null as date) as expected_clear,
        'The net of the lines is not the sum of their parts.' as suggested_cause,
        json_object('lines', line_count) as evidence
    from nets

),

gathered as (

    select * from fee_rows
    union all
    select * from tax_rows
    union all
    select * from party_rows
    union all
    select * from net_rows

),

compared as (

    select
        gathered.*,
        'aws_marketplace' as channel
    from gathered

),

{{ reconciliation_rows('R09') }}
