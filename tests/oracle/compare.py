"""Bills of a home against those of the oracle: documents, their sums, and every line by its business key.

Used by the test, and by hand: `python -m tests.oracle.compare HOME LANDING` prints the differences by construct.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from tests.oracle.figures import decimal
from tests.oracle.rater import Bill, bills
from tests.oracle.terms import Line
from tests.oracle.world import AS_OF

# A credit or a tax is compared per bill and code: which line bears a cent of it is not the customer's concern.
PER_CODE = {"credit", "tax"}
HEADER = ("subtotal", "discount", "credit_applied", "tax", "total", "paid_from_credits")
Key = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Difference:
    contract_id: str
    key: Key
    theirs: Decimal | None
    ours: Decimal | None

    def __str__(self) -> str:
        return f"{self.contract_id:24} {' '.join(self.key):78} home {self.theirs!s:>16}  oracle {self.ours!s:>16}"


def _line_key(
    bill_date: date, kind: str, charge: str, reference: str, group: dict[str, str | None], start: date
) -> Key:
    if kind in PER_CODE:
        return (str(bill_date), kind, reference)
    named = json.dumps({name: value for name, value in sorted(group.items()) if value})
    return (str(bill_date), kind, charge, reference if kind == "discount" else "", named, str(start))


def expected(found: Iterable[Bill]) -> dict[tuple[str, Key], Decimal]:
    figures: defaultdict[tuple[str, Key], Decimal] = defaultdict(Decimal)
    for bill in found:
        header = {
            "subtotal": bill.sum() - bill.sum("discount", "credit", "tax"),
            "discount": bill.sum("discount"),
            "credit_applied": bill.sum("credit"),
            "tax": bill.sum("tax"),
            "total": bill.sum(),
            "paid_from_credits": bill.paid_from_credits,
        }
        for name, value in header.items():
            figures[bill.contract_id, (str(bill.bill_date), name)] = decimal(value)
        for line in bill.lines:
            figures[bill.contract_id, _oracle_key(line)] += decimal(line.amount)
    return figures


def _oracle_key(line: Line) -> Key:
    return _line_key(line.bill_date, line.kind, line.charge, line.reference or "", dict(line.group), line.start)


def billed(home: Path, as_of: date) -> dict[tuple[str, Key], Decimal]:
    """The same figures from the home's reports."""
    figures: defaultdict[tuple[str, Key], Decimal] = defaultdict(Decimal)
    with duckdb.connect() as connection:
        where = f"where bill_date <= date '{as_of}'"
        invoices = f"read_parquet('{home}/reports/invoices.parquet')"
        for contract_id, bill_date, *values in connection.sql(
            f"select contract_id, bill_date, {', '.join(HEADER)} from {invoices} {where}"
        ).fetchall():
            for name, value in zip(HEADER, values, strict=True):
                figures[contract_id, (str(bill_date), name)] += Decimal(value)
        for contract_id, bill_date, kind, charge, reference, group, start, amount in connection.sql(
            "select contract_id, bill_date, line_kind, charge_id, reference_id, group_key, l.service_from, l.amount "
            f"from read_parquet('{home}/reports/invoice_lines.parquet') l join {invoices} using (document_id) {where}"
        ).fetchall():
            key = _line_key(bill_date, kind, charge, reference or "", json.loads(group or "{}"), start)
            figures[contract_id, key] += Decimal(amount)
    return figures


def differences(home: Path, landing: Path, as_of: date = AS_OF) -> list[Difference]:
    """Empty when both computed the same bills. An amount of zero is as good as no line."""
    theirs, ours = billed(home, as_of), expected(bills(landing, as_of).values())
    return sorted(
        Difference(contract_id, key, theirs.get((contract_id, key)), ours.get((contract_id, key)))
        for contract_id, key in theirs.keys() | ours.keys()
        if theirs.get((contract_id, key), 0) != ours.get((contract_id, key), 0)
    )


def by_construct(found: Iterable[Difference]) -> str:
    grouped: dict[str, list[str]] = defaultdict(list)
    for difference in found:
        grouped[difference.contract_id.rpartition("-")[0]].append(str(difference))
    return "\n".join(line for construct in sorted(grouped) for line in [f"## {construct}", *grouped[construct]])


if __name__ == "__main__":
    print(by_construct(differences(Path(sys.argv[1]), Path(sys.argv[2]))))
