"""Our documents as NetSuite records: external ids, fields and lines, and what makes two records the same.

Belongs here: the mapping, as a pure function of the published payload and the seller's map of ids. The table of fields
is docs/reference/netsuite.md. Nothing here talks to NetSuite.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from billing_assets.ledger.canonical import decimal_text
from billing_assets.money import EXACT, round_amount
from billing_assets.publication.targets import TargetUnavailable

RECORD_TYPES = {"invoice": "invoice", "credit_memo": "creditMemo"}
# Sublists are merged unless they are named here: a record sent twice would have its lines twice.
SUBLISTS = {"invoice": "item", "credit_memo": "item,apply"}
# A price that is given, not looked up in a price list.
_CUSTOM_PRICE = {"id": "-1"}
# Quantities and rates are shown with so many places at most; amounts are never rounded.
_PLACES = 8
# External ids longer than this are cut and end in a hash.
_LONGEST_ID = 100
_KEPT = 40
_PLAIN = re.compile(rb"[A-Za-z0-9-]")
_ENCODER = msgspec.json.Encoder(decimal_format="number")

Record = dict[str, Any]


class NotMapped(Exception):
    """The document cannot be written as a NetSuite record; says which key of the map is missing."""


@dataclass(frozen=True)
class IdMap:
    """NetSuite's internal ids of what we name otherwise, as the seller keeps them in a JSON file."""

    entities: Mapping[str, str]  # account id -> customer
    subsidiaries: Mapping[str, str]  # selling entity -> subsidiary
    currencies: Mapping[str, str]  # ISO code -> currency
    posting_periods: Mapping[str, str]  # YYYY-MM -> accounting period
    items: Mapping[str, str]  # product:<product> or line_kind:<line kind> -> item

    @classmethod
    def read(cls, path: Path) -> IdMap:
        """Raises TargetUnavailable where the file is none, or lacks a table."""
        try:
            tables = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                **{name: {str(key): str(value) for key, value in tables[name].items()} for name in cls.__annotations__}
            )
        except OSError as error:
            raise TargetUnavailable(f"BILLING_NETSUITE_MAP: {path} cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise TargetUnavailable(f"BILLING_NETSUITE_MAP: {path} is no map of ids: {error}") from error

    def id_of(self, table: str, *keys: str) -> dict[str, str]:
        """A reference to the first of `keys` that `table` has. Raises NotMapped naming them all."""
        ids: Mapping[str, str] = getattr(self, table)
        for key in keys:
            if key in ids:
                return {"id": ids[key]}
        raise NotMapped(f"the map of NetSuite ids has no {table} {' or '.join(map(repr, keys))}")


def external_id(document_id: str) -> str:
    """One external id for one document id: letters, digits and dashes as they are, a slash as two underscores.

    Any other byte is an underscore and two hexadecimal digits, so that no two ids share one. Overlong ids end in
    `_h` and a hash.
    """
    parts = []
    for byte in document_id.encode():
        one = bytes([byte])
        parts.append("__" if one == b"/" else one.decode() if _PLAIN.match(one) else f"_{byte:02x}")
    text = "".join(parts)
    if len(text) <= _LONGEST_ID:
        return text
    return f"{text[:_KEPT]}_h{hashlib.sha256(document_id.encode()).hexdigest()[:48]}"


def record_of(payload: str, ids: IdMap) -> Record:
    """The record of a published document. Amounts are Decimal; a credit memo's are positive, as NetSuite has them.

    Raises NotMapped.
    """
    published = json.loads(payload)
    document, lines = published["document"], published["lines"]
    kind = document["kind"]
    if kind not in RECORD_TYPES:
        raise NotMapped(f"NetSuite is given invoices and credit memos, not a {kind.replace('_', ' ')}")
    sign = -1 if kind == "credit_memo" else 1
    record: Record = {
        "entity": ids.id_of("entities", document["account_id"]),
        "subsidiary": ids.id_of("subsidiaries", document["selling_entity"]),
        "currency": ids.id_of("currencies", document["currency"]),
        "tranDate": document["issue_date"],
        "postingPeriod": ids.id_of("posting_periods", document["close_period"]),
        "otherRefNum": document["number"],
        "memo": document["document_id"],
        "item": {"items": [_line(line, sign, ids) for line in lines]},
    }
    if kind == "invoice":
        record["dueDate"] = document["due_date"]
    elif document.get("corrects_document_id"):
        applied = {
            "doc": {"id": f"eid:{external_id(document['corrects_document_id'])}"},
            "apply": True,
            "amount": -Decimal(document["total"]),
        }
        record["apply"] = {"items": [applied]}
    return record


def _line(line: Mapping[str, Any], sign: int, ids: IdMap) -> Record:
    keys = [f"product:{line['product']}"] if line.get("product") else []
    amount = sign * Decimal(line["amount"])
    result: Record = {
        "item": ids.id_of("items", *keys, f"line_kind:{line['line_kind']}"),
        "amount": amount,
        "price": _CUSTOM_PRICE,
        "description": _description(line),
    }
    if line.get("quantity") is not None and Decimal(line["quantity"]) != 0:
        quantity = _rounded(abs(Decimal(line["quantity"])))
        result["quantity"] = quantity
        # A rate that does not give the amount would say two things: then only the amount is said.
        if quantity:
            rate = _rounded(EXACT.divide(amount, quantity))
            if EXACT.multiply(rate, quantity) == amount:
                result["rate"] = rate
    else:
        result |= {"quantity": Decimal(1), "rate": amount}
    return result


def _rounded(value: Decimal) -> Decimal:
    return Decimal(decimal_text(round_amount(value, _PLACES)))


def _description(line: Mapping[str, Any]) -> str:
    words = [line.get(name) for name in ("line_kind", "product", "meter", "service_from", "service_to")]
    return " ".join(str(word) for word in words if word)


def json_of(record: Record) -> bytes:
    """The body of a request. Amounts are written as the decimals they are, never through a float."""
    return _ENCODER.encode(record)


def read_json(text: str) -> Any:
    """An answer's body, with numbers as Decimal. Raises TargetUnavailable where it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        raise TargetUnavailable("the answer is no JSON") from None


def difference(ours: Record, theirs: Record) -> str | None:
    """Which fields NetSuite holds otherwise than we would send them; None = the same document.

    How a credit memo is applied is not compared: people apply it anew as cash comes in.
    """
    wanted, found = _content(ours), _content(theirs)
    names = [name for name in wanted if wanted[name] != found.get(name)]
    return ", ".join(names) or None


def _content(record: Record) -> dict[str, object]:
    lines = record.get("item", {}).get("items", [])
    return {
        **{name: str(record.get(name, {}).get("id")) for name in ("entity", "subsidiary", "currency", "postingPeriod")},
        **{name: record.get(name) for name in ("tranDate", "dueDate", "otherRefNum", "memo")},
        "lines": [
            (str(line.get("item", {}).get("id")), _decimal(line.get("quantity")), _decimal(line.get("amount")))
            for line in lines
        ],
    }


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
