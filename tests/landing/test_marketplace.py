"""Month files of the marketplace feeds: versions, deltas, conservation, and what is set aside."""

import csv
import gzip
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets.landing import delimited, marketplace, tables
from billing_assets.landing.files import LandedFile
from billing_assets.landing.marketplace_feeds import FEEDS, SQL_TYPES, feed_of, period_of
from billing_assets.landing.quarantine import Fault
from tests.landing.conftest import World

EVENTS = FEEDS["billingeventfeed"]
MARCH = "aws_marketplace/billingeventfeed_v1/year=2026/month=03/data.csv"
PRODUCTS = "aws_marketplace/productfeed_v1/year=2026/month=03/data.csv"


def text_of(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return stream.getvalue()


def event(number: int, **values: str) -> dict[str, str]:
    at = f"2026-03-{number:02}T00:00:00Z"
    return {
        "billing_event_id": f"event-{number}",
        "action": "INVOICED",
        "transaction_type": "SELLER_REV_SHARE",
        "amount": f"{number}.500000",
        "currency": "USD",
        "balance_impacting": "1",
        "invoice_date": at,
        "agreement_id": "agmt-1",
        "valid_from": at,
        "insert_date": at,
        "update_date": at,
        **values,
    }


def month(*rows: Mapping[str, str], header: Sequence[str] = tuple(EVENTS.columns)) -> str:
    return text_of(header, rows)


def product(number: str, title: str, day: int) -> dict[str, str]:
    at = f"2026-03-{day:02}T00:00:00Z"
    return {"product_id": number, "title": title, "valid_from": at, "insert_date": at, "update_date": at}


def products(*rows: Mapping[str, str]) -> str:
    return text_of(list(FEEDS["productfeed"].columns), rows)


def test_the_schema_has_the_columns_of_every_feed(world: World) -> None:
    origin = ["extra", "path", "file_sequence", "line", "first_seen", "dropped_on"]
    with world.warehouse().writer() as connection:
        tables.create(connection)
        for feed in FEEDS.values():
            described = connection.execute(f"describe {feed.table}").fetchall()
            expected = {name: SQL_TYPES[kind].upper() for name, kind in feed.columns.items()}
            assert {row[0]: row[1] for row in described if row[0] not in origin} == expected
            assert [row[0] for row in described][-len(origin) :] == origin


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        (MARCH, "billingeventfeed"),
        (MARCH + ".gz", "billingeventfeed"),
        ("aws_marketplace/Billing_Event_Feed_v1/year=2026/month=3/data.csv", "billingeventfeed"),
        ("aws_marketplace/billingeventfeed_v1/year=2026/month=13/data.csv", None),
        ("aws_marketplace/billingeventfeed_v1/year=2026/month=03/data (1).csv", None),
        ("aws_marketplace/billingeventfeed_v2/year=2026/month=03/data.csv", None),
        ("aws_marketplace/newfeed_v1/year=2026/month=03/data.csv", None),
    ],
)
def test_a_feed_is_told_by_its_path(path: str, feed: str | None) -> None:
    found = feed_of(path)
    assert (found.name if found else None) == feed
    if found:
        assert period_of(path) == "2026-03"


def test_every_feed_lands_typed(world: World) -> None:
    typed = {"time": "2026-03-01 06:00:00.0", "number": "1.25", "grouped": "1,000", "whole": "2", "flag": "0"}
    typed |= {"date": "2026-03-01", "account": "12345678901", "agreement": "agmnt-1", "text": "t"}
    for feed in FEEDS.values():
        row = {name: typed[kind] for name, kind in feed.columns.items()}
        path = f"aws_marketplace/{feed.name}_v1/year=2026/month=03/data.csv"
        world.put(path, text_of(list(feed.columns), [row]))
    assert world.night().loaded == 13
    values = {"time": datetime(2026, 3, 1, 6), "number": Decimal("1.25"), "grouped": Decimal(1000), "whole": 2}
    values |= {"flag": False, "date": date(2026, 3, 1), "account": "012345678901", "agreement": "agmt-1", "text": "t"}
    for feed in FEEDS.values():
        (row_read,) = world.query(f"select {', '.join(feed.columns)} from {feed.table}")
        assert row_read == tuple(values[kind] for kind in feed.columns.values())
    assert world.quarantine() == []


