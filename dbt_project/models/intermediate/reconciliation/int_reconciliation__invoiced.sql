-- R08: what is due (left: rated usage, else the Daily Usage estimate; instalments; advance payments) and what AWS
-- invoiced for it (right: gross and refunds).
with cells as (

    select * from {{ ref('int_usage_cells__gathered') }}
    where has_invoices

),

charges as (

    select * from {{ ref('int_agreement_charges__invoiced') }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

versions as (

    select * from {{ ref('stg_aws_marketplace__billing_events') }}
    where action = 'INVOICED'

),

ledger as (

    select * from {{ ref('fct_marketplace_ledger') }}
    where versions > 1 and stage = 'invoiced'

),

invoiced_months as (

    select min(invoice_date) as first_invoice_date
    from lines

),

-- An event that AWS corrected after it was delivered: what we knew first, and what it says now.
first_versions as (

    select
        billing_event_id,
        arg_min(amount, (update_date, file_sequence, line)) as amount
    from versions
    where billing_event_id in (select ledger.billing_event_id from ledger)
    group by billing_event_id

),

corrections as (

    select
        ledger.billing_event_id,
        ledger.line_key,
        ledger.transaction_type,
        ledger.category,
        ledger.amount,
        first_versions.amount as first_amount,
        lines.agreement_id,
        lines.contract_id,
        lines.account_id,
        lines.selling_entity,
        lines.end_user_account_id,
        lines.period,
        lines.currency,
        lines.invoice_id
    from ledger
    inner join first_versions on ledger.billing_event_id = first_versions.billing_event_id
    inner join lines on ledger.line_key = lines.line_key
    where ledger.amount <> first_versions.amount

),

cell_corrections as (

    select
        agreement_id,
        period,
        currency,
        sum(amount - first_amount) as corrected
    from corrections
    where category in ('gross', 'refund', 'credit')
    group by agreement_id, period, currency

),

usage_cells as (

    select
        cells.*,
        case
            when cells.has_metered then cells.metered
            -- AWS billing a record twice is no reason to expect it twice.
            else cells.stated - cells.duplicated
        end as expected,
        cells.gross + cells.refunded as invoiced,
        coalesce(cell_corrections.corrected, 0) as corrected
    from cells
    left join cell_corrections
        on cells.agreement_id = cell_corrections.agreement_id
        and cells.period = cell_corrections.period
        and cells.currency = cell_corrections.currency
    where cells.line_class = 'usage' and (cells.has_metered or cells.has_daily_usage)

),

measured as (

    select
        *,
        {{ usage_tolerance('expected', 'usage_rows') }}
        + case when has_metered then coalesce(unit_amount, 0) else 0 end as tolerance,
        expected - invoiced as difference
    from usage_cells

),

neighbours as (

    select
        *,
        abs(difference) <= tolerance as is_equal,
        -- Usage after the agreement's end is a break even where AWS billed it.
        not has_metered and after_end <> 0 as is_after_end,
        sum(difference) over by_buyer as buyer_difference,
        count(*) filter (where abs(difference) > tolerance) over by_buyer as buyer_breaks
    from measured
    window by_buyer as (partition by end_user_account_id, period, currency)

),

coded as (

    select
        *,
        case
            when is_after_end then 'B16'
            when refunded <> 0 and abs(expected - gross) <= tolerance then 'B19'
            when not has_metered and missing_id <> 0 and abs(difference + missing_id) <= tolerance then 'B15'
            when buyer_breaks > 1 and abs(buyer_difference) <= tolerance and end_user_account_id is not null then 'B15'
            when duplicated <> 0 and abs(difference + duplicated) <= tolerance then 'B03'
            when expected <> 0 and abs(difference + expected) <= tolerance then 'B03'
            when corrected <> 0 then 'B20'
            when has_metered and expected > invoiced and is_ended then 'B16'
            when late <> 0 and abs(difference - late) <= tolerance then 'B17'
            when has_metered and has_daily_usage and expected > invoiced and abs(stated - invoiced) <= tolerance
                then 'B18'
            when gross = 0 then 'B02'
            when expected = 0 then 'B01'
            else 'B22'
        end as code
    from neighbours
    -- The Daily Usage of a reseller's buyer is at the buyer's price, our invoice at the wholesale price.
    where is_equal or has_metered or offer_kind is distinct from 'cppo' or wholesale_cost <> 0

),

usage_rows as (

    select
        'usage' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        cast(null as varchar) as item_kind,
        cast(null as varchar) as item,
        currency,
        -- Billed after the end: what was within the agreement is what was due.
        case when is_after_end and is_equal then expected - after_end else expected end as left_amount,
        invoiced as right_amount,
        is_equal and not is_after_end as is_matched,
        'B10' as residual_code,
        code,
        -- A part may still come; what AWS took back, doubled or billed after the end does not clear by itself.
        case
            when code not in ('B03', 'B16', 'B19', 'B20') then {{ usage_invoiced_by('period') }}
        end as expected_clear,
        case code
            when 'B16' then 'Usage after the end of the agreement.'
            when 'B19' then 'AWS refunded or credited the buyer.'
            when 'B15' then 'Daily usage carries no agreement id, or that of another agreement of the buyer.'
            when 'B03' then 'The usage was billed twice: metered with product code and licence, or by two senders.'
            when 'B20' then 'AWS corrected the invoice after it was delivered.'
            when 'B17' then 'Usage came after the month was invoiced.'
            when 'B18' then 'AWS did not take all metering records, so that the usage was never invoiced.'
            when 'B02' then 'Usage of the month was never invoiced.'
            when 'B01' then 'AWS invoiced usage that neither we nor the Daily Usage feed know.'
            else 'Invoice and usage differ; nothing landed says why.'
        end as suggested_cause,
        json_object(
            'left_is', case when has_metered then 'rated usage' else 'daily usage' end,
            'daily_usage', cast(stated as varchar), 'invoice_lines', line_count, 'gross', cast(gross as varchar),
            'refunded', cast(refunded as varchar), 'without_agreement_id', cast(missing_id as varchar),
            'duplicated', cast(duplicated as varchar), 'after_end', cast(after_end as varchar),
            'late', cast(late as varchar), 'corrected', cast(corrected as varchar), 'agreement_ended_on', ended_on,
            'tolerance', cast(tolerance as varchar)
        ) as evidence
    from coded

),

-- A charge is judged from its day on, and an early invoice with it.
due_charges as (

    select
        charges.*,
        coalesce(lines.gross, 0) as gross,
        coalesce(lines.refunded, 0) as refunded,
        lines.invoice_id,
        lines.end_user_account_id
    from charges
    cross join invoiced_months
    left join lines on charges.line_key = lines.line_key
    where
        lines.line_key is not null
        or (charges.charged_on <= {{ as_of() }} and charges.charged_on >= invoiced_months.first_invoice_date)

),

instalment_rows as (

    select
        'instalment' as comparison,
        {{ month_of('due_charges.charged_on') }} as period,
        coalesce(agreements.selling_entity, 'UNASSIGNED') as selling_entity,
        due_charges.agreement_id,
        agreements.contract_id,
        agreements.account_id,
        due_charges.end_user_account_id,
        'charge_key' as item_kind,
        due_charges.charge_key as item,
        due_charges.currency,
        due_charges.amount as left_amount,
        due_charges.gross + due_charges.refunded as right_amount,
        due_charges.amount = due_charges.gross + due_charges.refunded as is_matched,
        null as residual_code,
        case
            when due_charges.line_key is null then 'B02'
            when due_charges.refunded <> 0 then 'B19'
            when abs(due_charges.amount - due_charges.gross) <= 0.01 then 'B10'
            else 'B05'
        end as code,
        -- AWS invoices a schedule on its dates; invoicing and the feed's lag as for usage.
        case when due_charges.line_key is null then due_charges.charged_on + 5 end as expected_clear,
        case
            when due_charges.line_key is null
                then 'An instalment was not invoiced on its date (offer not accepted, or dated ahead).'
            when due_charges.refunded <> 0 then 'AWS refunded or credited the instalment.'
            else 'The instalment was invoiced with another amount than scheduled.'
        end as suggested_cause,
        json_object(
            'charged_on', due_charges.charged_on, 'line_key', due_charges.line_key,
            'invoice_id', due_charges.invoice_id
        ) as evidence
    from due_charges
    left join agreements on due_charges.agreement_id = agreements.agreement_id

),

-- Paid in advance for the whole agreement: its value is due once. Invoices without a schedule of an agreement that has
-- one are due to nobody.
other_cells as (

    select
        cells.*,
        agreements.contract_value
    from cells
    left join agreements on cells.agreement_id = agreements.agreement_id
    where cells.line_class in ('upfront', 'unscheduled')

),

other_rows as (

    select
        line_class as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        cast(null as varchar) as item_kind,
        cast(null as varchar) as item,
        currency,
        case when line_class = 'upfront' then contract_value else 0 end as left_amount,
        gross + refunded as right_amount,
        case when line_class = 'upfront' then contract_value = gross + refunded else gross + refunded = 0 end
            as is_matched,
        null as residual_code,
        case
            when refunded <> 0 then 'B19'
            when line_class = 'unscheduled' then 'B01'
            when gross = 2 * contract_value then 'B03'
            else 'B05'
        end as code,
        cast(null as date) as expected_clear,
        case
            when refunded <> 0 then 'AWS refunded or credited the buyer.'
            when line_class = 'unscheduled' then 'AWS invoiced an amount that the payment schedule does not have.'
            else 'The advance payment is not the value of the agreement.'
        end as suggested_cause,
        json_object(
            'invoice_lines', line_count, 'gross', cast(gross as varchar), 'refunded', cast(refunded as varchar)
        ) as evidence
    from other_cells
    -- Less than the value may be a part of it: the rest is R06's to follow.
    where line_class = 'unscheduled' or (contract_value > 0 and gross >= contract_value)

),

correction_rows as (

    select
        'correction' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'billing_event_id' as item_kind,
        billing_event_id as item,
        currency,
        first_amount as left_amount,
        amount as right_amount,
        -- A restatement of its own: whether the month is right with it is the usage row's to say.
        true as is_matched,
        'B20' as residual_code,
        'B20' as code,
        cast(null as date) as expected_clear,
        'AWS corrected a delivered billing event: what we reported for it before has changed.' as suggested_cause,
        json_object(
            'line_key', line_key, 'invoice_id', invoice_id, 'transaction_type', transaction_type,
            'first_amount', cast(first_amount as varchar), 'amount', cast(amount as varchar)
        ) as evidence
    from corrections

),

adjustment_rows as (

    select
        'adjustment' as comparison,
        period,
        selling_entity,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'line_key' as item_kind,
        line_key as item,
        currency,
        0 as left_amount,
        adjusted as right_amount,
        adjusted = 0 as is_matched,
        null as residual_code,
        'B19' as code,
        cast(null as date) as expected_clear,
        'AWS adjusted the balance for an earlier invoice, or netted infrastructure.' as suggested_cause,
        json_object('invoice_id', invoice_id, 'aws_entity', aws_entity) as evidence
    from lines
    where adjusted <> 0

),

gathered as (

    select * from usage_rows
    union all
    select * from instalment_rows
    union all
    select * from other_rows
    union all
    select * from correction_rows
    union all
    select * from adjustment_rows

),

compared as (

    select
        gathered.*,
        'aws_marketplace' as channel
    from gathered

),

{{ reconciliation_rows('R08') }}
