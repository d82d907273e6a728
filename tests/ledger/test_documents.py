"""Issuing: once, numbered without gaps, all or none, and never past a closed gate."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from billing_assets.ledger import (
    DocumentConflict,
    Gate,
    GateClosed,
    IssueRequest,
    Ledger,
    LedgerError,
    RunIdentity,
    StaleDraft,
)
from billing_assets.ledger.chain import Appender
from tests.ledger.builders import AS_OF, OPEN, RUN, Place, Verdict, line, new_ledger, request, url_of


def issue(ledger: Ledger, *requests: IssueRequest, targets: tuple[str, ...] = ("file",)) -> list[str]:
    return [document.number for document in ledger.issue(requests, targets, OPEN, RUN)]


def numbers(ledger: Ledger) -> list[str]:
    return ledger.extract()["issued_documents"]["number"].to_pylist()


def test_issue_numbers_each_entity_and_kind_from_one(ledger: Ledger) -> None:
    assert issue(
        ledger,
        request("C-1"),
        request("C-2", selling_entity="DE01"),
        request("C-3"),
        request("C-4", kind="credit_memo", total=Decimal("-1")),
        request("C-5", kind="credit_memo", total=Decimal("-1"), selling_entity="DE01"),
    ) == ["US01-INV-000001", "DE01-INV-000001", "US01-INV-000002", "US01-CM-000001", "DE01-CM-000001"]
    assert issue(ledger, request("C-6")) == ["US01-INV-000003"]
    assert ledger.verify() == []


def test_issue_keeps_header_and_lines_to_the_digit(ledger: Ledger) -> None:
    unrounded = Decimal("0.123456789012")
    quantity = Decimal("12345678901234567890123456.000000000001")
    issue(ledger, request("C-1", lines=(line(1, unrounded_amount=unrounded, quantity=quantity), line(2, "-8.50"))))
    tables = ledger.extract()
    [document] = tables["issued_documents"].to_pylist()
    first, second = tables["issued_lines"].to_pylist()
    assert document == {
        "document_id": "C-1/2026-04-01/invoice/0",
        "number": "US01-INV-000001",
        "kind": "invoice",
        "contract_id": "C-1",
        "account_id": "A-C-1",
        "channel": "direct",
        "selling_entity": "US01",
        "currency": "USD",
        "bill_date": date(2026, 4, 1),
        "period_from": date(2026, 3, 1),
        "period_to": date(2026, 4, 1),
        "close_period": "2026-03",
        "issue_date": AS_OF,
        "due_date": date(2026, 5, 3),
        "subtotal": Decimal(100),
        "discount": Decimal(0),
        "credit_applied": Decimal(0),
        "tax": Decimal("8.5"),
        "total": Decimal("108.5"),
        "paid_from_credits": Decimal(0),
        "revision": 0,
        "corrects_document_id": None,
        "content_hash": "content of C-1",
        "sequence": 1,
        "decision_no": None,
        "ordered": None,
        "reason_code": None,
        "voided_on": None,
    }
    assert (first["unrounded_amount"], first["quantity"]) == (unrounded, quantity)
    assert (second["line_no"], second["amount"]) == (2, Decimal("-8.5"))


def test_issuing_the_same_twice_is_issuing_it_once(ledger: Ledger) -> None:
    first = ledger.issue([request("C-1"), request("C-2")], ["file"], OPEN, RUN)
    entries = ledger.sequence()
    later = RunIdentity(9, 9, date(2026, 4, 9), "other")
    # The gate has closed since, and the draft knows of the document: neither changes what was issued.
    again = ledger.issue([request("C-2", built_on=2), request("C-1")], ["file"], [], later)
    assert [document.number for document in again] == ["US01-INV-000002", "US01-INV-000001"]
    assert [document.newly_issued for document in [*first, *again]] == [True, True, False, False]
    assert ledger.sequence() == entries


def test_the_scale_of_a_figure_is_not_other_content(ledger: Ledger) -> None:
    issue(ledger, request("C-1", total=Decimal("108.5")))
    assert issue(ledger, request("C-1", total=Decimal("108.500000"))) == ["US01-INV-000001"]


CHANGES: list[dict[str, Any]] = [
    {"total": Decimal("108.51")},
    {"content_hash": "other"},
    {"account_id": "A-2"},
    {"selling_entity": "DE01"},
    {"corrects_document_id": "C-0/2026-03-01/invoice/0"},
    {"period_to": date(2026, 4, 2)},
    {"lines": (line(1, "100"),)},
    {"lines": (line(1, "100"), line(2, "8.5"))},
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_identity_with_other_content_is_refused(ledger: Ledger, change: dict[str, Any]) -> None:
    issue(ledger, request("C-1"))
    with pytest.raises(DocumentConflict, match=r"C-1/2026-04-01/invoice/0 was issued as US01-INV-000001"):
        issue(ledger, request("C-2"), request("C-1", **change))
    assert numbers(ledger) == ["US01-INV-000001"]


def test_a_draft_that_does_not_know_the_latest_document_is_refused(ledger: Ledger) -> None:
    issue(ledger, request("C-0"), request("C-1"))
    later = {"bill_date": date(2026, 5, 1)}
    with pytest.raises(StaleDraft, match="built on issued document 0 of contract C-1, the ledger is at 2"):
        issue(ledger, request("C-1", **later))
    with pytest.raises(StaleDraft):
        issue(ledger, request("C-1", **later, built_on=1))
    assert issue(ledger, request("C-1", **later, built_on=2)) == ["US01-INV-000003"]


def test_two_drafts_of_one_contract_go_out_together(ledger: Ledger) -> None:
    requests = [request("C-1", bill_date=date(2026, month, 1)) for month in (2, 3, 4)]
    assert issue(ledger, *requests) == ["US01-INV-000001", "US01-INV-000002", "US01-INV-000003"]


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ([], "no verdict for 2026-03 US01 direct"),
        ([Verdict(period="2026-02")], "no verdict"),
        ([Verdict(selling_entity="DE01")], "no verdict"),
        ([Verdict(channel="aws_marketplace")], "no verdict"),
        ([Verdict(level="period")], "no verdict"),
        ([Verdict(verdict="closed", reasons=("USG-05", "USG-02"))], "USG-02, USG-05"),
        ([Verdict(), Verdict(verdict="closed", reasons=("USG-05",))], "USG-05"),
        ([Verdict(verdict="closed")], "scope closed"),
        ([Verdict(verdict="OPEN")], "scope closed"),
        ([Verdict(verdict="")], "scope closed"),
        (
            [
                Verdict(),
                Verdict(level="document", key="C-1/2026-04-01/invoice/0", verdict="closed", reasons=("INV-02",)),
            ],
            "INV-02",
        ),
    ],
)
def test_nothing_is_issued_past_a_gate_that_is_not_open(ledger: Ledger, verdicts: list[Verdict], reason: str) -> None:
    with pytest.raises(GateClosed, match=reason):
        ledger.issue([request("C-1")], ["file"], verdicts, RUN)
    assert ledger.sequence() == 0


def test_a_held_document_does_not_hold_another(ledger: Ledger) -> None:
    held = Verdict(level="document", key="C-2/2026-04-01/invoice/0", verdict="closed", reasons=("INV-02",))
    gate = Gate([*OPEN, held])
    assert gate.refusals("C-1/2026-04-01/invoice/0", "2026-03", "US01", "direct") == []
    assert gate.refusals("C-2/2026-04-01/invoice/0", "2026-03", "US01", "direct") == ["INV-02"]
    assert len(ledger.issue([request("C-1")], ["file"], [*OPEN, held], RUN)) == 1


def test_the_verdicts_stay_with_the_issuing_transaction(place: Place, ledger: Ledger) -> None:
    ledger.issue([request("C-1")], ["file"], [*OPEN, Verdict(level="period", verdict="closed", reasons=("X",))], RUN)
    engine = create_engine(place.url)
    with engine.connect() as raw:
        rows = raw.execute(
            text("select issue_batch, level, verdict, reasons, scope_hash from gate_verdicts order by verdict_no")
        ).all()
        [document] = raw.execute(text("select issue_batch, run_identity from issued_documents")).all()
    engine.dispose()
    assert rows == [(1, "scope", "open", "[]", "5c09e")] * 2 + [(1, "period", "closed", '["X"]', "5c09e")]
    assert document == (1, RUN.text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "journal_entry"}, "no number range"),
        ({"lines": ()}, "without lines"),
        ({"lines": (line(1, currency="EUR"),)}, "not in the document's currency"),
        ({"lines": (line(1), line(1))}, "two lines have the same number"),
        ({"total": 108.5}, "Decimal, not float"),
        ({"total": Decimal("NaN")}, "no amount"),
        ({"total": Decimal("0.0000000000001")}, "does not fit"),
        ({"lines": (line(1, quantity=1.0),)}, "Decimal, not float"),
    ],
)
def test_a_request_that_is_no_document_is_refused_by_name(ledger: Ledger, change: dict[str, Any], message: str) -> None:
    with pytest.raises(LedgerError, match=f"C-1/.*{message}"):
        issue(ledger, request("C-0"), request("C-1", **change))
    assert ledger.sequence() == 0


def test_one_document_twice_in_a_call_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="twice"):
        issue(ledger, request("C-1"), request("C-1"))


def test_every_target_gets_the_document_as_it_was_issued(ledger: Ledger) -> None:
    issue(ledger, request("C-1"), targets=("file", "other"))
    file, other = ledger.outbox_items("file", 1)[0], ledger.outbox_items("other", 1)[0]
    assert (file.item_key, other.item_key) == (
        "file/C-1/2026-04-01/invoice/0/v1",
        "other/C-1/2026-04-01/invoice/0/v1",
    )
    assert file.payload_hash == other.payload_hash
    document = json.loads(ledger.payloads([file.item_key])[file.item_key])
    assert document["document"]["number"] == "US01-INV-000001"
    assert document["document"]["due_date"] == "2026-05-03"
    assert [item["amount"] for item in document["lines"]] == ["100", "8.5"]
    # How the ledger keeps it is nobody else's matter, and would differ between homes.
    assert not {"entry_sequence", "sequence", "run_identity", "issue_batch"} & document["document"].keys()


class PowerCut(Exception):
    """The process ends here."""


def test_a_failure_in_the_issuing_transaction_loses_no_number(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    issue(ledger, request("C-1"))
    tables = {name: table.to_pylist() for name, table in ledger.extract().items()}
    flush = Appender.flush

    def fail_after(self: Appender) -> None:
        flush(self)
        raise PowerCut

    monkeypatch.setattr(Appender, "flush", fail_after)
    with pytest.raises(PowerCut):
        issue(ledger, request("C-2"), request("C-3"))
    monkeypatch.undo()
    assert {name: table.to_pylist() for name, table in ledger.extract().items()} == tables
    assert issue(ledger, request("C-3"), request("C-2")) == ["US01-INV-000002", "US01-INV-000003"]
    assert ledger.verify() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
@pytest.mark.parametrize("at", ["before writing", "after writing", "after committing"])
def test_a_process_killed_while_issuing_leaves_all_or_nothing(tmp_path: Path, at: str) -> None:
    url = url_of(tmp_path)
    with Ledger.open(url) as ledger:
        issue(ledger, request("C-1"))
    pid = os.fork()
    if pid == 0:
        _issue_and_die(url, at)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    with Ledger.open(url) as ledger:
        assert len(numbers(ledger)) == (3 if at == "after committing" else 1)
        assert issue(ledger, request("C-2"), request("C-3")) == ["US01-INV-000002", "US01-INV-000003"]
        assert len(ledger.outbox_items("file", 2)) == 2
        assert ledger.verify() == []


def _issue_and_die(url: str, at: str) -> None:
    flush = Appender.flush

    def dying(self: Appender) -> None:
        if at == "before writing":
            os.kill(os.getpid(), signal.SIGKILL)
        flush(self)
        if at == "after writing":
            os.kill(os.getpid(), signal.SIGKILL)

    Appender.flush = dying  # type: ignore[method-assign]
    try:
        with Ledger.open(url) as ledger:
            issue(ledger, request("C-2"), request("C-3"))
            os.kill(os.getpid(), signal.SIGKILL)
    finally:
        os._exit(1)  # never back into the parent's tests


calls = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.integers(0, 9), st.sampled_from(["US01", "DE01"]), st.sampled_from(["invoice", "credit_memo"])
            ),
            max_size=5,
            unique_by=lambda item: (item[0], item[2]),
        ),
        st.sampled_from(["succeeds", "fails before writing", "fails after writing"]),
    ),
    max_size=6,
)


@given(calls=calls)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_count_from_one_without_gaps_whatever_fails(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[list[tuple[int, str, str]], str]]
) -> None:
    with new_ledger(tmp_path_factory.mktemp("ledger")) as ledger, pytest.MonkeyPatch.context() as patch:
        issued: dict[str, int] = {}
        for wanted, outcome in calls:
            last = _latest(ledger)
            requests = [
                request(f"C-{no}", selling_entity=entity, kind=kind, built_on=last.get(f"C-{no}", 0))
                for no, entity, kind in wanted
                if f"C-{no}/{kind}" not in issued
            ]
            _break(patch, outcome)
            try:
                ledger.issue(requests, ["file"], OPEN, RUN)
                issued |= {f"{r.contract_id}/{r.kind}": 1 for r in requests}
            except PowerCut:
                pass
            patch.undo()
        documents = ledger.extract()["issued_documents"].to_pylist()
        by_range: dict[tuple[str, str], list[str]] = defaultdict(list)
        for document in documents:
            by_range[document["selling_entity"], document["kind"]].append(document["number"])
        assert len(documents) == len(issued)
        for (entity, kind), given_numbers in by_range.items():
            code = {"invoice": "INV", "credit_memo": "CM"}[kind]
            assert given_numbers == [f"{entity}-{code}-{no:06d}" for no in range(1, len(given_numbers) + 1)]
        assert [document["sequence"] for document in documents] == list(range(1, len(documents) + 1))
        assert ledger.verify() == []


def _latest(ledger: Ledger) -> dict[str, int]:
    rows = ledger.extract()["issued_documents"].to_pylist()
    return {row["contract_id"]: row["sequence"] for row in rows}  # in order of sequence: the last one stays


def _break(patch: pytest.MonkeyPatch, outcome: str) -> None:
    flush = Appender.flush

    def broken(self: Appender) -> None:
        if outcome == "fails after writing":
            flush(self)
        raise PowerCut

    if outcome != "succeeds":
        patch.setattr(Appender, "flush", broken)


def test_two_writers_at_once_share_the_numbers_out(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    Ledger.open(url).close()
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with Ledger.open(url) as ledger:
                for no in range(15):
                    issue(ledger, request(f"{name}-{no}"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Ledger.open(url) as ledger:
        assert numbers(ledger) == [f"US01-INV-{no:06d}" for no in range(1, 31)]
        assert ledger.verify() == []


def test_hundreds_of_documents_are_issued_in_one_transaction(ledger: Ledger) -> None:
    lines = tuple(line(no, "10") for no in range(1, 6))
    requests = [request(f"C-{no}", lines=lines) for no in range(700)]
    issued = ledger.issue(requests, ["file"], OPEN, RUN)
    assert [document.number for document in issued] == [f"US01-INV-{no:06d}" for no in range(1, 701)]
    assert ledger.extract()["issued_lines"].num_rows == 3_500
    again = ledger.issue([replace(item, built_on=0) for item in requests], ["file"], OPEN, RUN)
    assert not any(document.newly_issued for document in again)
