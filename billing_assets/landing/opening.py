"""Opening balances: what a running business brings along on the day it moves in, one form for every kind of row.

Belongs here: the columns of opening/*.csv, which of them a kind needs and may have, and their checks. Amounts are in
the currency's minor units at most. What a balance becomes belongs to dbt; where a number range begins, to the ledger.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

from billing_assets.landing import delimited
from billing_assets.landing.columns import BadColumn, Columns
from billing_assets.landing.contracts import GRANT_KINDS
from billing_assets.landing.numbers import plain
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, cut
from billing_assets.landing.times import parse_timestamp
from billing_assets.ledger import KIND_CODES
from billing_assets.money import exponent

COLUMNS = (
    "kind", "as_of", "selling_entity", "account_id", "contract_id", "document_kind", "number", "grant_id",
    "grant_kind", "currency", "amount", "issue_date", "due_date", "service_from", "service_to", "expires_at",
    "priority", "meter", "unit", "quantity", "next_number",
)  # fmt: skip
_COMMON = ("kind", "as_of", "selling_entity")
# A document of the former system that its customer still owes, or that it still owes the customer.
_DOCUMENT_KINDS = ("invoice", "credit_memo")


@dataclass(frozen=True)
class _Form:
    """The columns of one kind. `key` is by what a row is known: a second row for it is a duplicate or a conflict."""

    key: tuple[str, ...]
    needs: tuple[str, ...]
    may_have: tuple[str, ...] = ()


_FORMS = {
    "receivable": _Form(
        key=("selling_entity", "document_kind", "number"),
        needs=("account_id", "document_kind", "number", "currency", "amount", "issue_date", "due_date"),
        may_have=("contract_id",),
    ),
    "wallet": _Form(
        key=("contract_id", "grant_id"),
        needs=("contract_id", "grant_id", "grant_kind", "currency", "amount"),
        may_have=("account_id", "expires_at", "priority"),
    ),
    "unapplied": _Form(
        key=("selling_entity", "account_id", "number"),
        needs=("account_id", "number", "currency", "amount"),
        may_have=("issue_date",),
    ),
    "deferred": _Form(
        key=("selling_entity", "contract_id", "number"),
        needs=("contract_id", "number", "currency", "amount", "service_from", "service_to"),
        may_have=("account_id",),
    ),
    "carry": _Form(
        key=("contract_id", "account_id", "meter"),
        needs=("contract_id", "meter", "quantity"),
        may_have=("account_id", "unit"),
    ),
    "number": _Form(key=("selling_entity", "document_kind"), needs=("document_kind", "next_number")),
}


def read(stream: TextIO) -> Iterator[tuple[int, Row | Fault]]:
    """Every row of a file as (line, Row) or (line, Fault). Raises delimited.MissingColumns."""
    for line, values in delimited.read(stream, COLUMNS):
        yield line, values if isinstance(values, Fault) else _row(values, line)


def key_of(row: Row) -> tuple[Any, ...]:
    """By what a row is known, its kind first."""
    kind = str(row["kind"])
    return (kind, *(row[name] for name in _FORMS[kind].key))


def content_of(row: Row) -> tuple[Any, ...]:
    """What a row says."""
    return tuple(row[name] for name in COLUMNS)


def _row(values: delimited.Record, line: int) -> Row | Fault:
    columns = Columns(values)
    try:
        kind = columns.choice("kind", _FORMS)
        form = _FORMS[kind]
        stated = {name for name in COLUMNS if columns.text(name) is not None}
        foreign = [name for name in COLUMNS if name in stated - {*_COMMON, *form.needs, *form.may_have}]
        if foreign:
            raise BadColumn("field", foreign[0], f"stands in a row of kind {kind}, which has none")
        for name in form.needs:
            columns.required(name)
        row: Row = {"kind": kind, "as_of": columns.required_day("as_of")}
        row["selling_entity"] = columns.required("selling_entity")
        row |= {name: _READ[name](columns, name) if name in stated else None for name in COLUMNS if name not in row}
        _check(row)
    except BadColumn as error:
        return Fault(error.code, error.reason, line, cut(values.original))
    return row


def _text(columns: Columns, name: str) -> str | None:
    return columns.text(name)


def _moment(columns: Columns, name: str) -> datetime:
    value = parse_timestamp(columns.required(name))
    if isinstance(value, str):
        raise BadColumn("time", name, value)
    return value.replace(tzinfo=None)


def _whole(columns: Columns, name: str) -> int:
    value = columns.required_number(name)
    if value != value.to_integral_value():
        raise BadColumn("number", name, f"{plain(value)} is no whole number")
    return int(value)


_READ: dict[str, Callable[[Columns, str], str | int | Decimal | date | datetime | None]] = {
    **dict.fromkeys(COLUMNS, _text),
    "document_kind": lambda columns, name: columns.choice(name, KIND_CODES),
    "grant_kind": lambda columns, name: columns.choice(name, GRANT_KINDS),
    "currency": Columns.currency,
    **dict.fromkeys(("amount", "quantity"), Columns.required_number),
    **dict.fromkeys(("issue_date", "due_date", "service_from", "service_to"), Columns.required_day),
    "expires_at": _moment,
    **dict.fromkeys(("priority", "next_number"), _whole),
}


def _check(row: Row) -> None:
    """What must hold between the columns of a row. Raises BadColumn."""
    kind, amount = row["kind"], row["amount"]
    if amount is not None and -amount.normalize().as_tuple().exponent > exponent(row["currency"]):
        raise BadColumn("number", "amount", f"{plain(amount)} has fractions of a minor unit of {row['currency']}")
    if kind == "receivable":
        if row["document_kind"] not in _DOCUMENT_KINDS:
            raise BadColumn("field", "document_kind", f"'{row['document_kind']}' is none of credit_memo, invoice")
        if amount == 0 or (amount > 0) != (row["document_kind"] == "invoice"):
            raise BadColumn("number", "amount", "an invoice is open above zero, a credit memo below")
    elif amount is not None and amount <= 0:
        raise BadColumn("number", "amount", f"{plain(amount)} is not above zero")
    if row["issue_date"] is not None and row["issue_date"] >= row["as_of"]:
        raise BadColumn("time", "issue_date", "not before the cut-over")
    if row["service_to"] is not None and row["service_to"] <= max(row["service_from"], row["as_of"]):
        raise BadColumn("time", "service_to", "not after service_from and the cut-over: nothing of it is deferred")
    if row["expires_at"] is not None and row["expires_at"].date() < row["as_of"]:
        raise BadColumn("time", "expires_at", "before the cut-over: nothing of it is left")
    if row["next_number"] is not None and row["next_number"] <= 0:
        raise BadColumn("number", "next_number", f"{row['next_number']} is not above zero")
