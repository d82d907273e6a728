"""The ledger's share of a night, with nothing computed: register, issue, credit, deliver, lock a month, finish.

Everything a night writes to the record, in its order, from fixed requests, and what two people decide in between; each
step may be repeated, as those of the nightly job may. So a process can be killed at any moment of it and the night be
run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_assets.ledger import ExceptionSighting, IssueRequest, Ledger, NewDecision, PeriodResult
from billing_assets.ledger.periods import LOCKED, SOFT_CLOSED
from billing_assets.publication import relay
from billing_assets.publication.targets import Target
from billing_assets.publication.targets.file import FileTarget
from tests.ledger.builders import AS_OF, OPEN, RUN, found, line, memo, request

BATCHES = 3
DOCUMENTS = 10  # invoices in a batch
ENTITIES = ("US01", "DE01")
CORRECTED = "C-0-02/2026-04-01/invoice/0"
MONTH = "2026-03"  # of every document; locked at the end of the night
_REPORTS = [PeriodResult("invoices", BATCHES * DOCUMENTS // 2, "1" * 64), PeriodResult("kpis", 0, "2" * 64)]


def requests(batch: int) -> list[IssueRequest]:
    """The documents of one issuing transaction: two entities, several lines, other contracts in each batch."""
    return [
        request(
            f"C-{batch}-{number:02d}",
            selling_entity=ENTITIES[number % 2],
            subtotal=Decimal(300 + number),
            tax=Decimal(0),
            total=Decimal(300 + number),
            lines=tuple(line(line_no, amount) for line_no, amount in enumerate(("100", "200", str(number or 1)), 1))
            if number
            else (line(1, "300"),),
        )
        for number in range(DOCUMENTS)
    ]


def all_requests() -> list[IssueRequest]:
    return [request for batch in range(BATCHES) for request in requests(batch)]


def documents() -> int:
    """Every invoice, and a credit memo of one of them."""
    return BATCHES * DOCUMENTS + 1


def run_night(ledger: Ledger, folder: Path, more_targets: Sequence[Target] = (), **deliver: Any) -> None:
    """One night over the ledger; files go to `folder`. Doing it again changes nothing."""
    targets: list[Target] = [FileTarget(folder), *more_targets]
    names = [target.name for target in targets]
    for batch in range(BATCHES):
        if ledger.register_sequence() <= batch:
            ledger.register_batch(AS_OF, [found(f"usage/{batch}.jsonl")], after=batch)
    ledger.start_run(RUN)
    for batch in range(BATCHES):
        ledger.issue(requests(batch), names, OPEN, RUN)
    _credit(ledger, names)
    relay.deliver(ledger, targets, AS_OF, RUN, **deliver)
    ledger.record_exceptions([ExceptionSighting(f"e{number}") for number in range(10)], AS_OF, RUN)
    _lock(ledger)
    ledger.finish_run(RUN)


def _credit(ledger: Ledger, targets: Sequence[str]) -> None:
    """A credit memo: asked for by one person, approved by another, issued once."""
    number = _decide(ledger, "request", "user:analyst.one")
    _decide(ledger, "approve", "user:lead.one", number)
    corrected = ledger.document(CORRECTED)
    assert corrected is not None
    if number not in ledger.carried_out():
        ledger.issue([memo(corrected, number, {1: "40"})], targets, OPEN, RUN)


def _decide(ledger: Ledger, decision: str, actor: str, request_no: int | None = None) -> int:
    """The number of the decision, made now if nobody made it before."""
    for known in ledger.proven_decisions():
        if (known.decision, known.actor, known.request_no) == (decision, actor, request_no):
            assert known.proven
            return known.decision_no
    made = NewDecision(
        decision, "credit", {"document_id": CORRECTED, "reason_code": "goodwill"}, actor, "a test", AS_OF,
        amount=Decimal(40), currency="USD", request_no=request_no,
    )  # fmt: skip
    return ledger.decide(lambda _: made)


def _lock(ledger: Ledger) -> None:
    for event in (SOFT_CLOSED, LOCKED):
        taken = {step.event for step in ledger.period_history()}
        if event not in taken:
            results = _REPORTS if event == LOCKED else ()
            ledger.record_period("US01", MONTH, event, actor="user:controller.one", as_of=AS_OF, results=results)
