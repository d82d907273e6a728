"""The arithmetic behind one line, step by step: events, allowances, days, windows, discounts, tax, grants.

Reads the warehouse only and shows what the models hold; `explain` says where the line comes from, this how its figure
was come by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import duckdb

from billing_assets.documents.facts import Fact, Row, one, plain, rows

# A month has 744 hours: those that changed the bill are shown, up to so many.
_WINDOWS_SHOWN = 40


def steps(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """What a line's kind has to say of its amount; `header` is its document. Nothing for kinds told elsewhere."""
    kind = line["line_kind"]
    if kind == "usage":
        yield from _allowances(connection, header, line)
        yield from _events(connection, header, line)
    elif kind == "recurring":
        yield from _days(connection, header, line)
    elif kind in ("true_up", "overage"):
        yield from _windows(connection, header, line)
    elif kind == "discount":
        yield from _discount(connection, header, line)
    elif kind == "tax":
        yield from _tax(connection, header, line)
    elif kind == "credit":
        yield from _grant(connection, header, line["reference_id"])


def payments(connection: duckdb.DuckDBPyConnection, header: Row) -> Iterator[Fact]:
    """What grants that pay took over of the document's total, grant by grant; its lines do not show it."""
    drawn = rows(
        connection,
        "select grant_id, count(distinct line_key) as lines, min(drawn_on) as first_on, max(drawn_on) as last_on, "
        "sum(drawn_amount) as amount from intermediate.int_credit_payments__drawn "
        "where contract_id = $1 and bill_date = $2 and drawn_amount <> 0 group by grant_id order by grant_id",
        header["contract_id"],
        header["bill_date"],
    )
    if drawn:
        yield Fact(
            "paid",
            "from credits, which leaves the total as it is",
            ("grant", "lines", "from", "to", "amount"),
            tuple(
                (d["grant_id"], str(d["lines"]), str(d["first_on"]), str(d["last_on"]), plain(d["amount"]))
                for d in drawn
            ),
        )
    for row in drawn:
        yield from _grant(connection, header, row["grant_id"])


