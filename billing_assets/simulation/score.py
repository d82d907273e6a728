"""How well a run found what was planted: faults, their money, scopes and documents, against the truth.

Reads the published reports only, as an outsider would. It judges a run on a simulated landing zone; it is no control.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]
Scope = tuple[str, str]  # period, selling entity


@dataclass(frozen=True)
class FaultScore:
    """One planted fault: was it found, and with which money (None: nothing to compare)."""

    fault_id: str
    fault: str
    controls: str
    found: bool
    expected_amount: Decimal | None
    found_amount: Decimal | None
    currency: str

    @property
    def is_exact(self) -> bool:
        """Found with its money to the last digit, or found where no money was planted."""
        return self.found and (self.expected_amount is None or self.expected_amount == self.found_amount)


@dataclass(frozen=True)
class ScoreCard:
    """A run against the truth. Lists name what is wrong; empty lists are good."""

    faults: list[FaultScore]
    exceptions: int
    false_alarms: tuple[str, ...]
    scopes: int
    clean_scopes: int  # those of them that must be open with no document held
    clean_scopes_closed: tuple[str, ...]
    faulty_scopes_open: tuple[str, ...]
    documents: int
    held_expected: int
    documents_not_held: tuple[str, ...]
    clean_documents_held: tuple[str, ...]
    rows_not_quarantined: tuple[str, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """Planted faults that no exception of their period names."""
        return tuple(f.fault_id for f in self.faults if not f.found)

    @property
    def wrong_money(self) -> tuple[str, ...]:
        """Planted faults that were found with another amount than theirs, or with none."""
        return tuple(f.fault_id for f in self.faults if f.found and not f.is_exact)

    @property
    def recall(self) -> Decimal:
        """Share of planted faults found, 0 to 1."""
        return _share(len(self.faults) - len(self.missed), len(self.faults))

    @property
    def money_recall(self) -> Decimal:
        """Share of planted faults with a known amount that were found with exactly that amount, 0 to 1."""
        valued = [f for f in self.faults if f.expected_amount is not None]
        return _share(sum(f.is_exact for f in valued), len(valued))

    @property
    def precision(self) -> Decimal:
        """Share of exceptions that a planted fault explains, 0 to 1."""
        return _share(self.exceptions - len(self.false_alarms), self.exceptions)

    @property
    def shortcomings(self) -> list[str]:
        """Everything that is not as the truth has it, a line each."""
        lists = (
            ("missed", self.missed),
            ("wrong money", self.wrong_money),
            ("false alarm", self.false_alarms),
            ("clean scope closed", self.clean_scopes_closed),
            ("faulty scope open", self.faulty_scopes_open),
            ("clean document held", self.clean_documents_held),
            ("faulty document not held", self.documents_not_held),
            ("not in quarantine", self.rows_not_quarantined),
        )
        return [f"{title}: {item}" for title, items in lists for item in items]

    def render(self) -> str:
        """The card as plain text."""
        rows = [("fault", "what", "controls", "found", "planted", "reported")]
        rows += [
            (
                f.fault_id,
                f.fault,
                f.controls,
                "yes" if f.found else "NO",
                _money(f, f.expected_amount),
                _money(f, f.found_amount),
            )
            for f in self.faults
        ]
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        table = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        table.insert(1, "-" * len(table[0]))
        valued = sum(f.expected_amount is not None for f in self.faults)
        lines = [
            *table,
            "",
            f"faults      {len(self.faults)} planted, {len(self.missed)} missed: recall {self.recall}",
            f"money       {valued} planted amounts, {len(self.wrong_money)} wrong: recall {self.money_recall}",
            f"exceptions  {self.exceptions} raised, {len(self.false_alarms)} false alarms: precision {self.precision}",
            f"scopes      {self.scopes} judged: {len(self.faulty_scopes_open)} faulty ones open, "
            f"{len(self.clean_scopes_closed)} sound ones closed; {self.clean_scopes} clean",
            f"documents   {self.documents} drafted: {len(self.documents_not_held)} of {self.held_expected} faulty ones "
            f"not held, {len(self.clean_documents_held)} clean ones held",
        ]
        return "\n".join([*lines, *self.shortcomings])


def score(home: Path, truth: Path) -> ScoreCard:
    """Compare HOME/reports with a truth folder. Raises FileNotFoundError when either is not there."""
    planted, held = _truth(truth / "planted.csv"), _truth(truth / "held_documents.csv")
    clean = {(row["period"], row["selling_entity"]) for row in _truth(truth / "clean_scopes.csv")}
    exceptions = [row for row in _report(home, "exceptions") if row["status"] not in ("closed", "resolved")]
    gate, invoices, quarantine = (_report(home, name) for name in ("gate", "invoices", "quarantine"))
    scores, explained = _judge_faults(planted, exceptions)
    closed = {(row["period"], row["selling_entity"]) for row in planted if row["blocks"] == "scope"}
    scopes = {(row["period"], row["selling_entity"]): row["verdict"] for row in gate if row["level"] == "scope"}
    not_held, held_wrongly = _judge_documents(held, gate, invoices, closed)
    clean_closed, faulty_open = _judge_scopes(scopes, clean, closed)
    return ScoreCard(
        faults=scores,
        exceptions=len(exceptions),
        false_alarms=tuple(_told(row) for n, row in enumerate(exceptions) if n not in explained),
        scopes=len(scopes),
        clean_scopes=len(clean),
        clean_scopes_closed=clean_closed,
        faulty_scopes_open=faulty_open,
        documents=len(invoices),
        held_expected=len(held),
        documents_not_held=not_held,
        clean_documents_held=held_wrongly,
        rows_not_quarantined=_missing_rows(planted, quarantine),
    )


def _judge_faults(planted: list[Row], exceptions: list[Row]) -> tuple[list[FaultScore], set[int]]:
    """Every fault's score, and the positions of the exceptions that some fault explains."""
    scores, explained = [], set()
    for fault in planted:
        matches = [n for n, row in enumerate(exceptions) if _explains(fault, row)]
        explained.update(matches)
        in_period = [exceptions[n] for n in matches if exceptions[n]["period"] == fault["period"]]
        expected = Decimal(fault["amount"]) if fault["amount"] else None
        amounts = [
            row["amount"] for row in in_period if row["amount"] is not None and row["currency"] == fault["currency"]
        ]
        scores.append(
            FaultScore(
                fault_id=fault["fault_id"],
                fault=fault["fault"],
                controls=fault["control_ids"],
                found=bool(in_period),
                expected_amount=expected,
                found_amount=sum(amounts, Decimal(0)) if expected is not None and amounts else None,
                currency=fault["currency"],
            )
        )
    return scores, explained


