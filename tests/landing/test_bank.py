"""Bank statements in four formats: every entry once, every faulty row aside with its line, every balance kept."""

import gzip
from collections import Counter
from datetime import date
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.landing.bank_entries import BankBook, Entry, Statement
from tests.landing.conftest import World
from tests.landing.statements import (
    CAMT_BATCH,
    CAMT_PENDING,
    CAMT_RECEIPT,
    CAMT_REVERSAL,
    bai2,
    camt,
    csv,
    mt940,
)

ROW = "2026-03-02,2026-03-02,250.10,EUR,Alpha GmbH,E2E-1,Rechnung US01-INV-000007,0000202051"


def entries(world: World) -> list[tuple[object, ...]]:
    return world.query(
        "select booking_date, value_date, amount, reference, bank_reference, narrative, line from raw_bank.entries"
        " order by file_sequence, line"
    )


def amounts(world: World) -> list[Decimal]:
    return [row[0] for row in world.query("select amount from raw_bank.entries order by amount")]


def statements(world: World) -> list[tuple[object, ...]]:
    return world.query(
        "select statement_id, format, opening_balance, closing_balance, entry_rows, entry_amount from"
        " raw_bank.statements order by file_sequence, line"
    )


# -- the formats -------------------------------------------------------------------------------------------------


def test_csv_rows_are_entries_and_faulty_ones_say_why(world: World) -> None:
    world.put(
        "bank/s.csv",
        csv(
            ROW,
            ",2026-03-03,-5.5,EUR,,,fee,0000202051",
            ",,1,EUR,,,,0000202051",
            '2026-03-02,,"1,000.00",EUR,,,,0000202051',
            "02.03.2026,,1,EUR,,,,0000202051",
            "2026-03-02,,1,EURO,,,,0000202051",
            "2026-03-02,,,EUR,,,,0000202051",
            "2026-03-02,,1,EUR,,,,",
        ),
    )
    world.night()
    assert entries(world) == [
        (date(2026, 3, 2), date(2026, 3, 2), Decimal("250.1"), "E2E-1", None, "Rechnung US01-INV-000007", 2),
        (date(2026, 3, 3), date(2026, 3, 3), Decimal("-5.5"), None, None, "fee", 3),
    ]
    assert [row[1:3] for row in world.quarantine()] == [
        (4, "field"),
        (5, "number"),
        (6, "time"),
        (7, "field"),
        (8, "field"),
        (9, "field"),
    ]
    assert world.conservation() == {"bank/s.csv": (8, 2, 0, 0, 6)}
    assert statements(world) == [
        ("0000202051/EUR/2026-03-02/2026-03-03", "csv", None, None, 2, Decimal("244.6")),
    ]


def test_camt053_with_batch_reversal_and_pending_entries(world: World) -> None:
    batch = CAMT_BATCH.format(first="10.00")
    world.put("bank/s.xml", camt(CAMT_RECEIPT, batch, CAMT_REVERSAL, CAMT_PENDING, closing="1030.00"))
    world.night()
    found = world.query(
        "select account, value_date, amount, counterparty, reference, bank_reference, narrative, bank_code"
        " from raw_bank.entries order by line, amount"
    )
    account = "DE02120300000000202051"
    booked, valued = date(2026, 3, 2), date(2026, 3, 3)
    assert found == [
        (
            account, booked, Decimal("250.1"), "Alpha GmbH", "E2E-1", "BANK-1",
            "Rechnung US01-INV- 000007", "PMNT/RCDT/ESCT",
        ),
        (account, valued, Decimal(10), None, "RF18539007547034", "BATCH-9", None, None),
        (account, valued, Decimal(20), None, "E2E-3", "BATCH-9", None, None),
        (account, booked, Decimal("-250.1"), None, None, None, "Return of E2E-1", None),
    ]  # fmt: skip
    assert statements(world) == [
        (f"{account}/S-41/2026-03-02", "camt053", Decimal(1000), Decimal(1030), 4, Decimal(30)),
    ]
    [(path, line, code, reason)] = world.quarantine()
    assert (path, code) == ("bank/s.xml", "field")
    assert line is not None
    assert "PDNG" in reason
    assert world.conservation() == {"bank/s.xml": (5, 4, 0, 0, 1)}


def test_a_batch_whose_parts_do_not_add_up_stays_one_entry(world: World) -> None:
    world.put("bank/s.xml", camt(CAMT_BATCH.format(first="10.01"), closing="1030.00"))
    world.night()
    assert [row[2:4] + row[5:6] for row in entries(world)] == [
        (Decimal(30), None, "RF18539007547034 E2E-3"),
    ]


