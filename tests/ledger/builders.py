"""Small ledgers and requests for tests of the ledger and of what stands on it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_assets.ledger import ExceptionSighting, FoundFile, IssueLine, IssueRequest, Ledger, RunIdentity

AS_OF = date(2026, 4, 3)
RUN = RunIdentity(register_sequence=2, decision_sequence=1, as_of=AS_OF, code_hash="c0de")


@dataclass(frozen=True)
class Verdict:
    """A gate verdict, as the gate's own class has it."""

    level: str = "scope"
    key: str | None = None
    period: str | None = "2026-03"
    selling_entity: str | None = "US01"
    channel: str | None = "direct"
    verdict: str = "open"
    reasons: tuple[str, ...] = ()
    scope_hash: str | None = "5c09e"


OPEN = (Verdict(), Verdict(selling_entity="DE01"))


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.sqlite'}"


_EMPTY: list[bytes] = []


def new_ledger(folder: Path) -> Ledger:
    """A ledger nobody has written to. Migrated once and copied: a migration takes longer than most tests."""
    if not _EMPTY:
        with tempfile.TemporaryDirectory() as scratch:
            Ledger.open(url_of(Path(scratch))).close()
            _EMPTY.append((Path(scratch) / "ledger.sqlite").read_bytes())
    (folder / "ledger.sqlite").write_bytes(_EMPTY[0])
    return Ledger.open(url_of(folder))


def line(line_no: int = 1, amount: str = "100", **changes: Any) -> IssueLine:
    values: dict[str, Any] = {
        "line_no": line_no,
        "line_kind": "usage",
        "amount": Decimal(amount),
        "currency": "USD",
        "charge_id": "tokens",
        "product": "model-a",
        "meter": "tokens",
        "group_key": '{"region":"eu"}',
        "service_from": date(2026, 3, 1),
        "service_to": date(2026, 4, 1),
        "quantity": Decimal("12345.678"),
        "unit": "tokens",
        "unrounded_amount": Decimal(amount),
        "price_version": 1,
    }
    return IssueLine(**{**values, **changes})


def request(contract_id: str = "C-1", **changes: Any) -> IssueRequest:
    currency = changes.get("currency", "USD")
    values: dict[str, Any] = {
        "kind": "invoice",
        "contract_id": contract_id,
        "account_id": f"A-{contract_id}",
        "channel": "direct",
        "selling_entity": "US01",
        "currency": currency,
        "bill_date": date(2026, 4, 1),
        "period_from": date(2026, 3, 1),
        "period_to": date(2026, 4, 1),
        "close_period": "2026-03",
        "payment_terms_days": 30,
        "subtotal": Decimal("100.00"),
        "discount": Decimal(0),
        "credit_applied": Decimal(0),
        "tax": Decimal("8.5"),
        "total": Decimal("108.50"),
        "paid_from_credits": Decimal(0),
        "content_hash": f"content of {contract_id}",
        "lines": (
            line(1, "100", currency=currency),
            line(2, "8.5", currency=currency, line_kind="tax", parent_line_no=1, reference_id="vat"),
        ),
    }
    return IssueRequest(**{**values, **changes})


def found(path: str, **changes: Any) -> FoundFile:
    values: dict[str, Any] = {
        "path": path,
        "sha256": f"sha of {path}",
        "landed_sha256": f"landed sha of {path}",
        "size_bytes": 10,
        "source": "usage",
        "status": "new",
    }
    return FoundFile(**{**values, **changes})


def fill(ledger: Ledger) -> None:
    """Something in every table, every kind of event at least once."""
    ledger.register_batch(AS_OF, [found("usage/a.jsonl"), found("usage/b.jsonl", duplicate_of=1)])
    ledger.start_run(RUN)
    ledger.record_approval("price_override", "C-1", "tokens", 2, "head of sales", "renewal", AS_OF)
    ledger.record_decision("hold", "document", {"document_id": "C-9"}, "controller", "dispute", AS_OF, AS_OF)
    ledger.issue(
        [
            request("C-1"),
            request("C-2", selling_entity="DE01", currency="EUR"),
            request("C-3", kind="credit_memo", total=Decimal("-5"), corrects_document_id="C-3/2026-03-01/invoice/0"),
        ],
        ["file"],
        [*OPEN, Verdict(level="document", key="C-8/x", verdict="closed", reasons=("INV-02",))],
        RUN,
    )
    for key in ("file/C-1/2026-04-01/invoice/0/v1", "file/C-2/2026-04-01/invoice/0/v1"):
        ledger.record_attempt(key, "planned", None, AS_OF)
        ledger.record_attempt(key, "sent", None, AS_OF)
    ledger.record_attempt("file/C-1/2026-04-01/invoice/0/v1", "confirmed", "read back", AS_OF)
    sighting = ExceptionSighting("e1", "USG-07", "A-1", "2026-03")
    ledger.record_exceptions([sighting, ExceptionSighting("e2")], AS_OF, RUN)
    ledger.record_exceptions([], AS_OF)
    ledger.record_exceptions([sighting], AS_OF)
    ledger.finish_run(RUN)
