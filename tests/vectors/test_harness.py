"""The harness itself: what it compares, reads and reports, on vectors whose route is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import harness
from tests.vectors.__main__ import main
from tests.vectors.compare import difference
from tests.vectors.vector import Failed, Inexpressible, Outcome, read_folder

Write = Callable[..., Path]


def vector(name: str = "graduated/peer-001", op: str = "rate", **fields: Any) -> dict[str, Any]:
    return {"id": name, "op": op, "currency": "USD", "amount_unit": "major", "expected": {"amount": "10"}} | fields


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(*vectors: Any, name: str = "graduated.json", schema: str = "billing-vectors/1") -> Path:
        document = {"schema": schema, "category": "graduated", "vectors": list(vectors)}
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
        return tmp_path

    return _write


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Outcome]:
    """What the routes answer, by id; a vector that has no answer breaks its route."""
    given: dict[str, Outcome] = {}
    monkeypatch.setattr(harness, "_route", lambda module: lambda vectors: {one.id: given[one.id] for one in vectors})
    return given


@pytest.mark.parametrize(
    ("expected", "actual", "agree"),
    [
        ({"amount": "15.00"}, {"amount": Decimal("15")}, True),
        ({"amount": "15.00"}, {"amount": Decimal("15.001")}, False),
        ({"amount": "0"}, {"amount": Decimal("-0.00")}, True),
        ({"amount": "1", "units": "2"}, {"amount": "1"}, False),
        ({"amount": "1"}, {"amount": "1", "units": "2"}, True),
        ({"net_by_run": ["1", "-2"]}, {"net_by_run": [1, Decimal(-2)]}, True),
        ({"net_by_run": ["1", "-2"]}, {"net_by_run": [1]}, False),
        ({"balances": {"g1": "0"}}, {"balances": {"g1": 0, "g2": 5}}, True),
        ({"balances": {"g1": "0"}}, {"balances": {}}, False),
        ({"date": "2026-02-28"}, {"date": "2026-02-28"}, True),
        ({"date": None}, {"date": "2026-02-28"}, False),
        ({"due": True}, {"due": 1}, False),
    ],
)
def test_every_expected_key_must_agree(expected: dict[str, Any], actual: dict[str, Any], agree: bool) -> None:
    assert (difference(expected, actual) is None) is agree


def test_a_tolerance_is_absolute_and_may_be_of_one_key() -> None:
    assert difference({"amount": "10"}, {"amount": "10.01"}, "0.01") is None
    assert difference({"amount": "10"}, {"amount": "10.011"}, "0.01")
    assert difference({"amount": "10", "units": "1"}, {"amount": "10.01", "units": "1.01"}, {"amount": "0.01"})


def test_a_wrong_figure_fails_and_says_where(write: Write, answers: dict[str, Outcome]) -> None:
    answers["graduated/peer-001"] = {"amount": Decimal("9.99")}
    (result,) = harness.run(read_folder(write(vector())))
    assert (result.status, result.route) == ("fail", "pipeline")
    assert result.reason == "amount: expected 10, got 9.99"


def test_an_unknown_op_is_a_failure_of_its_own(write: Write, answers: dict[str, Outcome]) -> None:
    answers["graduated/peer-001"] = {"amount": "10"}
    found = {r.id: r for r in harness.run(read_folder(write(vector(), vector("x/peer-002", "guess"))))}
    assert found["graduated/peer-001"].status == "pass"
    assert (found["x/peer-002"].status, found["x/peer-002"].reason) == ("fail", "no route computes this op")


def test_a_broken_vector_or_file_stops_no_other(write: Write, answers: dict[str, Outcome]) -> None:
    answers["graduated/peer-001"] = {"amount": "10"}
    folder = write(vector(), vector("graduated/peer-002", expected="10"), 7)
    (folder / "volume.json").write_text("{", encoding="utf-8")
    write(vector("x/peer-009"), name="other.json", schema="vectors/9")
    found = {r.id: r for r in harness.run(read_folder(folder))}
    assert found["graduated/peer-001"].status == "pass"
    assert {name for name, result in found.items() if result.status == "fail"} == {
        "graduated/peer-002", "graduated.json vector 2", "volume.json", "other.json",
    }  # fmt: skip
    assert "volume.json" in (found["volume.json"].reason or "")


def test_the_same_id_twice_is_reported(write: Write, answers: dict[str, Outcome]) -> None:
    answers["graduated/peer-001"] = {"amount": "10"}
    statuses = [result.status for result in harness.run(read_folder(write(vector(), vector())))]
    assert sorted(statuses) == ["fail", "pass"]


def test_a_route_that_breaks_fails_its_own_vectors_only(write: Write, answers: dict[str, Outcome]) -> None:
    answers["graduated/peer-001"] = {"amount": "10"}
    folder = write(vector(), vector("tax/peer-001", "tax"))
    found = {result.id: result for result in harness.run(read_folder(folder))}
    assert found["graduated/peer-001"].status == "pass"
    assert "broke down" in (found["tax/peer-001"].reason or "")


def test_only_the_named_op_is_run(write: Write, answers: dict[str, Outcome]) -> None:
    answers["tax/peer-001"] = {"amount": "10"}
    folder = write(vector(), vector("tax/peer-001", "tax"))
    assert [result.id for result in harness.run(read_folder(folder), ["tax"])] == ["tax/peer-001"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [({"amount": "10"}, 0), ({"amount": "11"}, 1), (Inexpressible("a term for it"), 0), (Failed("held"), 1)],
)
def test_the_exit_code_says_whether_any_failed(
    write: Write, answers: dict[str, Outcome], capsys: pytest.CaptureFixture[str], answer: Outcome, code: int
) -> None:
    answers["graduated/peer-001"] = answer
    folder = write(vector())
    report = folder / "out.json"
    assert main([str(folder), "--report", str(report)]) == code
    (row,) = json.loads(report.read_text(encoding="utf-8"))
    assert list(row) == ["id", "op", "route", "status", "expected", "actual", "reason"]
    assert row["status"] in capsys.readouterr().out
    # The report lies in the folder now, and is no vector file.
    assert main([str(folder)]) == code


def test_a_folder_without_vectors_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no vectors" in capsys.readouterr().err


def test_ids_are_sorted_in_the_report(write: Write, answers: dict[str, Outcome]) -> None:
    answers |= {name: {"amount": "10"} for name in ("b/peer-001", "a/peer-001")}
    assert [r.id for r in harness.run(read_folder(write(vector("b/peer-001"), vector("a/peer-001"))))] == [
        "a/peer-001", "b/peer-001",
    ]  # fmt: skip


def test_every_op_of_the_format_has_a_route() -> None:
    assert len(harness.ROUTE_OF) == 46