def _explains(fault: Row, exception: Row) -> bool:
    """Whether the fault is a reason for the exception: the same control, and the same customer, file or scope."""
    if exception["control_id"] not in fault["control_ids"].split("|"):
        return False
    evidence = exception["evidence"] or ""
    evidence = evidence if isinstance(evidence, str) else json.dumps(evidence)
    if fault["path"] and fault["path"] in evidence:
        return True
    if fault["account_id"]:
        contract = exception["contract_id"] or ""
        known = exception["account_id"] == fault["account_id"] or contract.startswith(fault["contract_id"] or "\0")
        return known or f'"{fault["account_id"]}"' in evidence
    same_period = exception["period"] == fault["period"]
    if fault["blocks"] == "scope":
        return bool(same_period and exception["selling_entity"] == fault["selling_entity"])
    return bool(same_period and exception["account_id"] is None)


def _judge_scopes(
    scopes: dict[Scope, str], clean: set[Scope], closed: set[Scope]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scopes that should be open and are not; scopes that should be closed and are not."""
    wrong: dict[str, list[str]] = {"open": [], "closed": []}
    for scope in sorted(scopes.keys() | clean | closed):
        expected, found = "closed" if scope in closed else "open", scopes.get(scope, "not judged")
        if expected != found:
            wrong[expected].append(f"{scope[0]} {scope[1]} is {found}")
    return tuple(wrong["open"]), tuple(wrong["closed"])


def _judge_documents(
    held: list[Row], gate: list[Row], invoices: list[Row], closed: set[Scope]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Documents that should be held and are not; documents held that should not be (closed scopes hold all)."""
    expected = {row["document_id"] for row in held}
    refused = {row["key"] for row in gate if row["level"] == "document" and row["verdict"] == "closed"}
    stopped = {row["document_id"] for row in invoices if row["status"] == "held"} | refused
    wrongly = sorted(
        row["document_id"]
        for row in invoices
        if row["document_id"] in stopped - expected and (row["close_period"], row["selling_entity"]) not in closed
    )
    return tuple(sorted(expected - stopped)), tuple(wrongly)


def _missing_rows(planted: list[Row], quarantine: list[Row]) -> tuple[str, ...]:
    """Planted rows and files that the quarantine report does not show with their code (and line, where known)."""
    shown = {(row["path"], str(row["line"] or ""), row["code"]) for row in quarantine}
    shown |= {(path, "", code) for path, _, code in shown}
    return tuple(
        f"{fault['fault_id']} {fault['path']} line {fault['line'] or '-'} ({fault['quarantine_code']})"
        for fault in planted
        if fault["quarantine_code"] and (fault["path"], fault["line"], fault["quarantine_code"]) not in shown
    )


def _told(row: Row) -> str:
    names = ("control_id", "period", "selling_entity", "account_id", "contract_id", "document_id", "suggested_cause")
    return " ".join(str(row[name]) for name in names if row[name] is not None)


def _money(fault: FaultScore, amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.quantize(Decimal('0.01'))} {fault.currency}"


def _share(part: int, whole: int) -> Decimal:
    """A share to three digits; nothing of nothing is all."""
    return Decimal(1) if not whole else (Decimal(part) / whole).quantize(Decimal("0.001"))


def _report(home: Path, name: str) -> list[Row]:
    rows: list[Row] = pq.read_table(home / "reports" / f"{name}.parquet").to_pylist()
    return rows


def _truth(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
