"""What a request for a correction is about: document, lines, amount and reason, checked before anybody is asked.

Belongs here: the subject of the request. Who may ask and who must approve is `access`; carrying it out, `corrections`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from billing_assets.ledger import Ledger, RecordedDocument
from billing_assets.ledger.canonical import Json, decimal_text
from billing_assets.publication.credit_amounts import NotCreditable, everything, of_lines, spread
from billing_assets.settings import PROJECT_ROOT

_REASONS = PROJECT_ROOT / "dbt_project" / "seeds" / "reference" / "correction_reasons.csv"


@dataclass(frozen=True)
class Correction:
    """What is asked for: the document, the request's subject, and the money at stake in the document's currency."""

    document: RecordedDocument
    subject: dict[str, Json]
    amount: Decimal


@cache
def reason_codes() -> dict[str, str]:
    """Reason code -> its name."""
    with _REASONS.open(encoding="utf-8", newline="") as file:
        return {row["reason_code"]: row["name"] for row in csv.DictReader(file)}


def credit(
    ledger: Ledger,
    name: str,
    reason_code: str,
    lines: Mapping[int, Decimal] | None = None,
    amount: Decimal | None = None,
) -> Correction:
    """A credit of named lines, of an amount over all of them, or of everything left. Raises NotCreditable."""
    document = _creditable(ledger, name)
    if lines and amount is not None:
        raise NotCreditable("say which lines or which amount, not both")
    subject = _subject(document, reason_code)
    if not lines and amount is None:
        everything(document)
        return Correction(document, {**subject, "lines": None}, document.left)
    taken = of_lines(document, lines) if lines else spread(document, amount or Decimal(0))
    subject["lines"] = [{"line_no": line_no, "amount": decimal_text(abs(part))} for line_no, part in taken.items()]
    return Correction(document, subject, sum(taken.values(), Decimal(0)))


def rebill(ledger: Ledger, name: str, reason_code: str) -> Correction:
    """A credit of what is left, and the bill date billed anew. Raises NotCreditable."""
    document = _creditable(ledger, name)
    if ledger.redraft_of(document, "rebill", 0) is None:
        raise NotCreditable(f"the bill date of {document.number} has a later document: rebill that one")
    return Correction(document, _subject(document, reason_code), document.left)


def void(ledger: Ledger, name: str, reason_code: str) -> Correction:
    """The end of a document that nobody received. Raises NotCreditable."""
    document = _standing(ledger, name)
    if document.is_offered:
        raise NotCreditable(f"{document.number} was sent to a target, or may have been: ask for a credit or a rebill")
    return Correction(document, _subject(document, reason_code), abs(document.total))


def _creditable(ledger: Ledger, name: str) -> RecordedDocument:
    document = _standing(ledger, name)
    if document.kind != "invoice":
        raise NotCreditable(f"{document.number} is a {document.kind}; only an invoice is credited or rebilled")
    return document


def _standing(ledger: Ledger, name: str) -> RecordedDocument:
    document = ledger.document(name)
    if document is None:
        raise NotCreditable(f"{name} is no issued document: HOME/reports/invoices.csv lists numbers and ids")
    if document.is_voided:
        raise NotCreditable(f"{document.number} was voided")
    return document


def _subject(document: RecordedDocument, reason_code: str) -> dict[str, Json]:
    if reason_code not in reason_codes():
        raise NotCreditable(f"{reason_code} is no reason code: one of {', '.join(reason_codes())}")
    return {"document_id": document.document_id, "reason_code": reason_code}
