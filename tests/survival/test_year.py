"""After every month of a small seller's year: balances go on item by item, locked months stay, the record is sound."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.close import frozen
from billing_assets.ledger.periods import LOCKED
from tests.end_to_end.conftest import report
from tests.survival.year import ENTITIES, REOPENED, VOIDED, Year

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt, pytest.mark.soak]

# Two months have everything in them but the second lock of the month that is opened again; a night takes half a minute.
SMALL, FULL = 2, 12
Row = dict[str, Any]
# What a row of the roll-forward carries on, month by month; and credit, grant by grant.
_ROLLED = ("kind", "selling_entity", "currency", "agreement_id", "aws_entity")
_GRANT = ("contract_id", "grant_id", "currency")
_NONE = Decimal(0)


@dataclass
class Auditor:
    """Asks after every month what must be true, and remembers what may never change again."""

    year: Year
    closed: dict[str, bytes] = field(default_factory=dict)
    items: dict[str, Decimal] = field(default_factory=dict)  # document id -> open, as of the last month
    documents: set[str] = field(default_factory=set)
    shut: dict[tuple[str, str, int], set[str]] = field(default_factory=dict)  # locked month -> its documents
    seen: list[str] = field(default_factory=list)

    def after_month(self) -> None:
        with self.year.ledger() as ledger:
            assert ledger.verify() == []
            assert frozen.verify(self.year.nightly().settings, ledger) == []
            issued: list[Row] = ledger.extract()["issued_documents"].to_pylist()
            states = ledger.period_states()
        self.closed_files_stay()
        self.nothing_posted_into_a_locked_month(issued, states)
        self.numbers_are_gapless(issued)
        self.balances_go_on(states)
        self.open_items_are_what_was_issued_credited_and_paid([row for row in issued if row["voided_on"] is None])
        self.documents = {row["document_id"] for row in issued}

    def closed_files_stay(self) -> None:
        folder = self.year.home / "reports" / "closed"
        now = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert {name: now.get(name) for name in self.closed} == self.closed
        self.closed = now

    def nothing_posted_into_a_locked_month(self, issued: list[Row], states: Any) -> None:
        for (entity, period), at in states.items():
            inside = {
                row["document_id"]
                for row in issued
                if row["selling_entity"] == entity and row["close_period"] <= period
            }
            if at.state == LOCKED:
                assert self.shut.setdefault((entity, period, at.version), inside) == inside, f"{entity} {period}"

    def numbers_are_gapless(self, issued: list[Row]) -> None:
        ranges: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for row in issued:
            ranges[row["selling_entity"], row["kind"]].append(int(row["number"].rpartition("-")[2]))
        for key, numbers in ranges.items():
            assert sorted(numbers) == list(range(1, len(numbers) + 1)), key

    def balances_go_on(self, states: Any) -> None:
        """Every balance, of every kind and grant, begins a month with what it ended the month before with."""
        rows = report(self.year.home, "receivable_rollforward")
        assert [row for row in rows if row["difference"]] == []
        _chained(rows, _ROLLED)
        _chained(report(self.year.home, "credit_balances"), _GRANT)
        for (entity, period), at in states.items():
            if at.state != LOCKED:
                continue
            now = {_key(row, _ROLLED): row["closing"] for row in rows if _is_of(row, entity, period)}
            text = self.closed[f"{entity}/{period}.v{at.version}/receivable_rollforward.csv"].decode()
            of_month = [row for row in csv.DictReader(io.StringIO(text)) if _is_of(row, entity, period)]
            assert {_key(row, _ROLLED): Decimal(row["closing"]) for row in of_month} == now, f"{entity} {period}"

    def open_items_are_what_was_issued_credited_and_paid(self, issued: list[Row]) -> None:
        """Recomputed from the documents and from the payments that the year made, document by document."""
        expected = _open_items(issued, self.year.paid)
        items = {row["document_id"]: row for row in self.year.items()}
        assert {name: row["open_amount"] for name, row in items.items()} == expected
        touched = {row["document_id"] for row in issued if row["document_id"] not in self.documents}
        touched |= {row["corrects_document_id"] for row in issued if row["document_id"] in touched}
        untouched = self.items.keys() & expected.keys() - touched - self.year.paid.keys()
        assert {name: self.items[name] for name in untouched} == {name: expected[name] for name in untouched}
        self.items = expected

        sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for name, amount in expected.items():
            sums[items[name]["selling_entity"], items[name]["currency"]] += amount
        rows = [row for row in report(self.year.home, "receivable_rollforward") if row["kind"] == "ar"]
        last = max(row["period"] for row in rows)
        closing = {(row["selling_entity"], row["currency"]): row["closing"] for row in rows if row["period"] == last}
        assert closing == dict(sums)


def _open_items(issued: list[Row], paid: dict[str, Decimal]) -> dict[str, Decimal]:
    """Total less credit used and cash; then each credit memo settles its invoice, as far as that is open."""
    left = {
        row["document_id"]: row["total"] - row["paid_from_credits"] - paid.get(row["document_id"], _NONE)
        for row in issued
    }
    for memo in sorted(issued, key=lambda row: row["sequence"]):
        corrected = memo["corrects_document_id"]
        if memo["kind"] != "credit_memo" or corrected is None:
            continue
        given = min(-left[memo["document_id"]], max(left[corrected], _NONE))
        left[memo["document_id"]] += given
        left[corrected] -= given
    return left


def _chained(rows: list[Row], names: tuple[str, ...]) -> None:
    balances: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        balances[_key(row, names)].append(row)
    for key, months in balances.items():
        before = _NONE
        for row in sorted(months, key=lambda row: row["period"]):
            assert row["opening"] == before, f"{key} {row['period']}"
            before = row["closing"]


def _key(row: Row, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row[name] or None for name in names)


def _is_of(row: Row, entity: str, period: str) -> bool:
    return bool(row["selling_entity"] == entity and row["period"] == period)


def live_through(root: Path, months: int) -> Iterator[Year]:
    year = Year(root)
    auditor = Auditor(year)
    for number in range(months):
        year.month(number)
        auditor.after_month()
        yield year


def judged(root: Path, months: int) -> Year:
    """A year of so many months, judged after each, and with something of everything in it."""
    year = list(live_through(root, months))[-1]
    told = "\n".join(year.happened)
    for what in ("rebill of", "credit of", "void of", "waivers for", "reopened", "late calls", "payments"):
        assert what in told, what
    assert report(year.home, "invoice_lines", "select * from report where line_kind = 'adjustment'")
    with year.ledger() as ledger:
        states = ledger.period_states()
        voided = [row for row in ledger.extract()["issued_documents"].to_pylist() if row["voided_on"] is not None]
    assert months > max(VOIDED, REOPENED)
    open_again = months == REOPENED + 1  # it is locked a month later
    assert len([at for at in states.values() if at.state == LOCKED]) == len(ENTITIES) * (months - 1) - open_again
    assert sum(at.version == 2 for at in states.values()) == 1
    assert len(voided) == 1
    return year


def test_two_months(tmp_path: Path) -> None:
    judged(tmp_path, SMALL)


def test_twelve_months(tmp_path: Path) -> None:
    print("\n".join(judged(tmp_path, FULL).happened))
