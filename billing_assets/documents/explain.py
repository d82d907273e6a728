"""Walks a figure of a document back to its evidence: clause, price version, arithmetic, usage hours, files.

Reads the warehouse only, read-only, and computes nothing: what it shows is what the models hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

import duckdb

from billing_assets.documents import arithmetic
from billing_assets.documents.facts import Fact, Row, one, plain, rows
from billing_assets.errors import OperatorError
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

# The days with usage are all shown up to a month and a half; longer periods (quarters, years) show their sum.
_DAYS_SHOWN = 45


class UnknownDocument(OperatorError):
    """No draft or issued document has that number or id."""


def explain(settings: Settings, document: str, line: int | None = None) -> str:
    """The document's lines, or one line down to its files, as text. `document` is a number or a document id."""
    with Warehouse(settings.warehouse_path).reader() as connection:
        header = one(connection, "select * from marts.fct_invoices where number = $1 or document_id = $1", document)
        if header is None:
            raise UnknownDocument(f"no document {document}: HOME/reports/invoices.csv lists numbers and ids")
        lines = rows(
            connection,
            "select * from marts.fct_invoice_lines where document_id = $1 order by line_no",
            header["document_id"],
        )
        parts = [*_header(header), *_correction(connection, header), *_lines(lines)]
        chosen = [row for row in lines if line is None or row["line_no"] == line]
        if not chosen:
            raise UnknownDocument(f"{document} has no line {line}: it has lines 1 to {len(lines)}")
        for row in chosen:
            parts += ["", *_line(connection, header, row)]
        if line is None:
            parts += _told(arithmetic.payments(connection, header))
    return "\n".join(parts)


# -- the document ----------------------------------------------------------------------------------------------------


def _header(header: Row) -> Iterator[str]:
    number = header["number"] or "(no number yet)"
    yield f"{header['kind'].replace('_', ' ').capitalize()} {number}   {header['document_id']}   {header['status']}"
    yield (
        f"account {header['account_id']}, contract {header['contract_id']}, {header['selling_entity']} "
        f"{header['channel']}; service {header['period_from']} to {header['period_to']}, "
        f"bill date {header['bill_date']}"
    )
    yield ""


def _correction(connection: duckdb.DuckDBPyConnection, header: Row) -> Iterator[str]:
    """What it corrects, what corrects it, and the request behind it with who asked and who agreed."""
    about = rows(
        connection,
        "select document_id, number, corrects_document_id, decision_no, voided_on, reason_code, total, currency "
        "from raw_ledger.issued_documents where document_id = $1 or corrects_document_id = $1 "
        "or document_id = (select corrects_document_id from raw_ledger.issued_documents where document_id = $1) "
        "order by sequence",
        header["document_id"],
    )
    own = next((row for row in about if row["document_id"] == header["document_id"]), None)
    if own is None:
        return
    for row in about:
        if row["document_id"] == own["corrects_document_id"]:
            yield f"corrects {row['number']}   {row['document_id']}"
        elif row["corrects_document_id"] == own["document_id"]:
            yield f"corrected by {row['number']}: {plain(row['total'])} {row['currency']}"
    if own["voided_on"] is not None:
        yield f"voided on {own['voided_on']}"
        yield from _request(connection, own, _void_request(connection, own))
    if own["decision_no"] is not None:
        yield from _request(connection, own, own["decision_no"])
    if len(about) > 1 or own["voided_on"] is not None or own["decision_no"] is not None:
        yield ""


def _void_request(connection: duckdb.DuckDBPyConnection, document: Row) -> int | None:
    row = one(
        connection,
        "select max(decision_no) as decision_no from raw_ledger.decisions where decision = 'request' "
        "and what = 'void' and json_extract_string(subject, '$.document_id') = $1",
        document["document_id"],
    )
    return row["decision_no"] if row else None


def _request(connection: duckdb.DuckDBPyConnection, document: Row, decision_no: int | None) -> Iterator[str]:
    decided = rows(
        connection,
        "select decision, what, actor, reason, recorded_on from raw_ledger.decisions "
        "where decision_no = $1 or request_no = $1 order by decision_no",
        decision_no,
    )
    for row in decided:
        if row["decision"] == "request":
            code = f", {document['reason_code']}" if document["reason_code"] else ""
            yield (
                f"request {decision_no} ({row['what']}{code}) by {row['actor']} on {row['recorded_on']}: "
                f"{row['reason']}"
            )
        else:
            yield f"  {row['decision']} by {row['actor']} on {row['recorded_on']}: {row['reason']}"


