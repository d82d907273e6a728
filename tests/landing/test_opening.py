"""Opening balances: one form for every kind of row, what a kind needs, and what is told from what landed before."""

from __future__ import annotations

import csv
import io

import pytest

from billing_assets.landing import opening
from billing_assets.landing.quarantine import Fault
from tests.landing.conftest import World

COMMON = {"as_of": "2026-02-01", "selling_entity": "US01"}
GOOD = {
    "receivable": {"account_id": "A-1", "document_kind": "invoice", "number": "4711", "currency": "USD",
                   "amount": "120.50", "issue_date": "2026-01-05", "due_date": "2026-02-04", "contract_id": "C-1"},
    "wallet": {"contract_id": "C-1", "grant_id": "g1", "grant_kind": "purchased", "currency": "USD", "amount": "400",
               "expires_at": "2026-07-01T00:00:00Z", "priority": "2"},
    "unapplied": {"account_id": "A-1", "number": "RCPT-9", "currency": "JPY", "amount": "700"},
    "deferred": {"contract_id": "C-1", "number": "4600", "currency": "USD", "amount": "900",
                 "service_from": "2025-07-01", "service_to": "2026-07-01"},
    "carry": {"contract_id": "C-1", "meter": "tokens", "unit": "thousand", "quantity": "0.375"},
    "number": {"document_kind": "invoice", "next_number": "418"},
}  # fmt: skip


def row(kind: str, **changes: str) -> dict[str, str]:
    return {"kind": kind, **COMMON, **GOOD.get(kind, {}), **changes}


def text(*rows: dict[str, str]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, opening.COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def read(*rows: dict[str, str]) -> list[object]:
    return [item for _, item in opening.read(io.StringIO(text(*rows), newline=""))]


@pytest.mark.parametrize("kind", GOOD)
def test_a_row_with_what_its_kind_needs_is_read(kind: str) -> None:
    [item] = read(row(kind))
    assert isinstance(item, dict)
    said = {name: value for name, value in item.items() if value is not None}
    assert set(said) == {"kind", *COMMON, *GOOD[kind]}


@pytest.mark.parametrize(
    ("kind", "changes", "code", "column"),
    [
        ("payable", {}, "field", "kind"),
        ("receivable", {"as_of": ""}, "field", "as_of"),
        ("receivable", {"selling_entity": " "}, "field", "selling_entity"),
        ("receivable", {"account_id": ""}, "field", "account_id"),
        ("receivable", {"number": ""}, "field", "number"),
        ("receivable", {"due_date": ""}, "field", "due_date"),
        ("receivable", {"due_date": "04.02.2026"}, "time", "due_date"),
        ("receivable", {"issue_date": "2026-02-01"}, "time", "issue_date"),
        ("receivable", {"document_kind": "marketplace_statement"}, "field", "document_kind"),
        ("receivable", {"document_kind": "credit_memo"}, "number", "amount"),
        ("receivable", {"amount": "-3"}, "number", "amount"),
        ("receivable", {"amount": "0"}, "number", "amount"),
        ("receivable", {"amount": "1,000.00"}, "number", "amount"),
        ("receivable", {"amount": "1.005"}, "number", "amount"),
        ("receivable", {"currency": "usd"}, "field", "currency"),
        ("receivable", {"quantity": "1"}, "field", "quantity"),
        ("wallet", {"grant_id": ""}, "field", "grant_id"),
        ("wallet", {"grant_kind": "gift"}, "field", "grant_kind"),
        ("wallet", {"amount": "-1"}, "number", "amount"),
        ("wallet", {"expires_at": "2026-07-01"}, "time", "expires_at"),
        ("wallet", {"expires_at": "2026-01-31T23:00:00Z"}, "time", "expires_at"),
        ("wallet", {"priority": "1.5"}, "number", "priority"),
        ("unapplied", {"account_id": ""}, "field", "account_id"),
        ("unapplied", {"amount": "700.5"}, "number", "amount"),
        ("deferred", {"service_to": "2026-02-01"}, "time", "service_to"),
        ("carry", {"quantity": ""}, "field", "quantity"),
        ("number", {"next_number": "0"}, "number", "next_number"),
        ("number", {"next_number": "-4"}, "number", "next_number"),
        ("number", {"next_number": "418.5"}, "number", "next_number"),
        ("number", {"document_kind": "letter"}, "field", "document_kind"),
        ("number", {"amount": "5"}, "field", "amount"),
    ],
)
def test_a_wrong_row_says_which_column_is_wrong(kind: str, changes: dict[str, str], code: str, column: str) -> None:
    [item] = read(row(kind, **changes))
    assert isinstance(item, Fault)
    assert (item.code, item.reason.partition(":")[0]) == (code, column)


def test_a_credit_memo_is_open_below_zero() -> None:
    [item] = read(row("receivable", document_kind="credit_memo", amount="-20"))
    assert not isinstance(item, Fault)


def test_each_kind_is_known_by_its_own_key(world: World) -> None:
    world.put(
        "opening/a.csv",
        text(
            *(row(kind) for kind in GOOD),
            row("receivable", document_kind="credit_memo", amount="-20"),  # the same number, another kind of document
            row("receivable", number="4712"),
            row("wallet", contract_id="C-2"),
            row("number", document_kind="credit_memo", next_number="7"),
            row("payable"),
        ),
    )
    world.night()
    assert world.conservation() == {"opening/a.csv": (11, 10, 0, 0, 1)}
    world.put(
        "opening/b.csv",
        text(
            row("receivable", amount="120.5"),
            row("receivable", amount="120.49"),
            row("wallet", amount="500"),
            row("number", next_number="419"),
            row("number"),
            row("unapplied", number="RCPT-10"),
        ),
    )
    world.night()
    assert world.conservation()["opening/b.csv"] == (6, 1, 2, 3, 0)
    assert [r[:3] for r in world.quarantine()] == [
        ("opening/a.csv", 12, "field"),
        ("opening/b.csv", 3, "conflict"),
        ("opening/b.csv", 4, "conflict"),
        ("opening/b.csv", 5, "conflict"),
    ]
    assert world.query("select next_number from raw_opening.balances where kind = 'number' order by line") == [
        (418,),
        (7,),
    ]


def test_a_file_without_one_of_the_columns_is_set_aside_whole(world: World) -> None:
    world.put(
        "opening/a.csv", "kind,as_of,selling_entity,document_kind,next_number\nnumber,2026-02-01,US01,invoice,4\n"
    )
    world.night()
    assert world.statuses() == {"opening/a.csv": "set_aside"}
    assert [r[2] for r in world.quarantine()] == ["container"]


def test_a_deleted_warehouse_holds_the_same_openings_again(world: World) -> None:
    world.put("opening/a.csv", text(*(row(kind) for kind in GOOD)))
    world.put("opening/b.csv", text(row("number", next_number="419")))
    world.night()
    before = world.query("from raw_opening.balances order by all"), world.quarantine()
    assert len(before[0]) == len(GOOD)
    world.forget_derived()
    world.load()
    assert (world.query("from raw_opening.balances order by all"), world.quarantine()) == before
