"""Requests and approvals: what counts, and every way to make one count that should not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.access import act, decided, people
from billing_assets.access.errors import Forbidden, MissingRate, NotAuthenticated
from billing_assets.access.people import Actor
from billing_assets.access.standing import Standing
from billing_assets.errors import OperatorError
from billing_assets.ledger import Decision, Ledger, NewDecision, PeopleRecord, guards
from billing_assets.ledger.canonical import canonical_json, row_hash, row_key, sha256_text
from billing_assets.ledger.seal import Seal
from tests.access.builders import ask_credit, ask_price, ask_waiver
from tests.access.conftest import Office
from tests.ledger.builders import AS_OF, RUN, new_ledger, url_of

DAY = timedelta(days=1)


def approve(office: Office, who: str, number: int, **changes: object) -> int:
    values = {"object_hash": "content", "reason": "right", "as_of": AS_OF, **changes}
    return act.approve(office.ledger, office[who], number, **values)  # type: ignore[arg-type]


def counts(office: Office, what: str = "credit", as_of: object = AS_OF) -> list[int]:
    return [request.request_no for request in decided.effective(office.ledger, what, as_of)]  # type: ignore[arg-type]


# -- what counts -----------------------------------------------------------------------------------------------------


def test_a_request_counts_once_somebody_else_approved_it(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"])
    assert counts(office) == []
    approve(office, "analyst.one", number)
    [request] = decided.effective(office.ledger, "credit", AS_OF)
    assert (request.requested_by, request.approvers) == ("user:clerk.one", ("user:analyst.one",))
    assert (request.object_hash, request.amount, request.currency) == ("content", Decimal(100), "USD")
    assert office.ledger.verify() == []


def test_the_ladder_counts_what_was_asked_for_before(office: Office) -> None:
    for document in ("1", "2"):
        ask_credit(office.ledger, office["clerk.one"], "250.01", f"C-{document}/2026-04-01/invoice/0")
    with pytest.raises(Forbidden, match=r"needs one approval by a team lead or higher; exposure 500\.02 USD"):
        approve(office, "analyst.one", 1)
    approve(office, "lead.one", 1)
    approve(office, "lead.one", 2)
    assert counts(office) == [1, 2]


def test_withdrawing_what_was_approved_does_not_free_its_exposure(office: Office) -> None:
    first = ask_credit(office.ledger, office["clerk.one"], "400")
    approve(office, "analyst.one", first)
    act.withdraw(office.ledger, office["clerk.one"], first, reason="mistake", as_of=AS_OF)
    second = ask_credit(office.ledger, office["clerk.one"], "400")
    with pytest.raises(Forbidden, match="team lead"):
        approve(office, "analyst.one", second)
    assert counts(office) == []


def test_above_the_last_step_two_people_approve(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"], "100000.01")
    with pytest.raises(Forbidden, match="2 approvals"):
        approve(office, "manager.one", number)
    approve(office, "controller.one", number)
    assert counts(office) == []
    with pytest.raises(Forbidden, match="by a cfo"):
        approve(office, "controller.two", number)
    approve(office, "cfo.one", number)
    assert counts(office) == [number]


def test_reopening_a_month_needs_two_others_who_may_lock(office: Office) -> None:
    number = act.request(
        office.ledger, office["controller.one"], "period_reopen", {"selling_entity": "US01", "period": "2026-03"},
        object_hash="US01/2026-03.v1", amount=None, currency=None, account_id=None, links=(), reason="late usage",
        as_of=AS_OF,
    )  # fmt: skip
    with pytest.raises(Forbidden, match="maker is not checker"):
        approve(office, "controller.one", number, object_hash="US01/2026-03.v1")
    approve(office, "controller.two", number, object_hash="US01/2026-03.v1")
    assert counts(office, "period_reopen") == []
    approve(office, "cfo.one", number, object_hash="US01/2026-03.v1")
    assert counts(office, "period_reopen") == [number]


def test_money_in_another_currency_needs_a_rate(office: Office) -> None:
    with pytest.raises(MissingRate, match="land one"):
        ask_credit(office.ledger, office["clerk.one"], currency="EUR")
    number = ask_credit(office.ledger, office["clerk.one"], "450", currency="EUR", to_usd=lambda amount, _: amount * 2)
    with pytest.raises(Forbidden, match=r"exposure 900\.00 USD"):
        approve(office, "analyst.one", number)


@pytest.mark.parametrize("ending", [act.reject, act.withdraw])
def test_rejected_or_withdrawn_counts_no_more(office: Office, ending: Callable[..., int]) -> None:
    number = ask_credit(office.ledger, office["clerk.one"])
    approve(office, "analyst.one", number)
    ending(
        office.ledger, office["clerk.one" if ending is act.withdraw else "lead.one"], number, reason="no", as_of=AS_OF
    )
    assert counts(office) == []
    with pytest.raises(Forbidden, match=r"rejected|withdrawn"):
        approve(office, "lead.one", number)


def test_an_expired_request_is_neither_approved_nor_used(office: Office) -> None:
    first = ask_credit(office.ledger, office["clerk.one"], expires_on=AS_OF)
    approve(office, "analyst.one", first)
    second = ask_credit(office.ledger, office["clerk.one"], expires_on=AS_OF)
    assert (counts(office), counts(office, as_of=AS_OF + DAY)) == ([first], [])
    with pytest.raises(Forbidden, match="is expired"):
        approve(office, "analyst.one", second, as_of=AS_OF + DAY)


def test_what_is_decided_later_is_not_known_before(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"])
    approve(office, "analyst.one", number, as_of=AS_OF + DAY)
    assert (counts(office), counts(office, as_of=AS_OF + DAY)) == ([], [number])


# -- waivers and holds -----------------------------------------------------------------------------------------------


def test_a_waiver_is_bound_to_exception_amount_and_rows(office: Office) -> None:
    number = ask_waiver(office.ledger, office["analyst.one"], "-100")
    approve(office, "controller.one", number, object_hash="rows")
    [waiver] = decided.waivers(office.ledger, AS_OF)
    assert (waiver.exception_id, waiver.amount, waiver.row_hash) == ("e1", Decimal(-100), "rows")
    assert (waiver.maker, waiver.checker) == ("user:analyst.one", "user:controller.one")
    assert decided.waivers(office.ledger, AS_OF + DAY) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expires_on": None}, "ends within 90 days"),
        ({"expires_on": AS_OF + timedelta(91)}, "ends within 90 days"),
        ({"expires_on": AS_OF - DAY}, "over already"),
        ({"reason": " "}, "has a reason"),
        ({"links": ()}, "names the control"),
        ({"links": ("control:NO-01",)}, "names the control"),
        ({"object_hash": "other"}, "row hash"),
        ({"at_stake": Decimal(1)}, "not that of the violation"),
    ],
)
def test_a_waiver_that_is_not_whole_is_refused(office: Office, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Forbidden, match=why):
        ask_waiver(office.ledger, office["analyst.one"], **changes)
    assert office.ledger.decision_sequence() == 0


def test_a_waiver_without_known_money_is_for_a_controller(office: Office) -> None:
    number = ask_waiver(office.ledger, office["analyst.one"], None)
    with pytest.raises(Forbidden, match="controller"):
        approve(office, "manager.one", number, object_hash="rows")
    approve(office, "controller.one", number, object_hash="rows")


def test_one_person_holds_and_another_decision_releases(office: Office) -> None:
    ledger = office.ledger
    number = act.hold(ledger, office["analyst.one"], "document", "C-1/2026-04-01/invoice/0", "dispute", AS_OF)
    [hold] = decided.holds(ledger, AS_OF)
    assert (hold.level, hold.key, hold.actor) == ("document", "C-1/2026-04-01/invoice/0", "user:analyst.one")
    for who in ("analyst.one", "auditor.one", "bot.one"):
        with pytest.raises(Forbidden):
            act.release(ledger, office[who], number, "settled", AS_OF)
    act.release(ledger, office["lead.one"], number, "settled", AS_OF)
    assert decided.holds(ledger, AS_OF) == []
    with pytest.raises(Forbidden, match="no standing hold"):
        act.release(ledger, office["manager.one"], number, "again", AS_OF)


def test_a_hold_ends_on_its_day(office: Office) -> None:
    act.hold(office.ledger, office["analyst.one"], "scope", "2026-03/US01/direct", "wait", AS_OF, AS_OF)
    assert len(decided.holds(office.ledger, AS_OF)) == 1
    assert decided.holds(office.ledger, AS_OF + DAY) == []


# -- self-made, answered twice, stale, replayed ----------------------------------------------------------------------


def test_self_made_approvals(office: Office) -> None:
    """Oneself, as one's delegate, by one's service account's owner, and as the delegate of an approver."""
    ledger, x = office.ledger, office["x.one"]
    own = ask_credit(ledger, x)
    with pytest.raises(Forbidden, match="maker is not checker"):
        approve(office, "x.one", own)
    people.delegate(ledger, x, "new.one", "controller", AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match="maker is not checker"):
        approve(office, "new.one", own)
    people.delegate(ledger, office["controller.one"], "x.one", "controller", AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match="maker is not checker"):
        approve(office, "x.one", own)
    by_bot = ask_credit(ledger, office["bot.one"])
    with pytest.raises(Forbidden, match="maker is not checker"):
        approve(office, "x.one", by_bot)
    assert counts(office) == []
    approve(office, "y.one", own)
    approve(office, "y.one", by_bot)
    assert counts(office) == [own, by_bot]


