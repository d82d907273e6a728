"""Small ledgers and requests for tests of the ledger and of what stands on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_assets.ledger import (
    Audit,
    BatchTotal,
    ControlTotal,
    ExceptionSighting,
    FoundFile,
    IssueLine,
    IssueRequest,
    Ledger,
    NewAccessEvent,
    NewDecision,
    NumberStart,
    PeriodResult,
    RecordedDocument,
    RunIdentity,
)

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


@dataclass(frozen=True)
class Place:
    """Where a ledger is, and its seal."""

    url: str
    seal: Path

    def open(self) -> Ledger:
        return Ledger.open(self.url, self.seal)

    def audit(self) -> Audit:
        return Ledger.audit(self.url, self.seal)


def copy(template: Path, folder: Path) -> None:
    """Copy the ledger and the seal in `template` into `folder`."""
    shutil.copytree(template, folder, dirs_exist_ok=True)


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


def ordered(ledger: Ledger, what: str, document_id: str, amount: str | None = None, **subject: Any) -> int:
    """A request to correct a document, as one person makes and another approves it; returns its number."""

    def row(decision: str, actor: str, **more: Any) -> NewDecision:
        return NewDecision(
            decision, what, {"document_id": document_id, **subject}, actor, "a test", AS_OF,
            amount=Decimal(amount) if amount else None, currency="USD", **more,
        )  # fmt: skip

    number = ledger.decide(lambda _: row("request", "user:biller.one"))
    ledger.decide(lambda _: row("approve", "user:lead.one", request_no=number))
    return number


def memo(corrected: RecordedDocument, decision_no: int, amounts: Mapping[int, str], **changes: Any) -> IssueRequest:
    """A credit memo that takes `amounts` (line -> what is taken, of the line's sign) from a document."""
    lines = {recorded.line.line_no: recorded.line for recorded in corrected.lines}
    taken = [
        replace(
            lines[line_no],
            line_no=position,
            parent_line_no=None,
            amount=-Decimal(amount),
            unrounded_amount=None,
            quantity=None,
            corrects_line_no=line_no,
        )
        for position, (line_no, amount) in enumerate(amounts.items(), start=1)
    ]
    total = sum((line.amount for line in taken), Decimal(0))
    values: dict[str, Any] = {
        "kind": "credit_memo",
        "contract_id": corrected.contract_id,
        "account_id": corrected.account_id,
        "channel": corrected.channel,
        "selling_entity": corrected.selling_entity,
        "currency": corrected.currency,
        "bill_date": corrected.bill_date,
        "period_from": corrected.period_from,
        "period_to": corrected.period_to,
        "close_period": corrected.close_period,
        "payment_terms_days": 0,
        "subtotal": total,
        "discount": Decimal(0),
        "credit_applied": Decimal(0),
        "tax": Decimal(0),
        "total": total,
        "paid_from_credits": Decimal(0),
        "content_hash": f"memo {decision_no}",
        "lines": tuple(taken),
        "revision": corrected.next_memo_revision,
        "corrects_document_id": corrected.document_id,
        "decision_no": decision_no,
        "built_on": corrected.sequence,
    }
    return IssueRequest(**{**values, **changes})


def fill(ledger: Ledger) -> None:
    """Something in every table, every kind of event at least once."""
    ledger.register_batch(AS_OF, [found("usage/a.jsonl"), found("usage/b.jsonl", duplicate_of=1)])
    ledger.start_run(RUN)
    people = ("user:admin.one", "user:biller.one")
    ledger.change_access(
        lambda _: [NewAccessEvent("created", user, {"name": user}, people[0], "first", AS_OF) for user in people]
    )
    price: dict[str, Any] = {"contract_id": "C-1", "charge_id": "tokens", "version": 2}
    ledger.decide(
        lambda _: NewDecision("request", "price_override", price, people[0], "renewal", AS_OF, object_hash="1")
    )
    held: dict[str, Any] = {"level": "document", "key": "C-9"}
    ledger.decide(lambda _: NewDecision("hold", "hold", held, "user:lead.one", "dispute", AS_OF, AS_OF))
    starts = [
        NumberStart("DE01", "credit_memo", 17, "sha of opening/numbers.csv"),
        NumberStart("DE01", "marketplace_statement", 5, "sha of opening/numbers.csv"),
    ]
    assert ledger.start_numbers(starts, AS_OF) == []
    ledger.issue(
        [
            request("C-1"),
            request("C-2", selling_entity="DE01", currency="EUR"),
            request("C-3", kind="credit_memo", total=Decimal("-5")),
            request("C-4"),
            request("C-5"),
        ],
        ["file"],
        [*OPEN, Verdict(level="document", key="C-8/x", verdict="closed", reasons=("INV-02",))],
        RUN,
    )
    credit = ordered(ledger, "credit", "C-1/2026-04-01/invoice/0", "10", reason_code="goodwill")
    corrected = ledger.document("C-1/2026-04-01/invoice/0")
    assert corrected is not None
    ledger.issue([memo(corrected, credit, {1: "10"})], ["file"], OPEN, RUN)
    for voided in ("C-4/2026-04-01/invoice/0", "C-5/2026-04-01/invoice/0"):
        ledger.void(voided, ordered(ledger, "void", voided), AS_OF, RUN)
    for key in ("file/C-1/2026-04-01/invoice/0/v1", "file/C-2/2026-04-01/invoice/0/v1"):
        ledger.record_attempt(key, "planned", None, AS_OF)
        ledger.record_attempt(key, "sent", None, AS_OF)
    ledger.record_attempt("file/C-1/2026-04-01/invoice/0/v1", "confirmed", "read back", AS_OF)
    sums = [(currency, ControlTotal(1, Decimal(total))) for currency, total in (("EUR", "108.5"), ("USD", "217"))]
    ledger.record_totals("file", 1, [BatchTotal(currency, total, total, total) for currency, total in sums], AS_OF, RUN)
    sighting = ExceptionSighting("e1", "USG-07", "A-1", "2026-03")
    ledger.record_exceptions([sighting, ExceptionSighting("e2")], AS_OF, RUN)
    ledger.record_exceptions([], AS_OF)
    ledger.record_exceptions([sighting], AS_OF)
    ledger.record_period("US01", "2026-02", "soft_closed", actor="user:controller.one", as_of=AS_OF)
    ledger.record_period(
        "US01",
        "2026-02",
        "locked",
        actor="user:controller.one",
        as_of=AS_OF,
        results=[PeriodResult("invoices", 3, "1" * 64), PeriodResult("kpis", 0, "2" * 64)],
    )
    ledger.finish_run(RUN)
