"""Nothing is issued on a verdict that the gate does not give itself, of the results and drafts as they stand."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path

import pytest

from billing_assets.access import act
from billing_assets.access.people import Actor
from billing_assets.controls import load_catalogue
from billing_assets.controls.evaluate import create_verdicts
from billing_assets.ledger import GateClosed, Ledger
from billing_assets.publication.issue import IssueSummary, issue_open_documents
from billing_assets.warehouse import Warehouse
from tests.access.builders import staff
from tests.ledger.builders import AS_OF, RUN, Verdict, request
from tests.publication.test_issue import Drafts

DOCUMENT = "C-1/2026-04-01/invoice/0"
SCOPE = "'2026-03', 'US01', 'direct'"


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    """One due draft, and every control of the catalogue passed in its scope."""
    made = Drafts(tmp_path)
    made.add("C-1")
    made.change("create schema if not exists raw; create schema if not exists intermediate")
    made.change(
        "create table raw.run_context as select date '2026-04-03' as as_of, 'c0de' as code_hash, "
        "0.001::decimal(38, 12) as quarantine_share"
    )
    made.change(
        f"create table intermediate.int_controls__scopes as select * from (values ({SCOPE})) "
        "as t (period, selling_entity, channel)"
    )
    made.change(
        "create table marts.fct_control_results (control_id varchar, period varchar, selling_entity varchar, "
        "channel varchar, status varchar)"
    )
    made.change(
        "create table marts.fct_control_violations (exception_id varchar, control_id varchar, period varchar, "
        "selling_entity varchar, channel varchar, document_id varchar, holds boolean, amount decimal(38, 12), "
        "row_hash varchar)"
    )
    for control in load_catalogue():
        made.change(f"insert into marts.fct_control_results values ('{control.control_id}', {SCOPE}, 'pass')")
    return made


@pytest.fixture
def office(ledger: Ledger) -> dict[str, Actor]:
    return staff(ledger, {"analyst.one": "analyst", "lead.one": "team_lead", "controller.one": "controller"})


def issue(ledger: Ledger, warehouse: Warehouse) -> IssueSummary:
    return issue_open_documents(ledger, warehouse, RUN)


def test_it_is_issued_where_everything_ran_and_holds(ledger: Ledger, drafts: Drafts) -> None:
    assert [document.document_id for document in issue(ledger, drafts.warehouse).issued] == [DOCUMENT]


def test_nobody_hands_a_verdict_over() -> None:
    assert "verdicts" not in inspect.signature(issue_open_documents).parameters


@pytest.mark.parametrize(
    "broken",
    [
        "delete from marts.fct_control_results where control_id = 'INV-01'",
        "update marts.fct_control_results set status = 'not_run' where control_id = 'INV-01'",
        "update marts.fct_control_results set status = 'fail' where control_id = 'USG-02'",
        "update marts.fct_control_results set status = 'certainly' where control_id = 'INV-01'",
        "update marts.fct_control_results set period = '2026-02'",
    ],
    ids=["missing", "not run", "failed without rows", "unknown word", "of another month"],
)
def test_a_result_that_is_missing_or_fails_issues_nothing(ledger: Ledger, drafts: Drafts, broken: str) -> None:
    drafts.change(broken)
    summary = issue(ledger, drafts.warehouse)
    assert (summary.issued, list(summary.held)) == ((), [DOCUMENT])


def test_open_verdicts_that_somebody_wrote_into_the_warehouse_open_nothing(ledger: Ledger, drafts: Drafts) -> None:
    """Verdicts of the last run, or of another snapshot: they are there to be read, and nobody acts on them."""
    drafts.change("update marts.fct_control_results set status = 'not_run'")
    with drafts.warehouse.writer() as connection:
        create_verdicts(connection)
        connection.execute(
            f"insert into raw_gate.verdicts values ('scope', '2026-03/US01/direct', {SCOPE}, 'open', '[]', 'forged')"
        )
    assert issue(ledger, drafts.warehouse).issued == ()


def violation(drafts: Drafts, amount: str = "100", row_hash: str = "rows") -> None:
    drafts.change("delete from marts.fct_control_violations")
    drafts.change(
        f"insert into marts.fct_control_violations values ('e1', 'INV-01', {SCOPE}, '{DOCUMENT}', true, {amount}, "
        f"'{row_hash}')"
    )
    drafts.change("update marts.fct_control_results set status = 'fail' where control_id = 'INV-01'")


def waive(ledger: Ledger, people: dict[str, Actor], amount: str = "100") -> int:
    return act.request(
        ledger, people["analyst.one"], "waiver", {"exception_id": "e1", "amount": amount, "row_hash": "rows"},
        object_hash="rows", amount=Decimal(amount), currency="USD", account_id="A-1", links=["control:INV-01"],
        reason="known", as_of=AS_OF, expires_on=AS_OF,
    )  # fmt: skip


def test_a_waiver_opens_what_it_covers_once_it_is_approved(
    ledger: Ledger, drafts: Drafts, office: dict[str, Actor]
) -> None:
    violation(drafts)
    number = waive(ledger, office)
    assert issue(ledger, drafts.warehouse).issued == ()
    act.approve(ledger, office["controller.one"], number, object_hash="rows", reason="seen", as_of=AS_OF)
    for amount, row_hash in (("101", "rows"), ("100", "other rows")):
        violation(drafts, amount, row_hash)
        assert issue(ledger, drafts.warehouse).issued == ()
    violation(drafts)
    assert len(issue(ledger, drafts.warehouse).issued) == 1


@pytest.mark.parametrize(
    ("level", "key"), [("document", DOCUMENT), ("scope", "2026-03/US01/direct")], ids=["document", "scope"]
)
def test_a_hold_closes_until_it_is_released(
    ledger: Ledger, drafts: Drafts, office: dict[str, Actor], level: str, key: str
) -> None:
    held = act.hold(ledger, office["analyst.one"], level, key, "dispute", AS_OF)
    summary = issue(ledger, drafts.warehouse)
    assert (summary.issued, dict(summary.held)) == ((), {DOCUMENT: ["HOLD"]})
    act.release(ledger, office["lead.one"], held, "settled", AS_OF)
    assert len(issue(ledger, drafts.warehouse).issued) == 1


def test_the_ledgers_own_door_wants_an_open_verdict_for_the_very_scope(ledger: Ledger) -> None:
    """The ledger records what it stood on; a verdict of another month, entity or channel is none."""
    others = [
        Verdict(period="2026-02"),
        Verdict(selling_entity="DE01"),
        Verdict(channel="partner"),
        Verdict(verdict="closed"),
    ]
    for other in others:
        with pytest.raises(GateClosed):
            ledger.issue([request("C-1")], ["file"], [other], RUN)
    with pytest.raises(GateClosed):
        ledger.issue([request("C-1")], ["file"], [], RUN)
    assert ledger.issued_ids() == set()
