"""Months: the steps between their states, the order they lock in, and what a state lets in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets.ledger import Ledger, LedgerError, PeriodLocked, PeriodResult
from billing_assets.ledger.canonical import canonical_json
from billing_assets.ledger.decisions import last_sequence
from billing_assets.ledger.periods import accepts, locked_through, open_period
from billing_assets.ledger.tables import DECISIONS
from billing_assets.ledger.values import PeriodState
from tests.ledger.builders import AS_OF, RUN, Verdict, new_ledger, request

MONTHS = ("2025-12", "2026-01", "2026-02", "2026-03")
OPEN = tuple(Verdict(period=month, selling_entity=entity) for month in MONTHS for entity in ("US01", "DE01"))
CONTROLLER = "user:controller.one"


def step(ledger: Ledger, event: str, period: str = "2026-01", entity: str = "US01", **more: Any) -> PeriodState:
    return ledger.record_period(entity, period, event, **{"actor": CONTROLLER, "as_of": AS_OF, **more})


def close(ledger: Ledger, period: str = "2026-01", entity: str = "US01") -> None:
    step(ledger, "soft_closed", period, entity)
    step(ledger, "locked", period, entity)


def issue(ledger: Ledger, period: str, contract_id: str = "C-1", **changes: Any) -> list[str]:
    asked = request(contract_id, close_period=period, **changes)
    return [document.number for document in ledger.issue([asked], ["file"], OPEN, RUN)]


def reopening(ledger: Ledger, *approvers: str, asked_by: str = CONTROLLER, what: str = "period_reopen") -> int:
    """A request of that kind with its answers, put straight into the record: who may is the matter of `access`."""
    with ledger._append() as (connection, append):
        first = 1 + last_sequence(connection)
        rows = [
            {
                "decision_no": first + place,
                "decision": "approve" if place else "request",
                "what": what,
                "subject": canonical_json({"selling_entity": "US01", "period": "2026-01"}),
                "actor": actor,
                "reason": "an invoice was left out",
                "recorded_on": AS_OF.isoformat(),
                "expires_on": None,
                "request_no": first if place else None,
            }
            for place, actor in enumerate([asked_by, *approvers])
        ]
        for row in rows:
            append.add("decide", "decision", str(row["decision_no"]), {DECISIONS: [row]}, actor=str(row["actor"]))
    return first


# -- steps -------------------------------------------------------------------------------------------------------


def test_a_month_steps_from_open_to_soft_closed_to_locked_and_back_as_a_new_version(ledger: Ledger) -> None:
    assert ledger.period_states() == {}
    step(ledger, "soft_closed")
    step(ledger, "locked", results=[PeriodResult("kpis", 2, "b"), PeriodResult("invoices", 1, "a")])
    decision = reopening(ledger, "user:cfo.one", "user:controller.two")
    step(ledger, "reopened", decision_no=decision)
    assert ledger.period_states() == {
        ("US01", "2026-01"): PeriodState("open", 2, "reopened", CONTROLLER, AS_OF, decision)
    }
    close(ledger)
    assert ledger.period_states()["US01", "2026-01"].version == 2
    assert ledger.period_results() == {
        ("US01", "2026-01", 1): [PeriodResult("invoices", 1, "a"), PeriodResult("kpis", 2, "b")]
    }
    assert ledger.verify() == []


@pytest.mark.parametrize(
    ("before", "event", "what"),
    [
        ([], "locked", "is open, so it cannot be locked: next is billing period soft-close"),
        ([], "reopened", "is open, so it cannot be reopened"),
        (["soft_closed"], "soft_closed", "is soft closed"),
        (["soft_closed"], "reopened", "next is billing period lock"),
        (["soft_closed", "locked"], "locked", "is locked, so it cannot be locked: next is billing period reopen"),
        (["soft_closed", "locked"], "soft_closed", "is locked"),
        ([], "opened", "no step of a month is called opened"),
    ],
)
def test_a_step_that_the_state_does_not_allow_is_refused(
    ledger: Ledger, before: list[str], event: str, what: str
) -> None:
    for earlier in before:
        step(ledger, earlier)
    entries = ledger.sequence()
    with pytest.raises(LedgerError, match=what):
        step(ledger, event)
    assert ledger.sequence() == entries


@pytest.mark.parametrize("period", ["2026-04", "2026-4", "2026-13", "January", "2026-01-01"])
def test_a_month_that_has_not_ended_or_is_none_is_refused(ledger: Ledger, period: str) -> None:
    with pytest.raises(LedgerError, match=r"has not ended|is no month"):
        step(ledger, "soft_closed", period)


def test_the_last_day_of_a_month_is_not_over_on_itself(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="has not ended"):
        step(ledger, "soft_closed", as_of=date(2026, 1, 31))
    step(ledger, "soft_closed", as_of=date(2026, 2, 1))


def test_results_come_with_a_lock_only(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="frozen by a lock only"):
        step(ledger, "soft_closed", results=[PeriodResult("kpis", 0, "a")])


def test_a_lock_on_a_record_that_has_moved_is_refused(ledger: Ledger) -> None:
    step(ledger, "soft_closed")
    looked_at = ledger.sequence()
    step(ledger, "soft_closed", "2026-02")
    with pytest.raises(LedgerError, match="moved meanwhile"):
        step(ledger, "locked", expected_sequence=looked_at)
    step(ledger, "locked", expected_sequence=looked_at + 1)


# -- order -------------------------------------------------------------------------------------------------------


def test_months_lock_in_their_order(ledger: Ledger) -> None:
    issue(ledger, "2025-12", bill_date=date(2026, 1, 1))
    step(ledger, "soft_closed")
    with pytest.raises(LedgerError, match="2026-01 of US01 cannot be locked before 2025-12"):
        step(ledger, "locked")
    close(ledger, "2025-12")
    step(ledger, "locked")
    close(ledger, "2026-03")  # nothing ever lay in February


def test_another_entity_has_months_of_its_own(ledger: Ledger) -> None:
    issue(ledger, "2025-12", selling_entity="DE01", bill_date=date(2026, 1, 1))
    close(ledger)
    issue(ledger, "2026-01", "C-2", selling_entity="DE01")


def test_what_lies_before_a_locked_month_is_shut_with_it(ledger: Ledger) -> None:
    close(ledger, "2026-02")
    with pytest.raises(PeriodLocked, match="2026-01 of US01: the month is locked with everything up to 2026-02"):
        issue(ledger, "2026-01")
    with pytest.raises(LedgerError, match="which is locked with it"):
        step(ledger, "soft_closed", "2026-01")


def test_months_reopen_in_the_reverse_order(ledger: Ledger) -> None:
    close(ledger, "2026-01")
    close(ledger, "2026-02")
    decision = reopening(ledger, "user:cfo.one", "user:controller.two")
    with pytest.raises(LedgerError, match="cannot be reopened while 2026-02 is locked"):
        step(ledger, "reopened", decision_no=decision)


@pytest.mark.parametrize(
    ("approvers", "what"),
    [
        (["user:cfo.one"], "has 1 approvals"),
        (["user:cfo.one", CONTROLLER], "has 1 approvals"),  # who asks does not approve
        ([], "has 0 approvals"),
    ],
)
def test_reopening_needs_two_approvals_by_others(ledger: Ledger, approvers: list[str], what: str) -> None:
    close(ledger)
    with pytest.raises(LedgerError, match=what):
        step(ledger, "reopened", decision_no=reopening(ledger, *approvers))


def test_reopening_needs_a_request_of_its_kind_that_has_opened_nothing_yet(ledger: Ledger) -> None:
    close(ledger)
    two = ("user:cfo.one", "user:controller.two")
    for decision in (None, 77, reopening(ledger, *two, what="credit")):
        with pytest.raises(LedgerError, match="no request of that kind"):
            step(ledger, "reopened", decision_no=decision)
    decision = reopening(ledger, *two)
    step(ledger, "reopened", decision_no=decision)
    close(ledger)
    with pytest.raises(LedgerError, match="has opened a month already"):
        step(ledger, "reopened", decision_no=decision)


# -- what a state lets in ----------------------------------------------------------------------------------------


def test_a_locked_month_takes_nothing(ledger: Ledger) -> None:
    close(ledger)
    both: list[dict[str, Any]] = [{}, {"kind": "credit_memo", "total": Decimal(-1)}]
    for changes in both:
        with pytest.raises(PeriodLocked, match=r"is locked\. Run again to draft it into 2026-02, or"):
            issue(ledger, "2026-01", **changes)
    assert issue(ledger, "2026-02") == ["US01-INV-000001"]


def test_a_soft_closed_month_takes_adjustments_only(ledger: Ledger) -> None:
    step(ledger, "soft_closed")
    with pytest.raises(PeriodLocked, match="is soft closed and takes adjustments only"):
        issue(ledger, "2026-01")
    assert issue(ledger, "2026-01", kind="credit_memo", total=Decimal(-1)) == ["US01-CM-000001"]


def test_one_document_of_a_locked_month_stops_the_whole_transaction(ledger: Ledger) -> None:
    close(ledger)
    asked = [request("C-1", close_period="2026-02"), request("C-2", close_period="2026-01")]
    with pytest.raises(PeriodLocked, match="C-2/2026-04-01/invoice/0"):
        ledger.issue(asked, ["file"], OPEN, RUN)
    assert ledger.issued_ids() == set()


def test_a_document_that_is_of_the_record_may_be_asked_for_after_the_lock(ledger: Ledger) -> None:
    first = issue(ledger, "2026-01")
    close(ledger)
    assert issue(ledger, "2026-01") == first


def test_a_reopened_month_takes_documents_again(ledger: Ledger) -> None:
    close(ledger)
    step(ledger, "reopened", decision_no=reopening(ledger, "user:cfo.one", "user:controller.two"))
    assert issue(ledger, "2026-01") == ["US01-INV-000001"]


def test_the_open_period_is_the_first_that_takes_the_document(ledger: Ledger) -> None:
    close(ledger, "2025-12")
    step(ledger, "soft_closed", "2026-01")
    known = ledger.period_states()
    assert open_period(known, "US01", "2025-11") == "2026-02"
    assert open_period(known, "US01", "2025-12", adjustment=True) == "2026-01"
    assert open_period(known, "US01", "2026-03") == "2026-03"
    assert open_period(known, "DE01", "2025-12") == "2025-12"


def test_the_warehouse_is_told_the_states_and_how_many_documents_each_step_found(ledger: Ledger) -> None:
    issue(ledger, "2026-01")
    close(ledger)
    issue(ledger, "2026-02", "C-2")
    step(ledger, "soft_closed", "2026-02")
    tables = ledger.extract()
    assert [tuple(row.values()) for row in tables["period_states"].to_pylist()] == [
        ("US01", "2026-01", 1, "locked", AS_OF, "2026-01"),
        ("US01", "2026-02", 1, "soft_closed", AS_OF, "2026-01"),
    ]
    assert [(row["period"], row["event"], row["documents"]) for row in tables["period_events"].to_pylist()] == [
        ("2026-01", "soft_closed", 1),
        ("2026-01", "locked", 1),
        ("2026-02", "soft_closed", 2),
    ]


# -- any sequence ------------------------------------------------------------------------------------------------

steps = st.tuples(
    st.sampled_from(["soft_closed", "locked", "reopened", "invoice", "credit_memo"]),
    st.sampled_from(MONTHS),
    st.sampled_from(["US01", "DE01"]),
)


@given(wanted=st.lists(steps, min_size=10, max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_steps_reaches_an_illegal_state_or_posts_into_a_locked_month(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[tuple[str, str, str]]
) -> None:
    with new_ledger(Path(tmp_path_factory.mktemp("ledger"))) as ledger:
        frozen: dict[tuple[str, str], int] = {}  # locked month -> documents it held when it was locked
        for place, (what, month, entity) in enumerate(wanted):
            before = ledger.period_states()
            at = before.get((entity, month), PeriodState("open", 1, "", "", AS_OF))
            held = _documents(ledger)
            try:
                if what in ("invoice", "credit_memo"):
                    issue(ledger, month, f"C-{place}", selling_entity=entity, kind=what)
                    assert accepts(before, entity, month, adjustment=what == "credit_memo")
                    continue
                decision = reopening(ledger, "user:cfo.one", "user:controller.two") if what == "reopened" else None
                after = step(ledger, what, month, entity, decision_no=decision)
            except LedgerError:
                assert ledger.period_states() == before
                assert _documents(ledger) == held
                continue
            assert (at.state, what) in {("open", "soft_closed"), ("soft_closed", "locked"), ("locked", "reopened")}
            assert after.version == at.version + (what == "reopened")
            if what == "locked":
                frozen[entity, month] = held.get((entity, month), 0)
                last = locked_through(ledger.period_states(), entity)
                assert last == month
            if what == "reopened":
                del frozen[entity, month]
            documents = _documents(ledger)
            for key, count in frozen.items():
                assert documents.get(key, 0) == count
            # Every month with documents before the last locked one is locked: no gap.
            for (owner, period), state in ledger.period_states().items():
                last = locked_through(ledger.period_states(), owner)
                assert state.state == "locked" or last is None or period > last
        assert ledger.verify() == []


def _documents(ledger: Ledger) -> dict[tuple[str, str], int]:
    held: dict[tuple[str, str], int] = {}
    for row in ledger.extract()["issued_documents"].to_pylist():
        key = row["selling_entity"], row["close_period"]
        held[key] = held.get(key, 0) + 1
    return held