def _allowances(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    rated = one(
        connection,
        "select included_used, period_from, is_capped, priced_amount, unrounded_amount, maximum "
        "from intermediate.int_usage__rated "
        "where contract_id = $1 and charge_id = $2 and group_key = $3 and service_from = $4",
        header["contract_id"],
        line["charge_id"],
        line["group_key"],
        line["service_from"],
    )
    if rated is None:
        return
    if rated["included_used"]:
        yield Fact("allowance", f"{plain(rated['included_used'])} of it free or included")
        shared = rows(
            connection,
            "select discount_id, free_quantity from intermediate.int_free_quantities__shared "
            "where contract_id = $1 and charge_id = $2 and period_from = $3 and free_quantity <> 0",
            header["contract_id"],
            line["charge_id"],
            rated["period_from"],
        )
        for row in shared:
            yield Fact(
                "", f"the charge takes {plain(row['free_quantity'])} of {row['discount_id']}, shared in the contract"
            )
    if rated["is_capped"]:
        yield Fact(
            "maximum",
            f"{plain(rated['maximum'])} for the charge: this line's share of it is "
            f"{plain(rated['unrounded_amount'])} of {plain(rated['priced_amount'])}",
        )


def _events(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """Of a charge priced per event: how many events came to what, and the first of each outcome."""
    outcomes = rows(
        connection,
        "select outcome, cell_key, event_count, quantity, amount, first_events "
        "from intermediate.int_event_tiers__priced "
        "where contract_id = $1 and charge_id = $2 and group_key = $3 and service_from = $4 order by cell_key, tier_no",
        header["contract_id"],
        line["charge_id"],
        line["group_key"],
        line["service_from"],
    )
    if not outcomes:
        return
    yield Fact(
        "events",
        "priced one by one, in the order of their time",
        ("outcome", "cell", "events", "quantity", "amount"),
        tuple(
            (
                row["outcome"],
                "" if row["cell_key"] == "{}" else row["cell_key"],
                str(row["event_count"]),
                plain(row["quantity"]),
                plain(row["amount"]),
            )
            for row in outcomes
        ),
    )
    first = [
        (
            row["outcome"],
            event["event_time"],
            event["event"],
            plain(Decimal(event["value"])),
            "" if event["charged"] is None else plain(Decimal(event["charged"])),
        )
        for row in outcomes
        for event in json.loads(row["first_events"] or "[]")
    ]
    if first:
        yield Fact("", "the first of them", ("outcome", "time", "event", "value", "charged"), tuple(first))


def _days(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """What a full period costs, and which part of it the line is for."""
    part = one(
        connection,
        "select s.quantity, s.included_quantity, s.proration, s.full_from, s.full_to, r.period_amount, "
        "r.priced_amount, date_diff('day', s.full_from, s.full_to) as full_days, "
        "date_diff('day', $3::date, $4::date) as days "
        "from intermediate.int_recurring_stretches__cut as s "
        "join intermediate.int_recurring_rates__priced as r using (contract_id, version, charge_id, quantity) "
        "where s.contract_id = $1 and s.charge_id = $2 and $5::date in (s.period_from, s.period_to) "
        # a line that gives the unused part back begins where its stretch ends
        "and case when $6 then s.stretch_to = $3::date or s.stretch_from <= $3::date and $3::date < s.stretch_to "
        "else s.stretch_from <= $3::date and $3::date < s.stretch_to end "
        "order by s.stretch_to = $3::date desc limit 1",
        header["contract_id"],
        line["charge_id"],
        line["service_from"],
        line["service_to"],
        header["bill_date"],
        line["amount"] < 0,
    )
    if part is None:
        return
    included = f", {plain(part['included_quantity'])} of them included" if part["included_quantity"] else ""
    capped = (
        f", the maximum instead of {plain(part['priced_amount'])}"
        if part["priced_amount"] != part["period_amount"]
        else ""
    )
    yield Fact(
        "rate",
        f"{plain(part['period_amount'])} {line['currency']} for {part['full_from']} to {part['full_to']} "
        f"({part['full_days']} days) with {plain(part['quantity'])}{included}{capped}",
    )
    if part["proration"] != "none":
        yield Fact(
            "part",
            f"{'given back for ' if line['amount'] < 0 else ''}{part['days']} of {part['full_days']} days, "
            f"less suspended ones, by {part['proration']}",
        )


def _windows(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    found = rows(
        connection,
        "select * from intermediate.int_commitment_windows__settled where contract_id = $1 and commitment_id = $2 "
        "and bill_date = $3 and line_kind = $4 order by window_start, from_hour",
        header["contract_id"],
        line["reference_id"],
        header["bill_date"],
        line["line_kind"],
    )
    if found:
        moved = [row for row in found if row["adjustment"]]
        yield Fact(
            "windows",
            f"{len(found)} windows of {line['reference_id']}, {len(moved)} of them differ from list price"
            + (f"; the first {_WINDOWS_SHOWN}" if len(moved) > _WINDOWS_SHOWN else ""),
            ("window", "band", "usage", "list", "cost", "committed", "factor", "comes to", "line"),
            tuple(
                (
                    f"{row['window_start']:%Y-%m-%d %H:%M}",
                    "" if row["from_hour"] is None else f"from {row['from_hour']}h",
                    *(plain(row[name]) for name in (
                        "quantity", "list_cost", "window_cost", "committed_amount", "overage_factor", "window_amount",
                        "adjustment",
                    )),
                )
                for row in moved[:_WINDOWS_SHOWN]
            ),
        )  # fmt: skip
        return
    window = one(
        connection,
        "select * from intermediate.int_commitments__windowed where contract_id = $1 and commitment_id = $2 "
        "and bill_date = $3 and window_from = $4",
        header["contract_id"],
        line["reference_id"],
        header["bill_date"],
        line["service_from"],
    )
    if window is not None:
        factor = f", factor {plain(window['overage_factor'])}" if window["overage_factor"] is not None else ""
        prorated = ", prorated" if window["prorate"] else ""
        yield Fact(
            "committed",
            f"{plain(window['committed_amount'])} for {window['window_from']} to {window['window_to']}"
            f"{prorated}{factor}; compared with the rounded lines it applies to",
        )


def _parent(connection: duckdb.DuckDBPyConnection, line: Row) -> Row | None:
    """The line it belongs to, and what lines before this one took off that."""
    return one(
        connection,
        "select p.line_no, p.amount, coalesce((select sum(o.amount) from marts.fct_invoice_lines as o "
        "where o.document_id = $1 and o.parent_line_no = $2 and o.line_no < $3 "
        "and o.line_kind in ('discount', 'credit')), 0) as off "
        "from marts.fct_invoice_lines as p where p.document_id = $1 and p.line_no = $2",
        line["document_id"],
        line["parent_line_no"],
        line["line_no"],
    )


def _left(parent: Row | None) -> str:
    if parent is None:
        return ""
    off = f" less {plain(-parent['off'])} taken off before" if parent["off"] else ""
    return f" on line {parent['line_no']} ({plain(parent['amount'])}{off})"


def _discount(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    terms = one(
        connection,
        "select kind, value, duration_kind, duration_periods from staging.stg_contracts__discounts "
        "where contract_id = $1 and discount_id = $2 order by version desc limit 1",
        header["contract_id"],
        line["reference_id"],
    )
    if terms is None:
        return
    value = plain(terms["value"]) + (" percent" if terms["kind"] == "percent" else f" {line['currency']}")
    lasting = {"once": ", once", "periods": f", for {terms['duration_periods']} bills"}.get(terms["duration_kind"], "")
    spread = "" if terms["kind"] == "percent" else ", spread by what is left of its lines"
    yield Fact("discount", f"{line['reference_id']}: {value}{lasting}{_left(_parent(connection, line))}{spread}")


def _tax(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    terms = one(
        connection,
        "select t.rate_percent, t.inclusive, v.tax_rounding from staging.stg_contracts__taxes as t "
        "join intermediate.int_contracts__versioned as v using (contract_id, version) "
        "where contract_id = $1 and tax_code = $2 order by version desc limit 1",
        header["contract_id"],
        line["reference_id"],
    )
    if terms is None:
        return
    how = "taken out of the line" if terms["inclusive"] else "added"
    stage = {"line": "all taxes of a line", "rate": "each rate of a line", "by_tax": "each tax over all lines"}.get(
        terms["tax_rounding"], "all taxes of the document"
    )
    yield Fact(
        "tax",
        f"{line['reference_id']}: {plain(terms['rate_percent'])} percent {how}{_left(_parent(connection, line))}; "
        f"rounded for {stage} together",
    )


def _grant(connection: duckdb.DuckDBPyConnection, header: Row, grant_id: str) -> Iterator[Fact]:
    grant = one(
        connection,
        "select kind, pool, amount, currency, effective_at, ends_at, priority, burn_rank "
        "from intermediate.int_grants__ranked where contract_id = $1 and grant_id = $2",
        header["contract_id"],
        grant_id,
    )
    if grant is None:
        return
    balances = rows(
        connection,
        "select period, opening, granted, used, expired, closing from intermediate.int_credit_balances__rolled "
        "where contract_id = $1 and grant_id = $2 order by period",
        header["contract_id"],
        grant_id,
    )
    yield Fact(
        "grant",
        f"{grant_id} ({grant['kind']}): {plain(grant['amount'])} {grant['currency']} from {grant['effective_at']} "
        f"to {grant['ends_at']}, drawn as number {grant['burn_rank']} of those that "
        f"{'pay' if grant['pool'] == 'payment' else 'reduce'} a bill",
        ("month", "opening", "granted", "used", "expired", "closing"),
        tuple(
            (str(row["period"]), *(plain(row[n]) for n in ("opening", "granted", "used", "expired", "closing")))
            for row in balances
        ),
    )
