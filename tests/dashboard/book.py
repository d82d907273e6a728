"""The ledger beside the small snapshot, made by the calls that people and runs make.

It holds requests, waivers, a hold, a credit memo, a locked month and a publication that its target rejected. Where
people write freely stands what must not run.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from billing_assets.access import act
from billing_assets.access.duties import Duty
from billing_assets.access.extract import SCHEMAS as DECIDED
from billing_assets.access.people import Actor
from billing_assets.close import frozen
from billing_assets.close.pack import MonthReport
from billing_assets.ledger import BatchTotal, ControlTotal, Ledger, NumberStart, PeriodResult
from billing_assets.settings import Settings
from tests.access.builders import ask_credit, staff
from tests.ledger.builders import AS_OF, OPEN, RUN, Verdict, line, memo, request, url_of

ISSUED = "C-1/2026-04-01/invoice/0"
REJECTED = "C-3/2026-04-01/invoice/0"
MEMO = "C-1/2026-04-01/credit_memo/0"
HELD = "C-2/2026-04-01/invoice/0"
WAIVED = "aaaaaaaaaaaaaaa8"
LOCKED = ("US01", "2026-01", 1)
FORMULA = '=HYPERLINK("http://evil.example","x")'
SCRIPT = "<script>alert(1)</script>"
ANSWER = "400: the customer is inactive"


def build(home: Path, url: str | None = None) -> dict[str, pa.Table]:
    """Write the ledger of HOME and its seal; returns the raw_ledger tables that a run would leave of it."""
    settings = Settings(landing=home, home=home)
    with Ledger.open(url or url_of(home), settings.seal_path) as ledger:
        ledger.start_run(RUN)
        people = staff(
            ledger,
            {
                "biller.one": ("biller", "credit_requester"),
                "analyst.one": "analyst",
                "lead.one": "team_lead",
                "controller.one": "controller",
                "controller.two": "controller",
            },
        )
        assert ledger.start_numbers([NumberStart("US01", "credit_memo", 4711, "d" * 64)], AS_OF) == []
        _issue(ledger)
        # Before it is credited: the request of the memo, one that waits, one that was refused.
        asked = ask_credit(
            ledger, people["biller.one"], "20", ISSUED, object_hash="content of C-1", reason=SCRIPT, account_id="A-1"
        )
        act.approve(ledger, people["lead.one"], asked, object_hash="content of C-1", reason="seen", as_of=AS_OF)
        corrected = ledger.document(ISSUED)
        assert corrected is not None
        ledger.issue([memo(corrected, asked, {1: "20"})], ["file", "netsuite"], OPEN, RUN)
        ask_credit(ledger, people["biller.one"], "30000", REJECTED, reason=FORMULA, account_id="A-3")
        refused = ask_credit(ledger, people["biller.one"], "5", REJECTED, reason="goodwill", account_id="A-9")
        act.reject(ledger, people["lead.one"], refused, reason="no ground for it", as_of=AS_OF)
        _waive(ledger, people)
        act.hold(ledger, people["biller.one"], "document", HELD, "the customer disputes the seats", AS_OF)
        _lock(settings, ledger, people["controller.one"])
        _deliver(ledger)
        ledger.finish_run(RUN)
        extracted = ledger.extract()
    return {**extracted, **{name: schema.empty_table() for name, schema in DECIDED.items()}}


def _issue(ledger: Ledger) -> None:
    ledger.issue(
        [
            request("C-1", account_id="A-1", subtotal=Decimal("100.5"), tax=Decimal(0), total=Decimal("100.5"),
                    lines=(line(1, "100.5"),)),
            request("C-3", account_id="A-3"),
        ],
        ["file", "netsuite"],
        [*OPEN, Verdict(channel="aws_marketplace")],
        RUN,
    )  # fmt: skip


def _waive(ledger: Ledger, people: dict[str, Actor]) -> None:
    """One waiver that counts for two more days, and one that waits."""
    for exception, control, is_approved in ((WAIVED, "USG-07", True), ("aaaaaaaaaaaaaaa3", "USG-07", False)):
        number = act.request(
            ledger,
            people["biller.one"],
            "waiver",
            {"exception_id": exception, "amount": "-7", "row_hash": "rows"},
            object_hash="rows",
            amount=Decimal(7),
            currency="USD",
            account_id="A-1",
            links=(f"control:{control}",),
            reason="corrected with the next bill",
            as_of=AS_OF,
            expires_on=AS_OF + timedelta(days=2),
        )
        if is_approved:
            act.approve(ledger, people["controller.two"], number, object_hash="rows", reason="agreed", as_of=AS_OF)


def _lock(settings: Settings, ledger: Ledger, controller: Actor) -> None:
    """January soft closed and locked with two reports; February soft closed."""
    for entity, period in (LOCKED[:2], ("US01", "2026-02")):
        decision = act.perform(ledger, controller, Duty.PERIOD_LOCK, [f"period:{entity}/{period}"], "month end", AS_OF)
        ledger.record_period(entity, period, "soft_closed", actor=controller.name, as_of=AS_OF, decision_no=decision)
    decision = act.perform(ledger, controller, Duty.PERIOD_LOCK, ["period:US01/2026-01"], "reviewed", AS_OF)
    reports = [MonthReport("invoices", 1, b"document_id\nC-0\n"), MonthReport("kpis", 0, b"kpi_id\n")]
    results: list[PeriodResult] = frozen.keep(settings, reports)
    ledger.record_period(
        "US01", "2026-01", "locked", actor=controller.name, as_of=AS_OF, decision_no=decision, results=results
    )
    frozen.copy_out(settings, ledger)


def _deliver(ledger: Ledger) -> None:
    def item(target: str, document: str) -> str:
        return f"{target}/{document}/v1"

    def step(key: str, *states: tuple[str, str | None]) -> None:
        for state, detail in states:
            ledger.record_attempt(key, state, detail, AS_OF)

    sent = (("planned", None), ("sent", None), ("confirmed", "read back"))
    for document in (ISSUED, REJECTED, MEMO):
        step(item("file", document), *sent)
    step(item("netsuite", ISSUED), *sent)
    step(item("netsuite", REJECTED), ("planned", None), ("sent", None), ("rejected", ANSWER))
    step(item("netsuite", MEMO), ("planned", None), ("sent", None), ("unknown", "504"))
    both, one, none = _total(2, "209"), _total(1, "100.5"), _total(0, "0")
    ledger.record_totals("file", 1, [BatchTotal("USD", both, both, both)], AS_OF, RUN)
    ledger.record_totals("netsuite", 1, [BatchTotal("USD", both, one, none)], AS_OF, RUN)


def _total(documents: int, amount: str) -> ControlTotal:
    return ControlTotal(documents, Decimal(amount))