def test_an_approver_and_their_delegate_are_one(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"], "200000")
    approve(office, "cfo.one", number)
    people.delegate(office.ledger, office["cfo.one"], "new.one", "cfo", AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match="another person"):
        approve(office, "new.one", number)
    with pytest.raises(Forbidden, match="answered"):
        approve(office, "cfo.one", number)
    assert counts(office) == []


def test_a_stale_object_is_not_approved(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"])
    with pytest.raises(Forbidden, match="has changed since"):
        approve(office, "analyst.one", number, object_hash="other content")


def test_an_approval_moved_to_another_request_counts_for_nothing(office: Office) -> None:
    """The same decision row for another request, written by a library call: signed, and bound to the first one."""
    ledger = office.ledger
    first = ask_credit(ledger, office["clerk.one"])
    second = ask_credit(ledger, office["clerk.one"])
    approval = approve(office, "analyst.one", first)
    row = next(row for row in ledger.proven_decisions() if row.decision_no == approval)
    moved = ledger.decide(lambda _: replace(_new(row), request_no=second))
    assert "bound to another request" in decided.standing(ledger, AS_OF).void[moved]
    assert counts(office) == [first]


@pytest.mark.parametrize("change", [{"amount": Decimal(1)}, {"role": "cfo"}, {"as_of": 1}, {"duty": "credit_request"}])
def test_rows_written_past_the_rules_count_for_nothing(office: Office, change: dict[str, Any]) -> None:
    ledger = office.ledger
    number = ask_credit(ledger, office["clerk.one"], "4000")
    subject: dict[str, Any] = {"decision_no": number, "row_hash": ledger.proven_decisions()[0].row_hash}
    row = NewDecision(
        "approve", "credit", subject, "user:analyst.one", "right", AS_OF, request_no=number, duty="credit_approve",
        role="analyst", object_hash="content", links=ledger.proven_decisions()[0].links,
    )  # fmt: skip
    given = {"recorded_on": AS_OF - DAY} if "as_of" in change else change
    forged = ledger.decide(lambda _: replace(row, **given))
    assert forged in decided.standing(ledger, AS_OF).void
    assert counts(office) == []


def test_a_date_is_neither_past_nor_far(office: Office) -> None:
    with pytest.raises(Forbidden, match="not back-dated"):
        ask_credit(office.ledger, office["clerk.one"], as_of=AS_OF - DAY)
    with pytest.raises(Forbidden, match="run first"):
        ask_credit(office.ledger, office["clerk.one"], as_of=AS_OF + 8 * DAY)
    office.ledger.start_run(replace(RUN, as_of=AS_OF + 8 * DAY))
    ask_credit(office.ledger, office["clerk.one"], as_of=AS_OF + 8 * DAY)


def test_a_made_up_actor_is_refused(office: Office) -> None:
    for actor in (
        Actor("controller.one", "user:controller.one", "billing_00_made-up"),
        Actor("controller.one", "user:controller.one", office["clerk.one"].token),
        Actor("clerk.one", "user:controller.one", office["clerk.one"].token),
    ):
        with pytest.raises(NotAuthenticated):
            ask_credit(office.ledger, actor)


# -- forged in the database ------------------------------------------------------------------------------------------


def _new(row: Decision) -> NewDecision:
    return NewDecision(**{field.name: getattr(row, field.name) for field in fields(NewDecision)})


def _unguarded(folder: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    raw.row_factory = sqlite3.Row
    for (name,) in raw.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        raw.execute(f"drop trigger {name}")
    return raw


def _insert(raw: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    raw.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))


def _approval_of(raw: sqlite3.Connection, number: int, approver: str) -> dict[str, object]:
    """The approval row that the request waits for, as the rules would write it."""
    request = dict(raw.execute("select * from decisions where decision_no = ?", [number]).fetchone())
    last = raw.execute("select max(sequence) from entry").fetchone()[0]
    return {
        **request,
        "decision_no": number + 1,
        "decision": "approve",
        "subject": canonical_json({"decision_no": number, "row_hash": row_hash(request)}),
        "actor": approver,
        "request_no": number,
        "duty": "credit_approve",
        "role": "controller",
        "entry_sequence": last + 1,
    }


def _entry_for(raw: sqlite3.Connection, row: dict[str, object], signature: str | None) -> dict[str, object]:
    head = dict(raw.execute("select * from entry order by sequence desc limit 1").fetchone())
    payload = canonical_json({"facts": {}, "rows": {"decisions": {row_key([row["decision_no"]]): row_hash(row)}}})
    hashed = {
        "sequence": head["sequence"] + 1,
        "recorded_at": head["recorded_at"],
        "actor": row["actor"],
        "run_identity": None,
        "action": "decide",
        "object_kind": "decision",
        "object_id": str(row["decision_no"]),
        "payload_hash": sha256_text(payload),
        "previous_hash": head["hash"],
    }
    return {**hashed, "payload": payload, "hash": row_hash(hashed), "signature": signature}


@pytest.mark.parametrize("way", ["row alone", "with its entry", "with another's signature", "with another seal's"])
def test_an_approval_forged_in_the_database_counts_for_nothing(office: Office, way: str, tmp_path: Path) -> None:
    """Guards dropped, the row written, the chain computed on: what is missing is the signature."""
    number = ask_credit(office.ledger, office["clerk.one"], "50000")
    office.ledger.close()
    raw = _unguarded(office.folder)
    row = _approval_of(raw, number, "user:controller.one")
    _insert(raw, "decisions", row)
    if way != "row alone":
        signature = None
        if way == "with another's signature":
            signature = raw.execute("select signature from entry where signature is not null").fetchone()[0]
        entry = _entry_for(raw, row, signature)
        if way == "with another seal's":
            (tmp_path / "other").mkdir()
            new_ledger(tmp_path / "other").close()
            entry["signature"] = Seal(tmp_path / "other" / "seal").sign(str(entry["hash"]))
        _insert(raw, "entry", entry)
    raw.close()
    with _reading(office.folder) as record:
        standing = Standing.of(record, AS_OF)
    assert standing.void == {number + 1: "it is not as it was signed"}
    assert standing.asks[number].state(AS_OF) == "open"
    assert Ledger.audit(url_of(office.folder)).faults


def test_a_request_altered_after_its_approval_counts_for_nothing(office: Office) -> None:
    number = ask_credit(office.ledger, office["clerk.one"])
    approve(office, "analyst.one", number)
    office.ledger.close()
    raw = _unguarded(office.folder)
    raw.execute("update decisions set amount = '9000', amount_usd = '9000' where decision_no = ?", [number])
    raw.close()
    with _reading(office.folder) as record:
        standing = Standing.of(record, AS_OF)
    assert set(standing.void) == {number, number + 1}


def test_an_approval_copied_to_another_ledger_counts_for_nothing(office: Office, tmp_path: Path) -> None:
    """Also where the other ledger is a copy under the same seal: its chain went another way."""
    number = ask_credit(office.ledger, office["clerk.one"], "300")
    office.ledger.close()
    copy = tmp_path / "copy"
    shutil.copytree(office.folder, copy, ignore=shutil.ignore_patterns("copy"))
    with Ledger.open(url_of(copy)) as other:  # somebody approves in the copy
        act.approve(other, office["analyst.one"], number, object_hash="content", reason="a drill", as_of=AS_OF)
    with Ledger.open(url_of(office.folder)) as real:  # and the real ledger goes on
        ask_price(real, office["clerk.one"])
    source = sqlite3.connect(copy / "ledger.sqlite")
    source.row_factory = sqlite3.Row
    row = dict(source.execute("select * from decisions where decision = 'approve'").fetchone())
    entry = dict(source.execute("select * from entry order by sequence desc limit 1").fetchone())
    raw = _unguarded(office.folder)
    # The price request came at the same place: its row and entry make way for the approval.
    raw.execute("delete from decisions where decision_no = ?", [row["decision_no"]])
    raw.execute("delete from entry where sequence = ?", [entry["sequence"]])
    _insert(raw, "decisions", row)
    _insert(raw, "entry", entry)
    raw.close()
    audit = Ledger.audit(url_of(office.folder))
    assert audit.faults
    with pytest.raises(OperatorError), Ledger.open(url_of(office.folder)):
        pass  # the roots say what stood there


@contextmanager
def _reading(folder: Path) -> Iterator[PeopleRecord]:
    """The record of a database that `open` refuses."""
    with Ledger(guards.engine_for(url_of(folder)), Seal(folder / "seal")) as ledger:
        yield ledger.people()