def test_a_month_that_grows_over_the_nights_adds_only_its_new_rows(world: World) -> None:
    for night in (1, 2, 3):
        world.put(MARCH, month(*(event(number) for number in range(1, 2 * night + 1))))
        world.night()
    rows = world.query(
        "select billing_event_id, file_sequence, line, first_seen, dropped_on from raw_marketplace.billingeventfeed"
        " order by line"
    )
    assert rows == [(f"event-{n}", (n + 1) // 2, n + 1, date(2026, 4, (n + 1) // 2), None) for n in range(1, 7)]
    assert world.query(
        "select received, accepted, duplicate, quarantined from raw_landing.conservation order by file_sequence"
    ) == [(2, 2, 0, 0), (4, 2, 2, 0), (6, 2, 4, 0)]
    assert world.query(
        "select file_sequence, period, rows, latest_change, is_newest from raw_marketplace.feed_files"
    ) == [
        (1, "2026-03", 2, datetime(2026, 3, 2), False),
        (2, "2026-03", 4, datetime(2026, 3, 4), False),
        (3, "2026-03", 6, datetime(2026, 3, 6), True),
    ]


def test_a_night_with_nothing_new_loads_nothing(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    assert world.night().batches == 0


def test_a_row_that_the_newest_version_lacks_is_dropped_and_one_that_comes_back_stands_again(world: World) -> None:
    world.put(MARCH, month(event(1), event(2)))
    world.night()
    world.put(MARCH, month(event(1), event(3)))
    world.night()
    world.put(MARCH, month(event(1), event(2), event(3), event(4)))
    world.night()
    rows = world.query(
        "select billing_event_id, first_seen, dropped_on from raw_marketplace.billingeventfeed order by all"
    )
    assert rows == [
        ("event-1", date(2026, 4, 1), None),
        ("event-2", date(2026, 4, 1), date(2026, 4, 2)),
        ("event-2", date(2026, 4, 3), None),
        ("event-3", date(2026, 4, 2), None),
        ("event-4", date(2026, 4, 3), None),
    ]


VERSIONS = (
    (product("p1", "one", 1),),
    (product("p1", "one", 1), product("p2", "two", 2)),
    (product("p1", "one", 1), product("p1", "uno", 3), product("p3", "three", 4)),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_versions_in_any_order_end_with_the_same_rows(tmp_path: Path, order: tuple[int, ...]) -> None:
    world = World(tmp_path)
    for version in order:
        world.put(PRODUCTS, products(*VERSIONS[version]))
        world.night()
    standing = world.query("select product_id, title from raw_marketplace.productfeed where dropped_on is null")
    assert sorted(standing) == [("p1", "one"), ("p1", "uno"), ("p3", "three")]
    known = world.query("select distinct product_id, title from raw_marketplace.productfeed")
    assert sorted(known) == [("p1", "one"), ("p1", "uno"), ("p2", "two"), ("p3", "three")]
    assert world.query("select count(*) from raw_marketplace.feed_files where is_newest") == [(1,)]
    incremental = world.everything()
    world.forget_derived()
    world.load()
    assert world.everything() == incremental
    world.ledger.close()


def test_a_version_cut_short_between_two_rows_takes_nothing_away(world: World) -> None:
    world.put(MARCH, month(event(1), event(2)))
    world.night()
    world.put(MARCH, month(event(1)))
    world.night()
    assert world.query("select count(*) from raw_marketplace.billingeventfeed where dropped_on is null") == [(2,)]


def test_plain_and_gz_are_one_month_file(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    world.put(MARCH + ".gz", gzip.compress(month(event(1), event(2)).encode()))
    world.night()
    assert world.query("select billing_event_id, path from raw_marketplace.billingeventfeed order by all") == [
        ("event-1", MARCH),
        ("event-2", MARCH + ".gz"),
    ]


def test_header_only_months_are_no_copies_of_each_other(world: World) -> None:
    for number in ("01", "02"):
        world.put(f"aws_marketplace/taxitemfeed_v1/year=2026/month={number}/data.csv", "tax_item_id,tax_amount\n")
    assert world.night().loaded == 2
    assert set(world.conservation().values()) == {(0, 0, 0, 0, 0)}
    assert world.query("select period, rows, latest_change, is_newest from raw_marketplace.feed_files") == [
        ("2026-01", 0, None, True),
        ("2026-02", 0, None, True),
    ]


def test_spelling_makes_no_new_row(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    other = event(
        1, amount="1.5", agreement_id="agmnt-1", balance_impacting="true", invoice_date="2026-03-01 00:00:00.0"
    )
    world.put(MARCH, month({**other, "offer_id": "null", "end_user_account_id": "  "}, event(2)))
    world.night()
    assert world.conservation()[MARCH] == (2, 1, 1, 0, 0)


def test_equal_rows_of_one_file_are_one_row(world: World) -> None:
    world.put(MARCH, month(event(1), event(2), event(1), event(1, amount="9")))
    world.night()
    assert world.conservation()[MARCH] == (4, 3, 1, 0, 0)
    assert world.query("select line from raw_marketplace.billingeventfeed order by line") == [(2,), (3,), (5,)]


def test_bad_cells_set_their_rows_aside_with_line_and_text(world: World) -> None:
    rows = [
        event(1),
        event(2, amount="12,50"),
        event(3, invoice_date="03/31/2026"),
        event(4, balance_impacting="maybe"),
        event(5, billing_event_id=""),
        event(6, amount=""),
        event(7, disbursement_amount="1.2345678901234"),
        event(8),
    ]
    world.put(MARCH, month(*rows))
    world.night()
    assert [(line, code, reason.partition(":")[0]) for _, line, code, reason in world.quarantine()] == [
        (3, "number", "amount"),
        (4, "time", "invoice_date"),
        (5, "field", "balance_impacting"),
        (6, "field", "billing_event_id"),
        (7, "field", "amount"),
        (8, "number", "disbursement_amount"),
    ]
    originals = [row[0] for row in world.query("select original from raw_landing.quarantine order by line")]
    assert originals == month(*rows[1:7]).splitlines()[1:]
    assert world.conservation()[MARCH] == (8, 2, 0, 0, 6)


def test_lines_are_physical_also_behind_a_quoted_line_break(world: World) -> None:
    header = list(FEEDS["productfeed"].columns)
    rows = [product("p1", "two\nlines", 1), product("p2", "x", 2), product("p3", "x", 3) | {"valid_from": "soon"}]
    world.put(PRODUCTS, text_of(header, rows) + "p4,too short\n\n" + "p5" + "," * (len(header) - 1) + "\n")
    world.night()
    read = world.query("select product_id, line, title from raw_marketplace.productfeed order by line")
    assert read == [("p1", 2, "two\nlines"), ("p2", 4, "x"), ("p5", 8, None)]
    assert [(line, code) for _, line, code, _ in world.quarantine()] == [(5, "time"), (6, "csv")]


def test_unknown_columns_are_kept_and_missing_ones_are_null(world: World) -> None:
    header = ["Billing_Event_Id", "action", "transaction_type", "amount", "currency", "new_fee", "zone"]
    rows = [
        {"Billing_Event_Id": "a", "action": "INVOICED", "transaction_type": "T", "amount": "1", "new_fee": 'x"é\\'},
        {"Billing_Event_Id": "b", "action": "INVOICED", "transaction_type": "T", "amount": "1"},
    ]
    world.put(MARCH, month(*rows, header=header))
    world.night()
    extras = dict(world.query("select billing_event_id, extra from raw_marketplace.billingeventfeed"))
    assert extras["b"] is None
    assert json.loads(extras["a"]) == {"new_fee": 'x"é\\'}
    ((unknown, missing, names),) = world.query(
        "select unknown_columns, missing_columns, header from raw_marketplace.feed_files"
    )
    assert json.loads(unknown) == ["new_fee", "zone"]
    assert "invoice_id" in json.loads(missing)
    assert "amount" not in json.loads(missing)
    assert json.loads(names) == header


def test_an_unknown_column_that_says_nothing_changes_no_row(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    world.put(MARCH, month(event(1), event(2), header=[*EVENTS.columns, "later"]))
    world.night()
    assert world.conservation()[MARCH] == (2, 1, 1, 0, 0)


def test_a_column_under_its_older_name_is_read(world: World) -> None:
    path = "aws_marketplace/addressfeed_v1/year=2026/month=03/data.csv"
    world.put(path, "address_id,country\na1,SE\n")
    world.night()
    assert world.query("select country_code, extra from raw_marketplace.addressfeed") == [("SE", None)]


@pytest.mark.parametrize("lacking", ["billing_event_id", "action", "transaction_type", "amount", "currency"])
def test_a_file_without_a_required_column_waits(world: World, lacking: str) -> None:
    world.put(MARCH, month(event(1), header=[name for name in EVENTS.columns if name != lacking]))
    world.night()
    assert world.quarantine() == [(MARCH, None, "container", f"missing column {lacking}")]
    assert world.conservation()[MARCH] == (1, 0, 0, 0, 1)
    assert world.query("select count(*) from raw_marketplace.feed_files") == [(0,)]


def test_a_column_that_stands_twice_sets_the_file_aside(world: World) -> None:
    world.put(PRODUCTS, "product_id,title,Title\np,a,b\n")
    world.night()
    assert world.quarantine() == [(PRODUCTS, None, "container", "column title stands twice in the header")]


def test_unknown_values_are_kept_and_listed(world: World) -> None:
    world.put(MARCH, month(event(1, action="PONDERED"), event(2, broker_id="AWS_INDIA"), event(3)))
    world.night()
    world.put(
        MARCH,
        month(event(1, action="PONDERED"), event(2, broker_id="AWS_INDIA"), event(3), event(4, action="PONDERED")),
    )
    world.night()
    assert world.quarantine() == []
    listed = world.query(
        "select feed, column_name, value, rows, file_sequence from raw_marketplace.unknown_values order by all"
    )
    assert listed == [
        ("billingeventfeed", "action", "PONDERED", 1, 1),
        ("billingeventfeed", "action", "PONDERED", 1, 2),
        ("billingeventfeed", "broker_id", "AWS_INDIA", 1, 1),
    ]


def test_a_truncated_gz_and_a_wrong_encoding_wait_for_a_good_file(world: World) -> None:
    whole = gzip.compress(month(*(event(n) for n in range(1, 20))).encode())
    world.put(MARCH + ".gz", whole[:-5])
    world.put(PRODUCTS, b"product_id,title\np,\xff\n")
    world.night()
    assert sorted(world.statuses().values()) == ["set_aside", "set_aside"]
    world.put(MARCH + ".gz", whole)
    world.put(PRODUCTS, "product_id,title\np,ÿ\n")
    world.night()
    assert sorted(world.statuses().values()) == ["loaded", "loaded"]
    assert world.query("select count(*) from raw_marketplace.billingeventfeed") == [(19,)]


def test_a_manifest_beside_a_month_file_is_honoured(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.put(MARCH + ".manifest.json", '{"records": 2}')
    world.night()
    assert world.statuses()[MARCH] == "set_aside"
    assert world.query("select count(*) from raw_marketplace.billingeventfeed") == [(0,)]
    world.put(MARCH + ".manifest.json", '{"records": 1}')
    world.night()
    assert world.statuses()[MARCH] == "loaded"
    assert world.query("select first_seen from raw_marketplace.billingeventfeed") == [(date(2026, 4, 2),)]


def test_what_stands_beside_the_feeds(world: World) -> None:
    world.put("aws_marketplace/agreement_details/2026.csv", "a\n")
    world.put("aws_marketplace/productfeed_v1/year=2026/month=03/copy.csv", "a\n")
    world.night()
    assert world.statuses() == {
        "aws_marketplace/agreement_details/2026.csv": "unread",
        "aws_marketplace/productfeed_v1/year=2026/month=03/copy.csv": "set_aside",
    }


def test_a_month_file_that_is_gone_from_the_zone_is_still_evidence(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    (world.zone / MARCH).unlink()
    world.night()
    world.forget_derived()
    world.load()
    assert world.query("select billing_event_id from raw_marketplace.billingeventfeed") == [("event-1",)]


_CSV_TEXT = st.text(st.sampled_from('a1," \t\n\r.-'), max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_CSV_TEXT, ending=st.sampled_from(["\n", "\r\n", ""]))
def test_the_quick_reader_sees_the_records_that_the_exact_one_sees(tmp_path: Path, body: str, ending: str) -> None:
    file = tmp_path / "data.csv"
    header = "product_id,title"
    file.write_bytes(f"{header}{ending or chr(10)}{body}{ending}".encode())
    landed = LandedFile(1, 1, date(2026, 4, 1), PRODUCTS, file, "", "", 1, "aws_marketplace", "registered")
    with duckdb.connect() as connection:
        month_file = marketplace.read(connection, landed, marketplace.Parser().parse(landed))
        got: list[tuple[Any, ...]] = connection.execute(
            "select line, product_id, title from feed_rows order by line"
        ).fetchall()
    with file.open(encoding="utf-8", newline="") as stream:
        expected = list(delimited.read(stream))
    rows = [
        (line, *(value if value.strip(" \t\r\n") else None for value in record.values()))
        for line, record in expected
        if not isinstance(record, Fault) and record["product_id"].strip(" \t\r\n")
    ]
    assert got == rows
    assert month_file.records == len(expected)
    assert len(month_file.faults) == len(expected) - len(rows)