def test_mt940_with_reversal_structured_text_and_year_end(world: World) -> None:
    world.put("bank/s.sta", mt940())
    world.night()
    assert entries(world) == [
        (
            date(2026, 3, 2), date(2026, 3, 2), Decimal("250.1"), "E2E-1", "BANK-1",
            "EREF+E2E-1 SVWZ+Rechnung US01-INV-000007", 6,
        ),
        (
            date(2026, 1, 2), date(2025, 12, 31), Decimal(-10), "E2E-8", None,
            "/EREF/E2E-8/REMI/chargeback of  an older payment/NAME/Beta Ltd RETURNED ITEM", 8,
        ),
        (date(2026, 3, 2), date(2026, 3, 2), Decimal("-5.5"), None, None, None, 12),
    ]  # fmt: skip
    assert world.query("select counterparty, bank_code from raw_bank.entries order by line") == [
        ("Alpha GmbH", "NTRF"),
        ("Beta Ltd", "NRTI"),
        (None, "NCHG"),
    ]
    assert statements(world) == [
        ("0000202051/41/1/2026-03-02", "mt940", Decimal(1000), Decimal("1234.6"), 3, Decimal("234.6")),
    ]


def test_a_faulty_mt940_entry_is_set_aside_with_its_line_and_text(world: World) -> None:
    text = mt940().replace("CR250,10", "CR1.250,10").replace("260302D5,5NCHG", "260302X5,5NCHG")
    world.put("bank/s.mt940", text)
    world.night()
    assert [(line, code) for _, line, code, _ in world.quarantine()] == [(6, "number"), (12, "field")]
    assert world.conservation() == {"bank/s.mt940": (3, 1, 0, 0, 2)}
    [original] = world.query("select original from raw_landing.quarantine where line = 6")[0]
    assert original.startswith(":61:2603020302CR1.250,10")
    assert ":86:166?00GUTSCHRIFT" in original


def test_bai2_amounts_are_minor_units_signed_by_type(world: World) -> None:
    world.put("bank/s.bai", bai2())
    world.night()
    assert entries(world) == [
        (
            date(2026, 3, 2), date(2026, 3, 1), Decimal(250), "026009593123456", "BREF1",
            "AWS MARKETPLACE, PAYOUT", 5,
        ),
        (date(2026, 3, 2), date(2026, 3, 2), Decimal(-5), None, "BREF2", "CHECK,NUMBER 17", 6),
    ]  # fmt: skip
    assert statements(world) == [
        ("8675309/41/2026-03-02", "bai2", Decimal(1000), Decimal(1245), 2, Decimal(245)),
    ]


def test_bai2_rows_that_are_no_transaction_are_set_aside(world: World) -> None:
    world.put("bank/s.bai2", bai2().replace("16,475,500", "16,720,500").replace("16,195,25000", "16,195,2500x"))
    world.night()
    assert [(line, code) for _, line, code, _ in world.quarantine()] == [(5, "number"), (6, "field")]


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("bank/a.xml", "<Document", "not well-formed XML"),
        ("bank/b.xml", "<Document><Other/></Document>", "no camt.053 statement"),
        (
            "bank/c.xml",
            '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + camt(CAMT_RECEIPT).partition("\n")[2],
            "document type definition",
        ),
        ("bank/d.xml", camt(CAMT_RECEIPT, closing="1e99"), "balance CLBD"),
        ("bank/e.sta", mt940().partition(":62F:")[0], "no closing balance"),
        ("bank/f.sta", "hello\n", "no MT940 statement"),
        ("bank/g.sta", mt940("12x"), "balance :62F:"),
        ("bank/h.bai", bai2().partition("49,")[0], "99 record is missing"),
        ("bank/i.bai", bai2("340001"), "control total"),
        ("bank/j.bai", bai2().replace("98,340000,1,8/", "98,340000,1,9/"), "9 records"),
        ("bank/k.bai", bai2().replace("99,340000", "99,1"), "control total"),
        ("bank/l.csv", "value_date,amount\n2026-03-02,1\n", "missing column"),
        ("bank/m.txt", "x\n", "unknown kind"),
        ("bank/n.sta", b":20:\xff\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_whole_statement_is_set_aside(
    world: World, path: str, content: str | bytes, reason: str
) -> None:
    world.put(path, content)
    assert world.night().set_aside == 1
    [(_, line, _, why)] = world.quarantine()
    assert line is None
    assert reason in why
    assert entries(world) == []


