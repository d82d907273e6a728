"""How well a run found what was planted: faults, their money, scopes and documents, against the truth.

Reads the published reports only, as an outsider would. It judges a run on a simulated landing zone; it is no control.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]
Scope = tuple[str, str]  # period, selling entity
# What is metered for AWS goes over in whole cents; up to one is carried into another month.
METERING_TOLERANCE = Decimal("0.01")


@dataclass(frozen=True)
class FaultScore:
    """One planted fault: was it found, and with which money (None: nothing to compare). A fault that names no control
    is one that a sound run absorbs: it counts as found where nothing was raised."""

    fault_id: str
    fault: str
    controls: str
    found: bool
    expected_amount: Decimal | None
    found_amount: Decimal | None
    currency: str
    tolerance: Decimal = Decimal(0)

    @property
    def is_exact(self) -> bool:
        """Found with its money (to the last digit, but for its tolerance), or found where no money was planted."""
        if self.expected_amount is None or self.found_amount is None:
            return self.found and self.expected_amount is None
        return self.found and abs(self.expected_amount - self.found_amount) <= self.tolerance


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
    clean_agreements: int  # those that may only have differences which are not due yet
    breaks: int  # rows of reconciliation that are breaks
    breaks_unexplained: tuple[str, ...]  # those of them that no planted fault explains

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
            ("unexplained break", self.breaks_unexplained),
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
            f"agreements  {self.clean_agreements} clean; {self.breaks} breaks in all, "
            f"{len(self.breaks_unexplained)} of them unexplained",
        ]
        return "\n".join([*lines, *self.shortcomings])


def score(home: Path, truth: Path) -> ScoreCard:
    """Compare HOME/reports with a truth folder. Raises FileNotFoundError when either is not there."""
    planted, held = _truth(truth / "planted.csv"), _truth(truth / "held_documents.csv")
    clean = {(row["period"], row["selling_entity"]) for row in _truth(truth / "clean_scopes.csv")}
    agreements = _truth(truth / "clean_agreements.csv") if (truth / "clean_agreements.csv").exists() else []
    exceptions = [row for row in _report(home, "exceptions") if row["status"] not in ("closed", "resolved")]
    gate, invoices, quarantine = (_report(home, name) for name in ("gate", "invoices", "quarantine"))
    reconciled = _report(home, "reconciliation") if (home / "reports" / "reconciliation.parquet").exists() else []
    breaks = [row for row in reconciled if row["status"] == "break"]
    scores, explained = _judge_faults(planted, exceptions, reconciled)
    closed = {(row["period"], row["selling_entity"]) for row in planted if row["blocks"] == "scope"}
    # AWS issues what is sold there: a scope of its channel holds nothing, so the truth says nothing of it.
    scopes = {
        (row["period"], row["selling_entity"]): row["verdict"]
        for row in gate
        if row["level"] == "scope" and row.get("channel", "direct") == "direct"
    }
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
        clean_agreements=len(agreements),
        breaks=len(breaks),
        breaks_unexplained=tuple(
            _told_break(row) for row in breaks if not any(_types(fault, row) for fault in planted)
        ),
    )


def _judge_faults(
    planted: list[Row], exceptions: list[Row], reconciled: list[Row]
) -> tuple[list[FaultScore], set[int]]:
    """Every fault's score, and the positions of the exceptions that some fault explains."""
    scores, explained = [], set()
    for fault in planted:
        matches = [n for n, row in enumerate(exceptions) if _explains(fault, row)]
        explained.update(matches)
        if _is_absorbed(fault) or fault.get("break_code"):
            scores.append(_judge_in_marketplace(fault, [exceptions[n] for n in matches], exceptions, reconciled))
            continue
        in_period = [exceptions[n] for n in matches if exceptions[n]["period"] in fault["period"].split("|")]
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


def _is_absorbed(fault: Row) -> bool:
    return not fault["control_ids"]


