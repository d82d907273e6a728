"""The score sees what a run found and what it did not, and is not pleased by nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billing_assets.simulation.score import ScoreCard, score

COLUMNS = (
    "fault_id,fault,control_ids,period,selling_entity,channel,account_id,contract_id,path,line,event_id,"
    "quarantine_code,quantity,unit,amount,currency,blocks,note"
)
PLANTED = f"""{COLUMNS}
D1,price cut,RAT-03,2026-03,US01,direct,A-1,C-1,,,,,,,12.15,USD,document,
R1,NaN,USG-06,2026-01,US01,direct,A-2,C-2,usage/a.jsonl.gz,7,e1,number,,,,,none,
S1,lost file,USG-02|USG-03,2026-02,US01,direct,,,usage/b.jsonl.gz,,,,,,,,scope,
"""
HELD = "document_id,fault_id,period,selling_entity,total,currency\nC-1/2026-04-01/invoice/0,D1,2026-03,US01,,\n"
CLEAN = "period,selling_entity,channel\n2026-01,US01,direct\n"


def exception(control: str, period: str, account: str | None = None, amount: str | None = None) -> dict[str, Any]:
    return {
        "control_id": control,
        "period": period,
        "selling_entity": "US01",
        "account_id": account,
        "contract_id": None,
        "document_id": None,
        "amount": None if amount is None else Decimal(amount),
        "currency": None if amount is None else "USD",
        "status": "open",
        "suggested_cause": "cause",
        "evidence": "{}",
    }


def scope(period: str, verdict: str) -> dict[str, Any]:
    return {"level": "scope", "key": period, "period": period, "selling_entity": "US01", "verdict": verdict}


def reports() -> dict[str, list[dict[str, Any]]]:
    """What a faultless run publishes for the truth above."""
    return {
        "exceptions": [
            exception("RAT-03", "2026-03", "A-1", "12.150000000000"),
            exception("USG-06", "2026-01", "A-2"),
            exception("USG-02", "2026-02"),
        ],
        "gate": [
            scope("2026-01", "open"),
            scope("2026-02", "closed"),
            scope("2026-03", "open"),
            {**scope("2026-03", "closed"), "level": "document", "key": "C-1/2026-04-01/invoice/0"},
        ],
        "invoices": [
            {"document_id": document, "status": status, "close_period": period, "selling_entity": "US01"}
            for document, status, period in (
                ("C-1/2026-04-01/invoice/0", "held", "2026-03"),
                ("C-2/2026-04-01/invoice/0", "issued", "2026-03"),
                ("C-2/2026-03-01/invoice/0", "held", "2026-02"),
            )
        ],
        "quarantine": [{"path": "usage/a.jsonl.gz", "line": 7, "code": "number"}],
    }


@pytest.fixture
def card(tmp_path: Path) -> Any:
    def judge(found: dict[str, list[dict[str, Any]]]) -> ScoreCard:
        for name, text in (("planted", PLANTED), ("held_documents", HELD), ("clean_scopes", CLEAN)):
            (tmp_path / "truth").mkdir(exist_ok=True)
            (tmp_path / "truth" / f"{name}.csv").write_text(text, encoding="utf-8")
        (tmp_path / "reports").mkdir(exist_ok=True)
        for name, rows in found.items():
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / "reports" / f"{name}.parquet")
        return score(tmp_path, tmp_path / "truth")

    return judge


def test_a_faultless_run_is_perfect(card: Any) -> None:
    result = card(reports())
    assert result.shortcomings == []
    assert (result.recall, result.money_recall, result.precision) == (1, 1, 1)
    assert "3 planted, 0 missed: recall 1.000" in result.render()


def test_a_missed_fault_lowers_recall(card: Any) -> None:
    found = reports()
    found["exceptions"].pop(0)
    result = card(found)
    assert result.recall == Decimal("0.667")
    assert result.missed == ("D1",)
    assert "missed: D1" in result.render()


def test_found_with_other_money_is_not_exact(card: Any) -> None:
    found = reports()
    found["exceptions"][0]["amount"] = Decimal("12.16")
    result = card(found)
    assert (result.recall, result.money_recall) == (1, 0)
    assert result.wrong_money == ("D1",)


def test_found_in_another_period_is_not_found(card: Any) -> None:
    found = reports()
    found["exceptions"][0]["period"] = "2026-01"
    assert card(found).recall == Decimal("0.667")


def test_an_exception_nobody_planted_is_a_false_alarm(card: Any) -> None:
    found = reports()
    found["exceptions"].append(exception("RAT-03", "2026-03", "A-9", "1"))
    result = card(found)
    assert result.precision == Decimal("0.750")
    assert "A-9" in result.false_alarms[0]


def test_an_open_scope_that_should_be_closed_is_wrong_and_so_is_a_closed_clean_one(card: Any) -> None:
    found = reports()
    found["gate"][0]["verdict"], found["gate"][1]["verdict"] = "closed", "open"
    result = card(found)
    assert result.clean_scopes_closed == ("2026-01 US01 is closed",)
    assert result.faulty_scopes_open == ("2026-02 US01 is open",)


def test_a_closed_scope_that_the_truth_says_nothing_of_is_wrong(card: Any) -> None:
    found = reports()
    found["gate"].append(scope("2026-04", "closed"))
    assert card(found).clean_scopes_closed == ("2026-04 US01 is closed",)


def test_held_documents_are_compared_outside_closed_scopes(card: Any) -> None:
    found = reports()
    found["gate"].pop()
    found["invoices"][0]["status"], found["invoices"][1]["status"] = "issued", "held"
    result = card(found)
    assert result.documents_not_held == ("C-1/2026-04-01/invoice/0",)
    assert result.clean_documents_held == ("C-2/2026-04-01/invoice/0",)


def test_a_planted_row_that_is_not_in_quarantine_is_named(card: Any) -> None:
    found = reports()
    found["quarantine"][0]["line"] = 8
    assert card(found).rows_not_quarantined == ("R1 usage/a.jsonl.gz line 7 (number)",)


# Marketplace: exceptions and rows of reconciliation

AGREEMENT, OTHER = "agmt-1", "agmt-2"


def marketplace_fault(
    fault_id: str, controls: str, periods: str, amount: str, codes: str, agreement: str = AGREEMENT
) -> str:
    return (
        f"{fault_id},x,{controls},{periods},US01,aws_marketplace,A-9,C-9,,,,,,,{amount},USD,none,,{agreement},{codes}\n"
    )


def row(code: str, agreement: str | None, difference: str, status: str = "break", period: str = "2026-01") -> Any:
    return {
        "reconciliation_id": "R08",
        "period": period,
        "key": "{}" if agreement is None else f'{{"agreement_id": "{agreement}"}}',
        "agreement_id": agreement,
        "account_id": None,
        "currency": "USD",
        "difference": Decimal(difference),
        "break_code": code,
        "status": status,
    }


@pytest.fixture
def market_card(tmp_path: Path) -> Any:
    def judge(faults: str, exceptions: list[dict[str, Any]], rows: list[dict[str, Any]]) -> ScoreCard:
        (tmp_path / "truth").mkdir()
        (tmp_path / "truth" / "planted.csv").write_text(
            f"{COLUMNS},agreement_id,break_code\n{faults}", encoding="utf-8"
        )
        (tmp_path / "truth" / "held_documents.csv").write_text(HELD.split("\n")[0] + "\n", encoding="utf-8")
        (tmp_path / "truth" / "clean_scopes.csv").write_text(CLEAN.split("\n")[0] + "\n", encoding="utf-8")
        clean = f"agreement_id,contract_id,account_id\n{OTHER},C-8,A-8\n"
        (tmp_path / "truth" / "clean_agreements.csv").write_text(clean, encoding="utf-8")
        (tmp_path / "reports").mkdir()
        found = {**reports(), "exceptions": exceptions, "reconciliation": rows, "gate": [], "invoices": []}
        for name, lines in found.items():
            schema = pa.Table.from_pylist(lines or reports().get(name) or [row("B01", None, "1")])
            pq.write_table(schema.slice(0, len(lines)), tmp_path / "reports" / f"{name}.parquet")
        return score(tmp_path, tmp_path / "truth")

    return judge


def test_a_typed_row_of_its_agreement_tells_of_a_fault(market_card: Any) -> None:
    fault = marketplace_fault("M1", "MKT-04", "2026-01", "6.37", "B17|B18")
    result = market_card(fault, [], [row("B18", AGREEMENT, "-6.364400"), row("B11", OTHER, "9", "timing")])
    assert (result.missed, result.wrong_money, result.breaks_unexplained) == ((), (), ())
    assert (result.breaks, result.clean_agreements) == (1, 1)


def test_more_than_the_carried_fraction_is_wrong_money(market_card: Any) -> None:
    fault = marketplace_fault("M1", "MKT-04", "2026-01", "6.37", "B18")
    assert market_card(fault, [], [row("B18", AGREEMENT, "6.35")]).wrong_money == ("M1",)


def test_another_code_does_not_tell_of_it_and_is_unexplained(market_card: Any) -> None:
    fault = marketplace_fault("M1", "MKT-04", "2026-01", "6.37", "B18")
    result = market_card(fault, [], [row("B22", AGREEMENT, "6.37")])
    assert result.missed == ("M1",)
    assert len(result.breaks_unexplained) == 1


def test_a_break_of_a_clean_agreement_is_unexplained(market_card: Any) -> None:
    fault = marketplace_fault("M1", "MKT-04", "2026-01", "6.37", "B18")
    result = market_card(fault, [], [row("B18", AGREEMENT, "6.37"), row("B18", OTHER, "6.37")])
    assert len(result.breaks_unexplained) == 1
    assert OTHER in result.breaks_unexplained[0]


def test_a_payout_is_told_by_its_money(market_card: Any) -> None:
    fault = marketplace_fault("M1", "MKT-07", "2026-01|2026-03", "25.00", "B12")
    found = [exception("MKT-07", "2026-03", None, "25")]
    assert market_card(fault, found, [row("B12", None, "25")]).shortcomings == []


def test_what_must_raise_nothing_is_missed_when_it_does(market_card: Any) -> None:
    fault = marketplace_fault("N1", "", "2026-01", "", "")
    assert market_card(fault, [], [row("B18", AGREEMENT, "6.37", "matched")]).missed == ()


def test_what_must_raise_nothing_is_missed_on_a_break(market_card: Any) -> None:
    fault = marketplace_fault("N1", "", "2026-01", "", "")
    assert market_card(fault, [], [row("B22", AGREEMENT, "6.37")]).missed == ("N1",)