def test_entities_are_not_expanded_even_without_external_ones(world: World) -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + camt(CAMT_RECEIPT).partition("\n")[2]
    world.put("bank/bomb.xml", bomb.replace("Alpha GmbH", "&b;"))
    assert world.night().set_aside == 1


# -- one entry, however often it lands ---------------------------------------------------------------------------


def test_the_same_entry_in_four_formats_is_one(world: World) -> None:
    iban = "DE02120300000000202051"
    world.put("bank/1.xml", camt(CAMT_RECEIPT, closing="1250.10"))
    world.put("bank/2.sta", mt940())
    world.put("bank/3.csv", csv(ROW, "2026-03-02,,7,EUR,,,," + iban))
    world.night()
    assert world.query("select distinct account from raw_bank.entries") == [(iban,)]
    assert amounts(world) == [Decimal(-10), Decimal("-5.5"), Decimal(7), Decimal("250.1")]
    assert world.conservation() == {
        "bank/1.xml": (1, 1, 0, 0, 0),
        "bank/2.sta": (3, 2, 1, 0, 0),
        "bank/3.csv": (2, 1, 1, 0, 0),
    }


def test_overlapping_statements_bring_each_entry_once_and_two_equal_receipts_stay_two(world: World) -> None:
    twin = "2026-03-02,2026-03-02,10,EUR,,,same words here,A1"
    world.put("bank/1.csv", csv(twin, twin))
    world.night()
    world.put("bank/2.csv", csv(twin, twin, twin))
    world.night()
    world.put("bank/3.csv", csv("2026-03-01,2026-03-01,1,EUR,,,,A1", twin))
    world.night()
    assert amounts(world) == [Decimal(1), Decimal(10), Decimal(10), Decimal(10)]
    ids = [row[0] for row in world.query("select entry_id from raw_bank.entries where amount = 10 order by line")]
    assert [entry_id.rpartition("/")[2] for entry_id in ids][1:] == ["2", "3"]
    assert [row[4] for row in statements(world)] == [2, 3, 2]


_lines = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([None, "R-1", "R-2"])), max_size=5)


@given(st.lists(_lines, max_size=5), st.randoms(use_true_random=False))
def test_statements_in_any_order_and_twice_bring_the_most_that_one_of_them_shows(
    landed: list[list[tuple[int, str | None]]], random: Random
) -> None:
    wanted: Counter[tuple[int, str | None]] = Counter()
    for lines in landed:
        wanted |= Counter(lines)
    again = [*landed, *landed]
    random.shuffle(again)
    book, found = BankBook(), []
    day = date(2026, 3, 2)
    for sequence, lines in enumerate(again):
        statement = Statement(1, "csv", "A1", "USD")
        items = [
            (n, Entry(statement, "A1", day, day, Decimal(amount), "USD", None, reference, None, "", None))
            for n, (amount, reference) in enumerate(lines, start=2)
        ]
        _, rows, duplicates = book.judge([*items, (1, statement)], sequence)
        assert len(rows) + duplicates == len(lines)
        found += rows
    assert Counter((int(row["amount"]), row["reference"]) for row in found) == wanted
    assert len({row["entry_id"] for row in found}) == len(found)


def test_another_reference_is_another_entry(world: World) -> None:
    world.put("bank/1.csv", csv("2026-03-02,,10,EUR,,R-1,,A1", "2026-03-02,,10,EUR,,R-2,,A1"))
    world.put("bank/2.csv", csv("2026-03-02,,10,EUR,,R-3,,A1", "2026-03-02,,10,EUR,,R-2,,A1"))
    world.night()
    assert amounts(world) == [Decimal(10)] * 3


def test_a_compressed_statement_is_read_and_a_copy_is_a_duplicate_file(world: World) -> None:
    world.put("bank/1.csv.gz", gzip.compress(csv(ROW).encode()))
    world.put("bank/2.csv", csv(ROW))
    world.night()
    assert world.statuses() == {"bank/1.csv.gz": "loaded", "bank/2.csv": "duplicate"}


def test_a_deleted_warehouse_comes_back_the_same(world: World) -> None:
    world.put("bank/1.xml", camt(CAMT_RECEIPT, CAMT_BATCH.format(first="10.00"), closing="1280.10"))
    world.night()
    world.put("bank/2.sta", mt940())
    world.put("bank/3.csv", csv(ROW))
    world.night()
    before = world.everything()
    world.forget_derived()
    world.load()
    assert world.everything() == before