def _judge_in_marketplace(fault: Row, own: list[Row], exceptions: list[Row], reconciled: list[Row]) -> FaultScore:
    """A fault of AWS's or the bank's side: an exception or a typed row of reconciliation tells of it. Several may tell
    of the same money, so the nearest of them counts, not their sum."""
    periods = fault["period"].split("|")
    told = [row for row in own if row["period"] in periods]
    typed = [row for row in reconciled if row["status"] != "timing" and _types(fault, row)]
    expected = Decimal(fault["amount"]) if fault["amount"] and not _is_absorbed(fault) else None
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in told:
        if row["amount"] is not None and row["currency"] == fault["currency"]:
            totals["exception", row["control_id"]] += abs(row["amount"])
    for row in typed:
        if row["currency"] == fault["currency"]:
            totals[row["reconciliation_id"], row["period"]] += abs(row["difference"])
    nearest = min(totals.values(), key=lambda amount: abs(amount - (expected or 0)), default=None)
    if _is_absorbed(fault):
        found = not any(
            fault["agreement_id"] and row["period"] in periods and _names(fault["agreement_id"], row)
            for row in [*exceptions, *(row for row in reconciled if row["status"] == "break")]
        )
    else:
        found = bool(told or typed)
    return FaultScore(
        fault_id=fault["fault_id"],
        fault=fault["fault"],
        controls=fault["control_ids"] or "(none)",
        found=found,
        expected_amount=expected,
        found_amount=nearest if expected is not None else None,
        currency=fault["currency"],
        tolerance=METERING_TOLERANCE,
    )


def _names(agreement_id: str, row: Row) -> bool:
    """Whether a row, in its own column, its key or its evidence, is of the agreement."""
    texts = (row.get("agreement_id"), row.get("key"), row.get("evidence"))
    return any(agreement_id in (text if isinstance(text, str) else json.dumps(text)) for text in texts if text)


def _types(fault: Row, row: Row) -> bool:
    """Whether a row of reconciliation is typed as the fault is, in its agreement (or, of a payout, with its money)."""
    if not fault.get("agreement_id"):
        # The seller's own side: a row of the customer that some fault is planted at.
        return bool(fault["account_id"]) and row.get("account_id") == fault["account_id"]
    if row["break_code"] not in fault["break_code"].split("|"):
        return False
    if _names(fault["agreement_id"], row):
        return True
    return not row.get("agreement_id") and _is_its_money(fault, row["difference"], row["currency"])


def _is_its_money(fault: Row, amount: Decimal | None, currency: str | None) -> bool:
    is_comparable = bool(fault["amount"]) and amount is not None and currency == fault["currency"]
    return is_comparable and abs(abs(amount or Decimal(0)) - Decimal(fault["amount"])) <= METERING_TOLERANCE


def _explains(fault: Row, exception: Row) -> bool:
    """Whether the fault is a reason for the exception: the same control, and the same customer, file or scope."""
    if exception["control_id"] not in fault["control_ids"].split("|"):
        return False
    evidence = exception["evidence"] or ""
    evidence = evidence if isinstance(evidence, str) else json.dumps(evidence)
    if fault["path"] and fault["path"] in evidence:
        return True
    if fault.get("agreement_id") and exception["account_id"] is None:
        # A payout or a bank line is of no one agreement: its money tells.
        amount, currency = exception["amount"], exception["currency"]
        return _names(fault["agreement_id"], exception) or _is_its_money(fault, amount, currency)
    if fault["account_id"]:
        contract = exception["contract_id"] or ""
        known = exception["account_id"] == fault["account_id"] or contract.startswith(fault["contract_id"] or "\0")
        return known or f'"{fault["account_id"]}"' in evidence
    same_period = exception["period"] in fault["period"].split("|")
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


def _told_break(row: Row) -> str:
    names = ("reconciliation_id", "period", "key", "break_code", "difference", "currency")
    return " ".join(str(row[name]) for name in names if row[name] is not None)


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
