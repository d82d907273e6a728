"""Number continuation: a range goes on where another system stopped, gapless, and its start is said once and before."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets.ledger import KIND_CODES, Ledger, LedgerError, NumberStart
from billing_assets.ledger.tables import NUMBER_STARTS
from tests.ledger.builders import AS_OF, OPEN, RUN, new_ledger, request

RANGES = [(entity, kind) for entity in ("US01", "DE01") for kind in ("invoice", "credit_memo")]


def start(next_no: int, entity: str = "US01", kind: str = "invoice", sha256: str = "a") -> NumberStart:
    return NumberStart(entity, kind, next_no, sha256)


def issue(ledger: Ledger, name: str, entity: str = "US01", kind: str = "invoice") -> str:
    [document] = ledger.issue([request(name, selling_entity=entity, kind=kind)], ["file"], OPEN, RUN)
    return document.number


def test_a_range_goes_on_where_the_other_system_stopped(ledger: Ledger) -> None:
    assert ledger.start_numbers([start(418)], AS_OF) == []
    assert [issue(ledger, "C-1"), issue(ledger, "C-2")] == ["US01-INV-000418", "US01-INV-000419"]
    assert issue(ledger, "C-3", kind="marketplace_statement") == "US01-MS-000001"
    assert issue(ledger, "C-4", entity="DE01") == "DE01-INV-000001"
    assert ledger.verify() == []
    assert ledger.extract()["number_starts"].to_pylist() == [
        {"selling_entity": "US01", "kind": "invoice", "next_no": 418, "sha256": "a", "as_of": AS_OF}
    ]


def test_the_same_start_again_changes_nothing(ledger: Ledger) -> None:
    ledger.start_numbers([start(418)], AS_OF)
    entries = ledger.sequence()
    assert ledger.start_numbers([start(418, sha256="b"), start(418)], AS_OF) == []
    assert ledger.sequence() == entries
    issue(ledger, "C-1")
    entries = ledger.sequence()
    assert ledger.start_numbers([start(418)], AS_OF) == []
    assert ledger.sequence() == entries


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (start(419), "the range is to begin at 418 already"),
        (start(1, kind="letter"), "no number range for kind letter"),
        (start(0, kind="credit_memo"), "0 is no number"),
    ],
)
def test_another_start_is_refused_and_the_rest_is_taken(ledger: Ledger, second: NumberStart, reason: str) -> None:
    [refused] = ledger.start_numbers([start(418), second, start(7, "DE01")], AS_OF)
    assert (refused.start, refused.reason) == (second, reason)
    assert [row["next_no"] for row in ledger.extract()["number_starts"].to_pylist()] == [7, 418]


def test_a_start_after_the_first_document_is_refused(ledger: Ledger) -> None:
    issue(ledger, "C-1")
    [refused] = ledger.start_numbers([start(418)], AS_OF)
    assert "the range has begun: 1 is given" in str(refused)
    assert issue(ledger, "C-2") == "US01-INV-000002"


@pytest.mark.parametrize(("next_no", "problem"), [(418, "the number range has begun"), (0, "begins at 1 or later")])
def test_the_database_itself_refuses_a_start_that_comes_too_late_or_is_no_number(
    ledger: Ledger, next_no: int, problem: str
) -> None:
    if next_no:
        issue(ledger, "C-1")
    row = {"selling_entity": "US01", "kind": "invoice", "next_no": next_no, "sha256": "a", "as_of": "2026-04-03"}
    with pytest.raises(LedgerError, match=problem), ledger._append() as (_, append):
        append.add("start_numbers", "number_range", "US01/invoice", {NUMBER_STARTS: [row]}, actor="service:nightly")


def test_verification_finds_a_range_that_begins_after_its_start(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        ledger.start_numbers([start(418)], AS_OF)
        issue(ledger, "C-1")
        issue(ledger, "C-2")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with engine.begin() as connection:
        for name in ("guard_issued_documents_delete", "guard_issued_lines_delete", "guard_outbox_items_delete"):
            connection.exec_driver_sql(f"drop trigger {name}")
        for table in ("outbox_items", "issued_lines", "issued_documents"):
            connection.exec_driver_sql(f"delete from {table} where document_id like 'C-1/%'")
    engine.dispose()
    faults = [str(fault) for fault in Ledger.audit(f"sqlite:///{tmp_path / 'ledger.sqlite'}").faults]
    assert any("does not count from 418 without gaps of US01 invoice" in fault for fault in faults)


steps = st.lists(
    st.tuples(st.sampled_from(["start", "issue", "issue"]), st.sampled_from(RANGES), st.integers(-1, 500)), max_size=14
)


@given(steps=steps)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_gapless_from_the_first_start_that_came_in_time(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, tuple[str, str], int]]
) -> None:
    """Whatever is said and issued in whatever order: one start a range, before its first document, then one by one."""
    with new_ledger(tmp_path_factory.mktemp("ledger")) as ledger:
        firsts: dict[tuple[str, str], int] = {}
        given_numbers: dict[tuple[str, str], list[str]] = {}
        for position, (step, (entity, kind), next_no) in enumerate(steps):
            place = entity, kind
            if step == "issue":
                given_numbers.setdefault(place, []).append(issue(ledger, f"C-{position}", entity, kind))
                continue
            refused = ledger.start_numbers([start(next_no, entity, kind)], AS_OF)
            is_new = place not in firsts and place not in given_numbers and next_no > 0
            if is_new:
                firsts[place] = next_no
            assert bool(refused) == (not is_new and firsts.get(place) != next_no)
        for (entity, kind), numbers in given_numbers.items():
            first = firsts.get((entity, kind), 1)
            wanted = range(first, first + len(numbers))
            assert numbers == [f"{entity}-{KIND_CODES[kind]}-{number:06d}" for number in wanted]
        assert ledger.verify() == []