def _lines(lines: Sequence[Row]) -> Iterator[str]:
    shown = [
        (
            str(row["line_no"]),
            row["line_kind"],
            row["charge_id"] or row["reference_id"] or "",
            "" if row["group_key"] in (None, "{}") else row["group_key"],
            f"{row['service_from']} to {row['service_to']}" if row["service_from"] else "",
            plain(row["quantity"]),
            f"{plain(row['amount'])} {row['currency']}",
        )
        for row in lines
    ]
    yield from _table(("line", "kind", "charge", "group", "service", "quantity", "amount"), shown)
    total = sum((row["amount"] for row in lines), Decimal(0))
    yield f"sum of the lines = total = {plain(total)} {lines[0]['currency'] if lines else ''}"


# -- one line --------------------------------------------------------------------------------------------------------


def facts(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """What stands behind one line of `marts.fct_invoice_lines`, from clause to files; `header` is its document."""
    yield from _clause(connection, header, line)
    if line.get("corrects_line_no") is not None:
        yield Fact("corrects", f"line {line['corrects_line_no']} of {header['corrects_document_id']}")
    elif line["line_kind"] == "adjustment":
        yield from _adjustment(connection, header, line)
    elif line["line_kind"] in ("usage", "minimum"):
        yield from _rating(connection, line)
        yield from arithmetic.steps(connection, header, line)
    elif line["unrounded_amount"] is not None:
        yield from arithmetic.steps(connection, header, line)
        yield Fact("amount", f"{plain(line['unrounded_amount'])} rounded to {plain(line['amount'])} {line['currency']}")
    if line["parent_line_no"] is not None:
        yield Fact("belongs", f"to line {line['parent_line_no']}")


def _amount(unrounded: Decimal, line: Row) -> Fact:
    return Fact("amount", f"{plain(unrounded)} rounded to {plain(line['amount'])} {line['currency']}")


def _line(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[str]:
    yield f"Line {line['line_no']}: {line['line_kind']} {line['charge_id'] or line['reference_id'] or ''}"
    yield from _told(facts(connection, header, line))


def _told(found: Iterable[Fact]) -> Iterator[str]:
    for fact in found:
        if fact.text:
            yield f"  {fact.label:<9} {fact.text}"
        for row in _table(fact.head, fact.rows) if fact.head else ():
            yield f"            {row}"


def _clause(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """The contract version in force on the service date, its charge, its price, and the file it came in."""
    on = line["service_from"] or header["period_from"] or header["bill_date"]
    version = one(
        connection,
        "select v.version, v.signed_at, v.source_uri, v.document, f.path, f.sha256, f.first_seen "
        "from intermediate.int_contracts__versioned v "
        "left join raw_landing.files f using (file_sequence) "
        "where v.contract_id = $1 and $2 >= v.in_force_from and $2 < v.in_force_to",
        header["contract_id"],
        on,
    )
    if version is None:
        return
    yield Fact(
        "clause",
        f"contract {header['contract_id']} version {version['version']}, signed {version['signed_at']}, "
        f"in force on {on}",
    )
    yield Fact("document", f"{version['path']}  sha256 {_short(version['sha256'])}  landed {version['first_seen']}")
    if version["source_uri"]:
        yield Fact("signed", version["source_uri"])
    charges = json.loads(version["document"])["charges"]
    for charge in charges:
        if charge["charge_id"] == line["charge_id"]:
            yield Fact("charge", f"{charge['charge_id']} ({charge.get('product') or charge['type']})")
            yield Fact("price", json.dumps(charge["price"]))
    if line["price_version"] is not None:
        yield Fact("", f"this price holds since version {line['price_version']}")


# The key of the line that an adjustment corrects (macro adjustment_reference): its document and kind, charge, group and
# service dates. Amounts include an inclusive tax, as prices do.
_CORRECTED = """
    from intermediate.{relation}
    where contract_id = $1 and charge_id = $2 and group_key = $3 and service_from = $4 and service_to = $5
        and priced_kind = $6 and priced_bill_date = $7
"""


def _adjustment(connection: duckdb.DuckDBPyConnection, header: Row, line: Row) -> Iterator[Fact]:
    """What was billed for the corrected line before this document, what it comes to with this one, the difference."""
    document_id, kind = line["reference_id"].rsplit("#", 1)
    corrected = [line["charge_id"], line["group_key"], line["service_from"], line["service_to"], kind]
    key = (header["contract_id"], *corrected, date.fromisoformat(document_id.split("/")[-3]))
    billed = rows(
        connection,
        f"select document_id, line_no, bill_date, quantity, amount {_CORRECTED} order by bill_date, line_no".format(
            relation="int_billed_lines__standing"
        ),
        *key,
    )
    this = header["document_id"], line["line_no"]
    own = next((row for row in billed if (row["document_id"], row["line_no"]) == this), None) or one(
        connection, f"select quantity, amount {_CORRECTED}".format(relation="int_adjustments__computed"), *key
    )
    if own is None:  # credited and rebilled since: the record of the time is no longer put together
        yield Fact("corrects", f"{kind} of {line['original_period']} on {document_id}: {_money(line['amount'], line)}")
        return
    before = [row for row in billed if row["bill_date"] < header["bill_date"]]
    was = sum((row["amount"] for row in before), Decimal(0))
    quantity = sum((row["quantity"] or Decimal(0) for row in before), Decimal(0))
    now = was + own["amount"]
    yield Fact("corrects", f"{kind} of {line['original_period']} on {document_id}")
    yield Fact(
        "billed",
        f"{_money(was, line)} before",
        ("document", "line", "quantity", "amount"),
        tuple(
            (row["document_id"], str(row["line_no"]), plain(row["quantity"]), plain(row["amount"])) for row in before
        ),
    )
    measured = "" if own["quantity"] is None else f" for {plain(quantity + own['quantity'])} {line['unit'] or ''}"
    yield Fact("now", f"{_money(now, line)}{measured.rstrip()}")
    yield Fact("differs", f"{plain(now)} - {plain(was)} = {_money(own['amount'], line)}")
    if kind in ("usage", "minimum"):
        yield from _rating(connection, {**line, "amount": now})


def _money(amount: Decimal, line: Row) -> str:
    return f"{plain(amount)} {line['currency']}"


def _rating(connection: duckdb.DuckDBPyConnection, line: Row) -> Iterator[Fact]:
    rated = one(
        connection,
        "select * from intermediate.int_usage__rated where contract_id = $1 and charge_id = $2 and group_key = $3 "
        "and service_from = $4",
        line["document_id"].split("/")[0],
        line["charge_id"],
        line["group_key"],
        line["service_from"],
    )
    if rated is None:
        return
    yield Fact(
        "quantity",
        f"{plain(rated['raw_quantity'])} {rated['meter']} metered, {plain(rated['billable_quantity'])} billable",
    )
    for tier in json.loads(rated["tiers"]):
        terms = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in tier.items() if value is not None)
        yield Fact("tier", terms)
    yield _amount(rated["unrounded_amount"], line)
    yield from _usage(connection, line, rated)


def _usage(connection: duckdb.DuckDBPyConnection, line: Row, rated: Row) -> Iterator[Fact]:
    hours = """
        from intermediate.int_usage__attributed as buckets
        join intermediate.int_contracts__versioned as v
            on v.contract_id = buckets.contract_id and $4 >= v.in_force_from and $4 < v.in_force_to
        join intermediate.int_charges__in_force as charges
            on charges.contract_id = buckets.contract_id and charges.charge_id = buckets.charge_id
            and $4 >= charges.segment_from and $4 < charges.segment_to
        where buckets.contract_id = $1 and buckets.charge_id = $2 and buckets.group_key = $3
            and buckets.measure = coalesce(
                case when charges.aggregation <> 'unique_count' then charges.property end, 'quantity')
            and buckets.bucket_from >= timezone('UTC', timezone(v.timezone, $4::timestamp))
            and buckets.bucket_from < timezone('UTC', timezone(v.timezone, $5::timestamp))
    """
    key = (rated["contract_id"], rated["charge_id"], rated["group_key"], line["service_from"], line["service_to"])
    days = rows(
        connection,
        "select cast(timezone(v.timezone, timezone('UTC', bucket_from)) as date) as day, count(*) as hours, "
        f"sum(event_count)::bigint as events, sum(quantity_sum) as quantity {hours} group by 1 order by 1",
        *key,
    )
    events = sum(day["events"] for day in days)
    shown = days if len(days) <= _DAYS_SHOWN else []
    yield Fact(
        "usage",
        f"{events} events in {sum(day['hours'] for day in days)} metered hours on {len(days)} days",
        ("day", "hours", "events", "quantity") if shown else (),
        tuple((str(d["day"]), str(d["hours"]), str(d["events"]), plain(d["quantity"])) for d in shown),
    )
    files = rows(
        connection,
        "select distinct f.path, f.sha256, f.first_seen, sum(a.accepted)::bigint as accepted "
        "from raw_metering.file_accounts a join raw_landing.files f using (file_sequence) "
        f"where (a.account_id, a.meter, a.event_month) in (select distinct buckets.account_id, buckets.meter, "
        f"strftime(bucket_from, '%Y-%m') {hours}) and a.accepted > 0 group by all order by f.path",
        *key,
    )
    yield Fact(
        "files",
        f"{len(files)} landed files brought this account's {rated['meter']} in these months",
        ("file", "sha256", "landed", "rows"),
        tuple((f["path"], _short(f["sha256"]), str(f["first_seen"]), str(f["accepted"])) for f in files),
    )


# -- text ------------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    for row in [head, *body]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _short(sha256: str | None) -> str:
    return (sha256 or "")[:12]
