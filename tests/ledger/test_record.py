"""Register, decisions, exceptions, runs, outbox states, and what the warehouse is given of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets import clock
from billing_assets.ledger import (
    Attempt,
    ExceptionSighting,
    Ledger,
    LedgerBusy,
    LedgerError,
    NewDecision,
    PeopleRecord,
    RunIdentity,
)
from billing_assets.ledger.extract import SCHEMAS
from billing_assets.ledger.outbox import STEPS
from tests.ledger.builders import AS_OF, OPEN, RUN, fill, found, new_ledger, request, url_of

DAY = timedelta(days=1)


# -- register ------------------------------------------------------------------------------------------------------


def test_register_counts_files_across_batches(ledger: Ledger) -> None:
    first = ledger.register_batch(AS_OF, [found("a"), found("b")])
    second = ledger.register_batch(AS_OF + DAY, [found("c", duplicate_of=1)])
    assert [(file.file_sequence, file.batch, file.path) for file in [*first, *second]] == [
        (1, 1, "a"),
        (2, 1, "b"),
        (3, 2, "c"),
    ]
    assert ledger.registered() == [*first, *second]
    assert (ledger.register_sequence(), ledger.last_as_of()) == (3, AS_OF + DAY)


def test_registering_nothing_is_no_batch(ledger: Ledger) -> None:
    assert ledger.register_batch(AS_OF, []) == []
    assert (ledger.sequence(), ledger.last_as_of()) == (0, None)


def test_a_scan_made_before_the_register_moved_is_refused(ledger: Ledger) -> None:
    ledger.register_batch(AS_OF, [found("a")], after=0)
    with pytest.raises(LedgerError, match="moved from file 0 to 1"):
        ledger.register_batch(AS_OF, [found("a")], after=0)
    assert ledger.register_sequence() == 1


# -- decisions -----------------------------------------------------------------------------------------------------


def decision(actor: str, reason: str, word: str = "hold") -> NewDecision:
    return NewDecision(word, "document", {"level": "document", "key": "C-1"}, actor, reason, AS_OF)


def test_a_decision_is_written_as_it_was_judged_and_signed(ledger: Ledger) -> None:
    seen: list[int] = []

    def judge(record: PeopleRecord) -> NewDecision:
        seen.append(len(record.decisions))
        return decision("user:controller.one", "dispute")

    assert [ledger.decide(judge), ledger.decide(judge)] == [1, 2]
    assert (seen, ledger.decision_sequence()) == ([0, 1], 2)
    [first, second] = ledger.proven_decisions()
    assert (first.decision_no, second.decision_no, first.proven, second.proven) == (1, 2, True, True)
    assert (first.subject, first.reason, first.recorded_on) == ({"level": "document", "key": "C-1"}, "dispute", AS_OF)


@pytest.mark.parametrize(
    ("actor", "reason"), [("", "why"), ("  ", "why"), ("service:nightly", "why"), ("user:controller.one", " ")]
)
def test_a_decision_without_person_or_reason_is_refused(ledger: Ledger, actor: str, reason: str) -> None:
    with pytest.raises(LedgerError, match="needs a"):
        ledger.decide(lambda _: decision(actor, reason))
    assert ledger.decision_sequence() == 0


def test_a_word_that_is_no_decision_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="is no decision"):
        ledger.decide(lambda _: decision("user:controller.one", "why", "wish"))


def test_nobody_answers_a_request_twice(ledger: Ledger) -> None:
    answer = replace(decision("user:controller.one", "right", "approve"), request_no=1)
    ledger.decide(lambda _: answer)
    with pytest.raises(LedgerError, match="request_no"):
        ledger.decide(lambda _: answer)


def test_what_a_run_writes_is_no_decision(ledger: Ledger) -> None:
    ledger.register_batch(AS_OF, [found("a")])
    ledger.start_run(RUN)
    ledger.issue([request()], ["file"], OPEN, RUN)
    ledger.record_exceptions([ExceptionSighting("e")], AS_OF)
    ledger.finish_run(RUN)
    assert ledger.decision_sequence() == 0


# -- exceptions ----------------------------------------------------------------------------------------------------


@given(nights=st.lists(st.sets(st.sampled_from("abcd")), max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_exception_keeps_the_day_it_was_first_seen(
    tmp_path_factory: pytest.TempPathFactory, nights: list[set[str]]
) -> None:
    first_seen: dict[str, date] = {}
    closed_on: dict[str, date | None] = {}
    with new_ledger(tmp_path_factory.mktemp("ledger")) as ledger:
        for number, seen in enumerate(nights):
            today = AS_OF + number * DAY
            ledger.record_exceptions([ExceptionSighting(name) for name in seen], today)
            entries = ledger.sequence()
            ledger.record_exceptions([ExceptionSighting(name) for name in sorted(seen)], today)
            assert ledger.sequence() == entries  # the same sight again says nothing new
            for name in seen:
                first_seen.setdefault(name, today)
                closed_on[name] = None
            for name in first_seen.keys() - seen:
                closed_on[name] = closed_on[name] or today
        assert ledger.extract()["exceptions"].to_pylist() == [
            {
                "exception_id": name,
                "first_seen": first_seen[name],
                "closed_on": closed_on[name],
                "control_id": None,
                "business_key": None,
                "period": None,
            }
            for name in sorted(first_seen)
        ]


def test_an_exception_is_told_by_its_first_sight(ledger: Ledger) -> None:
    ledger.record_exceptions([ExceptionSighting("e", "USG-07", "A-1/tokens", "2026-03")], AS_OF)
    ledger.record_exceptions([], AS_OF + DAY)
    [closed] = ledger.extract()["exceptions"].to_pylist()
    ledger.record_exceptions([ExceptionSighting("e", "USG-07", "A-1/other", "2026-03")], AS_OF + 2 * DAY)
    [reopened] = ledger.extract()["exceptions"].to_pylist()
    assert closed == {
        "exception_id": "e",
        "first_seen": AS_OF,
        "closed_on": AS_OF + DAY,
        "control_id": "USG-07",
        "business_key": "A-1/tokens",
        "period": "2026-03",
    }
    assert reopened == {**closed, "closed_on": None}


def test_an_identity_seen_twice_in_one_night_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="not unique"):
        ledger.record_exceptions([ExceptionSighting("e", "USG-07"), ExceptionSighting("e", "INV-02")], AS_OF)


# -- runs ----------------------------------------------------------------------------------------------------------


def test_the_last_finished_run_is_not_the_last_started(ledger: Ledger) -> None:
    assert ledger.last_finished_run() is None
    ledger.start_run(RUN)
    assert ledger.last_finished_run() is None
    ledger.finish_run(RUN)
    later = RunIdentity(3, 1, AS_OF + DAY, "c0de")
    ledger.start_run(later)
    assert ledger.last_finished_run() == RUN
    assert ledger.last_as_of() == later.as_of
    assert ledger.extract()["runs"].to_pylist() == [
        {"run_identity": RUN.text, "as_of": AS_OF, "register_sequence": 2, "decision_sequence": 1}
    ]


def test_a_run_repeated_is_one_run(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.start_run(RUN)
        ledger.finish_run(RUN)
    assert ledger.extract()["runs"].num_rows == 1


@pytest.mark.parametrize(
    "other",
    [
        RunIdentity(3, 1, AS_OF, "c0de"),
        RunIdentity(2, 2, AS_OF, "c0de"),
        RunIdentity(2, 1, AS_OF + DAY, "c0de"),
        RunIdentity(2, 1, AS_OF, "c0d"),
        RunIdentity(21, 1, AS_OF, "c0de"),
    ],
)
def test_the_identity_of_a_run_has_all_its_parts(other: RunIdentity) -> None:
    assert other.text != RUN.text
    assert RUN.text == RunIdentity(2, 1, date(2026, 4, 3), "c0de").text


# -- outbox --------------------------------------------------------------------------------------------------------

KEY = "file/C-1/2026-04-01/invoice/0/v1"
# The shortest way to each state.
WAYS = {
    "new": [],
    "planned": ["planned"],
    "sent": ["planned", "sent"],
    "unknown": ["planned", "unknown"],
    "confirmed": ["planned", "sent", "confirmed"],
    "rejected": ["rejected"],
}


@pytest.mark.parametrize("state", WAYS)  # what a person or a void does is tested with them
@pytest.mark.parametrize("following", ["planned", "sent", "unknown", "confirmed", "rejected", "new", "lost"])
def test_an_item_takes_no_step_but_the_allowed_ones(ledger: Ledger, state: str, following: str) -> None:
    ledger.issue([request()], ["file"], OPEN, RUN)
    for step in WAYS[state]:
        ledger.record_attempt(KEY, step, None, AS_OF)
    if following in STEPS[state]:
        ledger.record_attempt(KEY, following, None, AS_OF)
        assert ledger.outbox_items("file", 1)[0].state == following
    else:
        with pytest.raises(LedgerError, match=f"is {state} and cannot become {following}"):
            ledger.record_attempt(KEY, following, None, AS_OF)
        assert ledger.outbox_items("file", 1)[0].state == state
    assert ledger.open_batches("file") == (
        [] if ledger.outbox_items("file", 1)[0].state in ("confirmed", "rejected") else [1]
    )


def test_only_what_was_issued_can_be_attempted(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="only issued documents are delivered"):
        ledger.record_attempt("file/C-9/2026-04-01/invoice/0/v1", "planned", None, AS_OF)


def test_attempts_are_recorded_all_or_none(ledger: Ledger) -> None:
    ledger.issue([request("C-1"), request("C-2")], ["file"], OPEN, RUN)
    other = "file/C-2/2026-04-01/invoice/0/v1"
    with pytest.raises(LedgerError):
        ledger.record_attempts([Attempt(KEY, "planned"), Attempt(other, "confirmed")], AS_OF)
    assert {item.state for item in ledger.outbox_items("file", 1)} == {"new"}


def test_publications_tell_state_attempts_and_the_day_of_confirmation(ledger: Ledger) -> None:
    ledger.issue([request("C-1"), request("C-2")], ["file"], OPEN, RUN)
    for step in ("planned", "unknown", "planned", "sent"):
        ledger.record_attempt(KEY, step, None, AS_OF)
    ledger.record_attempt(KEY, "confirmed", None, AS_OF + DAY)
    first, second = ledger.extract()["publications"].to_pylist()
    assert (first["key"], first["state"], first["attempts"], first["confirmed_at"]) == (
        KEY,
        "confirmed",
        2,
        AS_OF + DAY,
    )
    assert (second["state"], second["attempts"], second["confirmed_at"]) == ("planned", 0, None)


# -- the extract ---------------------------------------------------------------------------------------------------


def test_an_empty_ledger_extracts_every_table_with_its_types(ledger: Ledger) -> None:
    tables = ledger.extract()
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS
    assert all(table.num_rows == 0 for table in tables.values())


def test_a_filled_ledger_extracts_the_same_types_and_something_in_each(ledger: Ledger) -> None:
    fill(ledger)
    tables = ledger.extract()
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS
    assert all(table.num_rows > 0 for table in tables.values())


def test_no_wall_clock_leaves_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extracts: list[dict[str, pa.Table]] = []
    for year in (2001, 2047):
        monkeypatch.setattr(clock, "recorded_at", lambda year=year: datetime(year, 1, 1, tzinfo=UTC))
        folder = tmp_path / str(year)
        with Ledger.open(url_of(folder)) as ledger:
            fill(ledger)
            extracts.append(ledger.extract())
        with sqlite3.connect(folder / "ledger.sqlite") as raw:
            times = raw.execute("select distinct substr(recorded_at, 1, 4) from entry").fetchall()
        assert times == [(str(year),)]  # the entries do know when they were written
    assert extracts[0] == extracts[1]


def test_a_ledger_that_another_process_writes_is_busy_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_assets.ledger.guard_rules.WAIT_SECONDS", 0.2)
    with Ledger.open(url_of(tmp_path)) as ledger:
        other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        other.execute("begin immediate")
        assert ledger.registered() == []  # readers go on
        with pytest.raises(LedgerBusy, match="another process"):
            ledger.register_batch(AS_OF, [found("a")])
        other.rollback()
        other.close()
        assert len(ledger.register_batch(AS_OF, [found("a")])) == 1
