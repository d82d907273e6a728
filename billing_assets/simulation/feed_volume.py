"""A year of AWS's feeds in bulk, for measuring: the same columns as `feeds`, made by SQL in a few seconds.

Agreements of three AWS entities with five end users each; every month an invoice line for each of them, collected
early, late, in two parts or never, with refunds, write-offs, failed payouts and late corrections. No contracts and no
usage of our own: what lands is what AWS knows. Amounts are whole cents and computed on integers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from billing_assets.periods import add_months
from billing_assets.simulation.feeds import CATALOG, COLUMNS
from billing_assets.simulation.mixing import mixed_select

END_USERS = 5
MONTHS = 12
# Events that one invoice line brings over its life, on average: invoiced, collected and paid out, each of two or three
# rows, less those of lines that are not due yet. Found by counting a made year.
EVENTS_A_LINE = 6.7
# Daily usage stands on these days of a month, with the month's quantity divided among them.
USAGE_DAYS = (10, 20)
# Shares of invoice lines or payouts, one in so many.
FORGIVEN_EVERY, REFUNDED_EVERY, IN_PARTS_EVERY, CORRECTED_EVERY, FAILED_EVERY = 200, 97, 23, 500, 40
MEMORY_LIMIT = "2GB"
# Everything AWS tells of before the year begins was written on this day of the month before.
KNOWN_DAY = 9


def write_feeds(
    landing: Path,
    events: int,
    as_of: date,
    seed: int = 7,
    until: date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> int:
    """Write feeds of about `events` billing events, and the bank lines of their payouts, as they stand at the end of
    `until` (default `as_of`); returns the number of billing event rows. The year ends with the month of `as_of`."""
    lines_a_month = max(1, round(events / EVENTS_A_LINE / MONTHS))
    agreements = max(1, round(lines_a_month / END_USERS))
    first = add_months(as_of.replace(day=1), -MONTHS)
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as db:
        db.execute("set timezone = 'UTC'; set preserve_insertion_order = true")
        _make_lines(db, agreements, first, seed)
        _make_events(db, as_of)
        _make_reference(db, agreements, first)
        rows = 0
        for feed in COLUMNS:
            rows_of_feed = _write_feed(db, landing, feed, first, until or as_of)
            rows += rows_of_feed if feed == "billingeventfeed" else 0
            progress(f"{feed}: {rows_of_feed} rows")
        _write_bank(db, landing, until or as_of)
    return rows


def _make_lines(db: duckdb.DuckDBPyConnection, agreements: int, first: date, seed: int) -> None:
    """One row an invoice line, with everything that is decided about it. Amounts in cents."""
    db.execute("create macro opaque(text) as md5(text) || substr(md5(text || '+'), 1, 8)")
    db.execute("create macro account(text) as 'acct' || md5('account ' || text) || substr(md5(text || '-'), 1, 6)")
    lines = f"""
        select
            row_number() over (order by month, agreement, end_user) as line,
            agreement, end_user, month
        from range({agreements}) a(agreement), range({END_USERS}) u(end_user), range({MONTHS}) m(month)
    """
    salts = {name: seed * 131 + n for n, name in enumerate(("worth", "pays", "fate"))}
    db.execute(f"""
    create temp table lines as
    with drawn as ({mixed_select(lines, "line", salts)}),
    dated as (
        select *,
            (date '{first}' + to_months(month::integer))::date as service_from,
            (date '{first}' + to_months(month::integer + 1))::date as next_month,
            case agreement % 10 when 7 then 'AWS_EUROPE' when 8 then 'AWS_EUROPE' when 9 then 'AWS_JAPAN'
                else 'AWS_INC' end as broker,
            (1000 + worth % 500000)::bigint as gross,
            case when agreement % 11 = 0 then 15 when agreement % 13 = 0 then 20 else 30 end::bigint as fee_per_mille
        from drawn
    ),
    invoiced as (
        select *,
            (next_month + to_days((1 + agreement % 2)::integer))::date as invoice_date,
            (gross * fee_per_mille + 500) // 1000 as fee
        from dated
    )
    select *,
        case broker when 'AWS_EUROPE' then (fee * 19 + 50) // 100 when 'AWS_JAPAN' then (fee * 10 + 50) // 100
            else 0 end as fee_tax,
        (invoice_date + 30)::date as due,
        (invoice_date + 30 + (pays % 21)::integer - 6)::date as collected_on,
        fate % {FORGIVEN_EVERY} = 0 as is_forgiven,
        fate % {REFUNDED_EVERY} = 1 as is_refunded,
        fate % {IN_PARTS_EVERY} = 2 as is_in_parts,
        fate % {CORRECTED_EVERY} = 3 as is_corrected,
        'agmt-' || substr(md5('agreement ' || agreement), 1, 25) as agreement_id,
        'offer-' || substr(md5('offer ' || if(agreement % 3 = 0, 'public', agreement::varchar)), 1, 13) as offer_id,
        '2' || lpad((line * 7919 % 1000000000)::varchar, 9, '0') as invoice_id,
        if(broker = 'AWS_INC', '2', 'EUINGB26-') || lpad((line * 7919 % 1000000000)::varchar, 9, '0')
            || if(broker = 'AWS_INC', '', '-F') as fee_invoice_id,
        md5('line ' || line) as line_item_id,
        account(agreement || '/' || end_user) as end_user_account
    from invoiced""")


def _make_events(db: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """All billing events up to `as_of`, as one row each with the day AWS wrote it."""
    db.execute("""
    create temp table invoiced as
    select line, 'S' as part, 'SELLER_REV_SHARE' as kind, gross as cents, 1 as is_payable, invoice_date as day,
        false as is_refund
    from lines
    union all
    select line, 'F', 'AWS_REV_SHARE', -fee, 1, invoice_date, false from lines where fee > 0
    union all
    select line, 'T', 'AWS_TAX_SHARE', -fee_tax, 1, invoice_date, false from lines where fee_tax > 0
    union all
    select line, 'B', 'AWS_TAX_SHARE', gross // 16, 0, invoice_date, false
    from lines where agreement % 5 = 0 and broker = 'AWS_INC'
    union all
    select line, 'SR', 'SELLER_REV_SHARE_REFUND', -(gross // 4), 1, (invoice_date + 75)::date, true
    from lines where is_refunded and not is_forgiven
    union all
    select line, 'FR', 'AWS_REV_SHARE_REFUND', fee // 4, 1, (invoice_date + 75)::date, true
    from lines where is_refunded and not is_forgiven and fee >= 4""")
    # A row is settled by one part, or by a first part and the rest.
    db.execute("""
    create temp table parts as
    select i.*, 1 as n, if(l.is_in_parts and not i.is_refund, i.cents // 2, i.cents) as paid,
        if(i.is_refund, (i.day + 1)::date, l.collected_on) as collected_on
    from invoiced i join lines l using (line)
    where i.is_payable = 1 and not l.is_forgiven
    union all
    select i.*, 2, i.cents - i.cents // 2, (l.collected_on + 21)::date
    from invoiced i join lines l using (line)
    where i.is_payable = 1 and not l.is_forgiven and l.is_in_parts and not i.is_refund""")
    # A day's money of an entity is paid out three days on, with the refunds of that day; one payout in some fails and
    # is sent again.
    db.execute(f"""
    create temp table payouts as
    with daily as (
        select l.broker, p.collected_on, (p.collected_on + 3)::date as paid_on, sum(p.paid)::bigint as cents
        from parts p join lines l using (line)
        group by all
    ),
    numbered as (
        select *, row_number() over (order by collected_on, broker) as n from daily
    )
    select broker, collected_on, 0 as attempt, paid_on, cents, n % {FAILED_EVERY} = 5 as has_failed from numbered
    union all
    select broker, collected_on, 1, (paid_on + 2)::date, cents, false from numbered where n % {FAILED_EVERY} = 5""")
    db.execute("""
    create temp table payout_ids as
    select *,
        opaque('payout ' || broker || collected_on || attempt) as payout_id,
        opaque('failure ' || broker || collected_on || attempt) as failure_id,
        substr(
            regexp_replace(md5('trace ' || broker || collected_on || attempt), '[a-f]', '', 'g') || '7777777777', 1, 15
        ) as trace
    from payouts""")
    settled = """
        from parts p
        join lines l using (line)
        join payout_ids o on o.broker = l.broker and o.collected_on = p.collected_on
    """
    db.execute(f"""
    create temp table moves as
    select line, opaque('event ' || line || part) as id, kind, 'INVOICED' as action, cents, is_payable as impact,
        day, null as parent, null as payout, null as trace, part, is_refund, false as is_update
    from invoiced
    union all
    select line, opaque('event ' || line || part), kind, 'INVOICED', cents, is_payable, (day + 12)::date,
        null, null, null, part, is_refund, true
    from invoiced join lines using (line) where is_corrected and part = 'S'
    union all
    select line, opaque('forgiven ' || line || part), kind, 'FORGIVEN', -cents, 1, (invoice_date + 90)::date,
        opaque('event ' || line || part), null, null, part, false, false
    from invoiced join lines using (line) where is_forgiven and is_payable = 1
    union all
    select line, opaque('collected ' || line || part || n), kind, 'COLLECTED', paid, 0, collected_on,
        opaque('event ' || line || part), null, null, part, is_refund, false
    from parts
    union all
    select p.line, opaque('paid ' || p.line || p.part || p.n || o.attempt), p.kind, 'DISBURSED', -p.paid, 0, o.paid_on,
        opaque('event ' || p.line || p.part), o.payout_id, o.trace, p.part, p.is_refund, false
    {settled}
    union all
    select p.line, opaque('back ' || p.line || p.part || p.n || o.attempt), p.kind, 'DISBURSED', p.paid, 0,
        (o.paid_on + 1)::date, opaque('event ' || p.line || p.part), o.failure_id, o.trace, p.part, p.is_refund, false
    {settled} where o.has_failed""")
    iso, spaced = "'%Y-%m-%dT%H:%M:%SZ'", "'%Y-%m-%d %H:%M:%S.%f'"
    stamp = f"strftime(day + interval 9 hour, {iso})"
    invoice_time = f"strftime(l.invoice_date + interval 317 minute, {iso})"
    amount = "(cents::decimal(18, 2) * 0.01::decimal(3, 2))::decimal(18, 2)::varchar"
    # A line that is corrected later was a dollar too low at first.
    is_wrong = "is_corrected and part = 'S' and action = 'INVOICED' and not is_update"
    is_fee = "part in ('F', 'T', 'FR') and l.broker <> 'AWS_INC'"
    own_invoice = (
        f"case when m.is_refund then 'C' || l.invoice_id when {is_fee} then fee_invoice_id else invoice_id end"
    )
    db.execute(f"""
    create temp table billingeventfeed as
    select
        day as written, id as billing_event_id,
        if(kind like 'SELLER%' or part = 'B', account(agreement || '/payer'), account('seller')) as from_account_id,
        if(kind like 'SELLER%', account('seller'), account(l.broker)) as to_account_id,
        end_user_account as end_user_account_id, 'prod-' || substr(md5('product'), 1, 13) as product_id,
        action, kind as transaction_type, parent as parent_billing_event_id, payout as disbursement_billing_event_id,
        {amount.replace("cents", f"if({is_wrong}, cents - 100, cents)")} as amount,
        'USD' as currency, impact::varchar as balance_impacting,
        if(m.is_refund, strftime(l.invoice_date + interval '75 days 5 hours', {iso}), {invoice_time}) as invoice_date,
        strftime(l.due + interval 317 minute, {iso}) as payment_due_date,
        strftime(service_from::timestamp, {iso}) as usage_period_start_date,
        strftime(next_month::timestamp - interval 1 second, {iso}) as usage_period_end_date,
        {own_invoice} as invoice_id,
        'addr' || md5('address ' || agreement) as billing_address_id,
        md5('reference ' || line || ({is_fee})) as transaction_reference_id,
        md5('reference ' || line || false) as buyer_transaction_reference_id,
        trace as bank_trace_id, l.broker as broker_id, agreement_id, offer_id,
        l.invoice_id as buyer_invoice_id,
        strftime(l.invoice_date + interval 317 minute, {spaced}) as buyer_invoice_date,
        if({is_fee} or m.is_refund, md5(line_item_id || part), line_item_id) as line_item_id,
        line_item_id as buyer_line_item_id,
        if({is_fee}, 'LISTING_FEE', 'PURCHASE') as invoice_variant,
        if(part in ('F', 'T', 'FR'), 'LISTING_FEE', 'PURCHASE') as charge_variant, null as charge_side,
        strftime(if(is_update, l.invoice_date, day) + interval 14 hour, {spaced}) as action_date,
        if(part = 'B', null, {amount}) as disbursement_amount, if(part = 'B', null, 'USD') as disbursement_currency,
        null as disbursement_reference_number, account('seller') as recipient_account_id, '{CATALOG}' as catalog,
        strftime(if(is_update, l.invoice_date, day)::timestamp, {iso}) as valid_from,
        strftime(if(is_update, l.invoice_date, day) + interval 9 hour, {iso}) as insert_date,
        {stamp} as update_date, null as delete_date
    from moves m join lines l using (line)
    where day <= date '{as_of}'
    union all by name
    select day as written, id as billing_event_id, account(broker) as from_account_id,
        account('seller') as to_account_id, 'DISBURSED' as action, kind as transaction_type,
        parent as parent_billing_event_id, {amount} as amount, 'USD' as currency, '0' as balance_impacting,
        strftime(day + interval 16 hour, {iso}) as invoice_date, trace as bank_trace_id, broker as broker_id,
        strftime(day + interval 16 hour, {spaced}) as action_date, {amount} as disbursement_amount,
        'USD' as disbursement_currency, account('seller') as recipient_account_id, '{CATALOG}' as catalog,
        strftime(day::timestamp, {iso}) as valid_from, {stamp} as insert_date, {stamp} as update_date
    from (
        select payout_id as id, broker, 'DISBURSEMENT' as kind, null as parent, cents, paid_on as day, trace
        from payout_ids
        union all
        select failure_id, broker, 'DISBURSEMENT_FAILURE', payout_id, -cents, (paid_on + 1)::date, trace
        from payout_ids where has_failed
    )
    where day <= date '{as_of}'""")


def _make_reference(db: duckdb.DuckDBPyConnection, agreements: int, first: date) -> None:
    """The other feeds: all known before the year begins, but for daily usage and tax items."""
    known = add_months(first, -1).replace(day=KNOWN_DAY)
    history = (
        f"date '{known}' as written, '{add_months(first, -13)}T00:00:00Z' as valid_from, "
        f"'{known}T03:00:00Z' as insert_date, '{known}T03:00:00Z' as update_date"
    )
    buyers = f"range({agreements}) a(agreement)"
    db.execute(f"""
    create temp table accountfeed as
    select account(name) as account_id,
        lpad((row_number() over (order by name) * 7)::varchar, 12, '0') as aws_account_id,
        substr(md5(name), 1, 12) as encrypted_account_id, 'addr' || md5('address ' || split_part(name, '/', 1))
            as mailing_address_id, '{CATALOG}' as catalog, {history}
    from (
        select unnest(['seller', 'AWS_INC', 'AWS_EUROPE', 'AWS_JAPAN']) as name
        union all select agreement || '/payer' from {buyers}
        union all select agreement || '/' || u.n from {buyers}, range({END_USERS}) u(n)
    )""")
    db.execute(f"""
    create temp table addressfeed as
    select 'addr' || md5('address ' || name) as address_id, 'buyer.example' as email_domain,
        'Buyer ' || name as company_name, 'US' as country_code, {history}
    from (
        select unnest(['seller', 'AWS_INC', 'AWS_EUROPE', 'AWS_JAPAN']) as name
        union all select agreement::varchar from {buyers}
    )""")
    db.execute(f"""
    create temp table agreementfeed as
    select distinct agreement_id, account('seller') as proposer_account_id,
        account(agreement || '/0') as acceptor_account_id, offer_id, '1' as offer_revision_at_acceptance,
        '{add_months(first, -1)}T00:00:00Z' as start_time, '{add_months(first, -1)}T00:00:00Z' as acceptance_time,
        case fee_per_mille when 15 then 'RENEW' else 'NEW' end as intent, 'ACTIVE' as status,
        if(fee_per_mille = 20, '2000000', '0') as estimated_agreement_value, 'USD' as currency_code,
        account('seller') as recipient_account_id, '{CATALOG}' as catalog, {history}
    from lines""")
    db.execute(f"""
    create temp table agreementtermfeed as
    select distinct agreement_id, 'term-' || md5(agreement_id) || md5(agreement_id || '+') as term_id,
        'UsageBasedPricingTerm' as term_type, {history}
    from lines""")
    db.execute(f"create temp table agreementchargefeed as select null as agreement_id, {history} limit 0")
    db.execute(f"create temp table legacyidmappingfeed as select null as mapping_type, {history} limit 0")
    db.execute(f"""
    create temp table offerfeed as
    select distinct offer_id, '1' as offer_revision, '9999-01-01T00:00:00Z' as expiration_date,
        account('seller') as seller_account_id, account('seller') as recipient_account_id, '{CATALOG}' as catalog,
        {history}
    from lines""")
    db.execute(f"""
    create temp table offerproductfeed as
    select distinct offer_id, '1' as offer_revision, 'prod-' || substr(md5('product'), 1, 13) as product_id, {history}
    from lines""")
    db.execute(f"""
    create temp table offertargetfeed as
    select distinct 'target-' || md5(offer_id) as offer_target_id, offer_id, '1' as offer_revision,
        'BuyerAccounts' as target_type, 'PositiveTargeting' as polarity, '123456789012' as value,
        '{CATALOG}' as catalog, {history}
    from lines where agreement % 3 <> 0""")
    db.execute(f"""
    create temp table productfeed as
    select 'prod-' || substr(md5('product'), 1, 13) as product_id, account('seller') as manufacturer_account_id,
        'code' as product_code, 'Atlas Inference' as title, '{CATALOG}' as catalog, {history}""")
    days = ", ".join(map(str, USAGE_DAYS))
    share = f"if(d = {USAGE_DAYS[0]}, gross // {len(USAGE_DAYS)}, gross - gross // {len(USAGE_DAYS)})"
    day = "(service_from + (d - 1)::integer)::date"
    db.execute(f"""
    create temp table dailyusagefeed as
    select ({day} + 1)::date as written, opaque('usage ' || line || '/' || d) as usage_feed_id,
        {day}::varchar as usage_date, 'prod-' || substr(md5('product'), 1, 13) as product_id, agreement_id,
        end_user_account as end_user_account_id, account(agreement || '/payer') as payer_account_id,
        'us-east-1' as region, 'usage_fee' as dimension_key, 'Units' as usage_unit,
        ({share}) || '.00' as usage_quantity,
        'USD' as pricing_currency,
        (({share})::decimal(18, 2) * 0.01::decimal(3, 2))::decimal(18, 2)::varchar
            as estimated_revenue_in_pricing_currency,
        '0.010000' as usage_rate_per_unit_in_pricing_currency, offer_id,
        offer_id || '|us-east-1|usage_fee' as charge_item_description, account('seller') as recipient_account_id,
        '{CATALOG}' as catalog, {day} || ' 00:00:00.000000' as valid_from,
        ({day} + 1)::date || 'T01:00:00Z' as insert_date, ({day} + 1)::date || 'T01:00:00Z' as update_date
    from lines, unnest([{days}]) as days(d)""")
    db.execute("""
    create temp table taxitemfeed as
    select written, 'tax-' || billing_event_id || '_0001' as tax_item_id, invoice_id, line_item_id,
        'AWS' as tax_liable_party, 'AWS' as transaction_type_code, product_id,
        'AWSMP_SOFTWARE_RA' as product_tax_code, invoice_date, from_account_id as taxed_customer_account_id,
        'US' as taxed_customer_country, 'Sales' as tax_type_code, 'State' as jurisdiction_level,
        'Exclusive' as display_price_taxability_type, ltrim(amount, '-') as tax_amount, currency as tax_currency,
        'Taxable' as tax_calculation_reason_code, transaction_reference_id, valid_from, insert_date, update_date
    from billingeventfeed
    where action = 'INVOICED' and transaction_type = 'AWS_TAX_SHARE'""")


def _write_feed(db: duckdb.DuckDBPyConnection, landing: Path, feed: str, first: date, until: date) -> int:
    """The month files of one feed as they stand at the end of `until`; returns their rows."""
    there = {row[0] for row in db.execute(f"select column_name from (describe {feed})").fetchall()}
    columns = ", ".join(
        f"{name}::varchar as {name}" if name in there else f"null::varchar as {name}" for name in COLUMNS[feed]
    )
    month, rows = add_months(first, -1), 0
    while month <= until:
        target = landing / "aws_marketplace" / f"{feed}_v1" / f"year={month:%Y}" / f"month={month:%m}" / "data.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        end = min(add_months(month, 1) - timedelta(days=1), until)
        of_month = f"select * from {feed} where written between date '{month}' and date '{end}'"
        path = str(target).replace("'", "''")
        copied = db.execute(
            f"copy (select {columns} from ({of_month}) order by written, {columns.partition('::')[0]}, update_date) "
            f"to '{path}' (format csv, header)"
        ).fetchone()
        rows += int(copied[0]) if copied else 0
        month = add_months(month, 1)
    return rows


def _write_bank(db: duckdb.DuckDBPyConnection, landing: Path, until: date) -> None:
    """Payouts reach the bank the day after; one that failed came and went."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ("value_date", "booking_date", "amount", "currency", "counterparty", "reference", "narrative", "account")
    )
    rows = db.execute(
        "select (paid_on + 1)::date as day, (cents::decimal(18, 2) * 0.01::decimal(3, 2))::decimal(18, 2) as amount,"
        " trace, has_failed from payout_ids where paid_on + 1 <= ? and cents > 0 order by day, trace",
        [until],
    ).fetchall()
    for day, amount, trace, has_failed in rows:
        for signed in (amount, -amount) if has_failed else (amount,):
            text = f"MARKETPLACE PAYOUT TRACE {trace}"
            writer.writerow((day, day, signed, "USD", "AMAZON WEB SERVICES INC", "", text, "4417002291"))
    target = landing / "bank" / "payouts.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(buffer.getvalue(), encoding="utf-8", newline="\n")
