"""Plausibility checks: the table agrees with the suite and with landing, and every kind of check can fail and pass."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.automation.tables import RAW_TABLES
from billing_assets.controls import load_catalogue
from billing_assets.controls.catalogue import Blocks, Severity
from billing_assets.controls.plausibility import Check, Kind, Result, load_checks, run_plausibility
from billing_assets.controls.plausibility.frames import Seen, gather, relation
from billing_assets.controls.plausibility.suite import build_suite, judge
from billing_assets.landing import tables
from billing_assets.landing.marketplace_feeds import FEEDS
from billing_assets.warehouse import Warehouse

AS_OF = date(2026, 4, 3)
CHECKS = load_checks()
BY_ID = {check.check_id: check for check in CHECKS}


# -- the table -----------------------------------------------------------------------------------------------


def test_the_table_and_the_suite_agree_exactly() -> None:
    found = {expectation.meta["check"]: expectation for expectation in build_suite(CHECKS).expectations}
    assert set(found) == set(BY_ID)
    for check in CHECKS:
        expectation: Any = found[check.check_id]
        assert expectation.column == check.check_id
        assert expectation.severity == {Severity.MEDIUM: "warning", Severity.LOW: "info"}[check.severity]
        assert expectation.meta["control"] == check.control_id
        assert expectation.notes == check.description
        if check.control_id is Kind.VOCABULARY:
            assert expectation.expectation_type == "expect_column_values_to_be_in_set"
            assert tuple(expectation.value_set) == check.words
        else:
            assert expectation.expectation_type == "expect_column_values_to_be_between"
            assert (expectation.min_value, expectation.max_value) == (check.low, check.high)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.check_id)
def test_a_check_states_what_its_kind_needs(check: Check) -> None:
    assert check.description.endswith(".")
    assert bool(check.words) == (check.control_id is Kind.VOCABULARY)
    if check.control_id is Kind.RANGE:
        assert (check.low, check.high) != (None, None)
    elif check.control_id is not Kind.VOCABULARY:
        assert check.high is not None


def test_controls_of_plausibility_warn_and_hold_nothing() -> None:
    controls = {control.control_id: control for control in load_catalogue() if control.control_id.startswith("PLA-")}
    assert set(controls) == {str(kind) for kind in Kind} == {str(check.control_id) for check in CHECKS}
    assert {control.blocks for control in controls.values()} == {Blocks.NONE}
    assert {control.severity for control in controls.values()} <= {Severity.MEDIUM, Severity.LOW}
    assert {check.severity for check in CHECKS} <= {Severity.MEDIUM, Severity.LOW}


def test_every_check_is_bound_to_a_raw_table_that_is_an_asset() -> None:
    known = {f"{table.schema}.{table.name}" for table in RAW_TABLES}
    assert {check.table_name for check in CHECKS} <= known


def test_every_source_that_is_read_is_judged() -> None:
    sources = {check.source for check in CHECKS}
    assert sources == {
        "contracts", "provisioning", "opening", "fx", "usage", "landing", "aws_marketplace", "bank",
    }  # fmt: skip


def test_the_vocabulary_of_the_feeds_is_the_one_that_landing_knows() -> None:
    of_landing = {
        (feed.table, column): set(values) for feed in FEEDS.values() for column, values in feed.known_values.items()
    }
    judged = {
        (check.table_name, check.column_name): set(check.words)
        for check in CHECKS
        if check.control_id is Kind.VOCABULARY and check.source == "aws_marketplace"
    }
    judged.pop(("raw_marketplace.addressfeed", "country_code"))  # landing takes any country
    assert judged == of_landing


def test_the_library_is_not_imported_before_it_runs() -> None:
    code = (
        "import sys, billing_assets.controls.checks, billing_assets.cli; "
        "sys.exit(bool({'great_expectations', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- what is read of the landed data ------------------------------------------------------------------------


@pytest.fixture
def landed() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    tables.create(connection)
    return connection


@pytest.fixture(scope="module")
def empty() -> duckdb.DuckDBPyConnection:
    """Every raw table, no row, and the business date."""
    connection = duckdb.connect()
    tables.create(connection)
    connection.execute(f"set variable as_of = date '{AS_OF}'")
    return connection


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; DuckDB casts texts to the columns' types."""
    names = sorted({name for row in rows for name in row})
    connection.executemany(
        f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})",
        [[row.get(name) for name in names] for row in rows],
    )


def results(connection: duckdb.DuckDBPyConnection, check_id: str) -> dict[str, Result]:
    """The results of one check by month."""
    check = BY_ID[check_id]
    return {result.period: result for result in judge([check], gather(connection, [check], AS_OF))}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.check_id)
def test_the_rows_of_every_check_can_be_read(check: Check, empty: duckdb.DuckDBPyConnection) -> None:
    condition = check.only_rows or "true"
    empty.execute(f'select period, example, "{check.column_name}" from ({relation(check)}) where {condition}')


def test_absent_and_empty_tables_are_not_judged(landed: duckdb.DuckDBPyConnection) -> None:
    assert gather(landed, CHECKS, AS_OF) == {}
    assert gather(duckdb.connect(), CHECKS, AS_OF) == {}
    assert judge(CHECKS, {}) == []


def feed_file(period: str, sequence: int, **columns: Any) -> dict[str, Any]:
    blank = {"feed": "billingeventfeed", "unknown_columns": "[]", "missing_columns": "[]", "is_newest": True}
    return blank | {"period": period, "file_sequence": sequence, "rows": 100} | columns


def test_a_value_outside_the_vocabulary_is_named_with_its_rows(landed: duckdb.DuckDBPyConnection) -> None:
    fill(landed, "raw_marketplace.feed_files", [feed_file("2026-02", 1), feed_file("2026-03", 2)])
    events = [("a", 1, "INVOICED"), ("b", 2, "INVOICED"), ("c", 2, "WITHHELD"), ("d", 2, "WITHHELD"), ("e", 2, None)]
    rows = [{"billing_event_id": i, "file_sequence": s, "action": a} for i, s, a in events]
    gone = {"billing_event_id": "x", "file_sequence": 1, "action": "GONE", "dropped_on": AS_OF}
    deleted = {"billing_event_id": "y", "file_sequence": 1, "action": "DELETED", "delete_date": AS_OF}
    fill(landed, "raw_marketplace.billingeventfeed", [*rows, gone, deleted])
    found = results(landed, "billing_event_action_known")
    assert found["2026-02"].passed
    assert not found["2026-03"].passed
    assert (found["2026-03"].rows_checked, found["2026-03"].unexpected) == (3, 2)
    assert json.loads(found["2026-03"].sample) == ["WITHHELD (2 rows)"]
    assert found["2026-03"].expected == "COLLECTED, DISBURSED, FORGIVEN, INVOICED"


def rate(day: str, value: str, **columns: Any) -> dict[str, Any]:
    pair = {"base_currency": "EUR", "quote_currency": "USD", "rate_type": "spot", "rate_source": "ecb"}
    return pair | {"rate_date": date.fromisoformat(day), "rate": value} | columns


def test_a_rate_that_jumps_is_out_of_range_and_one_that_drifts_is_not(landed: duckdb.DuckDBPyConnection) -> None:
    spot = [("2026-01-30", "1.08"), ("2026-02-02", "1.10"), ("2026-02-03", "1.05"), ("2026-03-02", "0.92")]
    fill(landed, "raw_fx.rates", [rate(*one, line=line) for line, one in enumerate(spot)])
    other_kind = rate("2026-02-28", "2", rate_type="budget", line=9)
    fill(landed, "raw_fx.rates", [other_kind])
    found = results(landed, "fx_rate_against_before")
    assert {period: result.passed for period, result in found.items()} == {"2026-02": True, "2026-03": False}
    assert "EUR/USD spot 0.92" in found["2026-03"].sample


def test_a_price_in_another_unit_stands_out_of_its_peers(landed: duckdb.DuckDBPyConnection) -> None:
    for number in range(6):
        key = {"contract_id": f"C-{number}", "version": 1}
        fill(landed, "raw_contracts.versions", [key | {"starts_on": date(2026, 1, 1), "currency": "USD"}])
        fill(landed, "raw_contracts.charges", [key | {"charge_id": "tokens", "meter": "tokens"}])
        per = 1 if number == 5 else 1_000_000
        cell = {"charge_id": "tokens", "cell_no": 0, "unit_price": f"{number + 1}", "per": per}
        fill(landed, "raw_contracts.price_cells", [key | cell])
    found = results(landed, "contract_price_against_usual")["2026-01"]
    assert (found.passed, found.rows_checked, found.unexpected) == (False, 6, 1)
    assert "C-5/1/tokens/0" in found.sample


def test_all_rows_are_counted_and_only_the_outermost_outliers_read(landed: duckdb.DuckDBPyConnection) -> None:
    fill(landed, "raw_fx.rates", [rate("2026-03-02", f"{n}", line=n) for n in range(1, 101)])
    found = results(landed, "fx_rate")["2026-03"]
    assert (found.passed, found.rows_checked, found.observed) == (True, 100, "1 to 100")
    fill(landed, "raw_fx.rates", [rate("2026-03-02", f"{n}000001", line=n) for n in range(1, 101)])
    found = results(landed, "fx_rate")["2026-03"]
    assert (found.passed, found.rows_checked, found.unexpected) == (False, 200, 50)
    assert found.observed == "1 to 1e+08"


@pytest.mark.parametrize(("empty", "passed"), [(5, True), (6, False)])
def test_more_nulls_than_a_column_may_have_are_counted(
    empty: int, passed: bool, landed: duckdb.DuckDBPyConnection
) -> None:
    fill(landed, "raw_marketplace.feed_files", [feed_file("2026-03", 1)])
    sale = {"action": "INVOICED", "transaction_type": "SELLER_REV_SHARE", "invoice_date": date(2026, 3, 2)}
    rows = [
        sale | {"billing_event_id": f"{n:03}", "file_sequence": 1, "agreement_id": None if n < empty else "agmt-1"}
        for n in range(100)
    ]
    fee = {"billing_event_id": "fee", "file_sequence": 1, "action": "INVOICED", "transaction_type": "AWS_REV_SHARE"}
    fill(landed, "raw_marketplace.billingeventfeed", [*rows, fee])
    found = results(landed, "billing_event_agreement")["2026-03"]
    assert (found.passed, found.rows_checked) == (passed, 100)
    assert found.observed == f"{empty} of 100 empty"
    assert found.unexpected == (0 if passed else empty)


def test_a_share_of_a_handful_of_rows_is_not_judged(landed: duckdb.DuckDBPyConnection) -> None:
    fill(landed, "raw_provisioning.entitlements", [{"valid_from": date(2026, 3, 1), "line": n} for n in range(19)])
    assert results(landed, "provisioning_contract") == {}


def usage(events_by_day: dict[str, int], meter: str = "tokens") -> list[dict[str, Any]]:
    return [
        {"bucket_from": date.fromisoformat(day), "meter": meter, "measure": "quantity", "event_count": events}
        for day, events in events_by_day.items()
    ]


def fill_usage(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """Insert roll-up rows as metering keeps them: a series, and its partials."""
    meters = sorted({(row["meter"], row["measure"]) for row in rows})
    count = connection.execute("select count(*) from raw_metering.usage_series").fetchone()
    series = {meter: number for number, meter in enumerate(meters, start=count[0] if count else 0)}
    numbered = [
        {"series_id": number, "meter": meter, "measure": measure, "bucket_length": "1 hour"}
        for (meter, measure), number in series.items()
    ]
    fill(connection, "raw_metering.usage_series", numbered)
    partials = [
        {name: value for name, value in row.items() if name not in ("meter", "measure")}
        | {"series_id": series[row["meter"], row["measure"]]}
        for row in rows
    ]
    fill(connection, "raw_metering.usage_partials", partials)


def days(first: int, last: int, events: int) -> dict[str, int]:
    return {f"2026-03-{day:02}": events for day in range(first, last + 1)}


def test_a_day_with_far_fewer_events_than_usual_is_unusual(landed: duckdb.DuckDBPyConnection) -> None:
    fill_usage(landed, usage(days(1, 20, 1000) | {"2026-03-21": 150} | days(22, 31, 900)))
    found = results(landed, "usage_rows_a_day")
    assert not found["2026-03"].passed
    assert json.loads(found["2026-03"].sample) == ["2026-03-21 tokens: 150.0, usual 1000.0"]
    # days 15 to 31: the fortnight before them is history
    assert found["2026-03"].rows_checked == 17


def test_a_day_without_any_event_is_unusual_and_the_business_date_is_not_judged(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    rows = usage(days(1, 20, 1000) | days(22, 31, 1000) | {"2026-04-01": 1000, "2026-04-02": 1000, "2026-04-03": 1})
    fill_usage(landed, rows)
    found = results(landed, "usage_rows_a_day")
    assert found["2026-03"].unexpected == 1
    assert "2026-03-21" in found["2026-03"].sample
    assert found["2026-04"].passed


def test_a_first_fortnight_and_a_meter_of_a_few_events_are_not_judged(landed: duckdb.DuckDBPyConnection) -> None:
    fill_usage(landed, usage({f"2026-03-{day}": 1000 * day for day in range(20, 32)}))
    fill_usage(landed, usage(days(1, 31, 5), "rare"))
    assert results(landed, "usage_rows_a_day").keys() <= {"2026-04"}


def test_the_size_of_events_tells_a_change_of_unit(landed: duckdb.DuckDBPyConnection) -> None:
    rows = [
        row | {"quantity_sum": row["event_count"] * (2 if row["bucket_from"].day == 30 else 1_500)}
        for row in usage(days(1, 31, 100))
    ]
    fill_usage(landed, rows)
    found = results(landed, "usage_quantity_of_an_event")["2026-03"]
    assert (found.passed, found.unexpected) == (False, 1)
    assert "2026-03-30" in found.sample


def test_a_month_file_of_a_feed_is_compared_with_the_months_before_it(landed: duckdb.DuckDBPyConnection) -> None:
    months = [("2025-11", 1000), ("2025-12", 1100), ("2026-01", 900), ("2026-03", 1000), ("2026-04", 3)]
    files = [feed_file(period, n, rows=rows) for n, (period, rows) in enumerate(months)]
    old = [feed_file("2026-03", 90, rows=1, is_newest=False), feed_file("2010-01", 91, rows=90_000)]
    young = [feed_file(period, 80 + n, feed="taxitemfeed", rows=n) for n, (period, _) in enumerate(months)]
    fill(landed, "raw_marketplace.feed_files", [*files, *old, *young])
    found = results(landed, "feed_rows_a_month")
    assert set(found) == {"2026-03"}
    assert found["2026-03"].passed
    landed.execute("update raw_marketplace.feed_files set rows = 100 where period = '2026-03' and is_newest")
    assert not results(landed, "feed_rows_a_month")["2026-03"].passed


def test_half_of_an_export_is_unusual(landed: duckdb.DuckDBPyConnection) -> None:
    for number, rows in enumerate((40, 42, 44, 20)):
        name = {"file_sequence": number, "path": f"provisioning/{number}.csv", "first_seen": date(2026, 3, 1 + number)}
        fill(landed, "raw_landing.files", [name])
        fill(landed, "raw_provisioning.entitlements", [{"file_sequence": number, "line": n} for n in range(rows)])
    found = results(landed, "provisioning_rows_a_file")["2026-03"]
    assert json.loads(found.sample) == ["provisioning/3.csv: 20, usual 42.0"]


def test_unknown_and_missing_columns_are_listed(landed: duckdb.DuckDBPyConnection) -> None:
    changed = feed_file("2026-03", 2, unknown_columns='["legal_amount"]', missing_columns='["offer_id", "catalog"]')
    fill(landed, "raw_marketplace.feed_files", [feed_file("2026-02", 1), changed])
    unknown = results(landed, "feed_unknown_columns")
    assert {period: result.passed for period, result in unknown.items()} == {"2026-02": True, "2026-03": False}
    assert json.loads(unknown["2026-03"].sample) == ["billingeventfeed: legal_amount"]
    missing = results(landed, "feed_missing_columns")["2026-03"]
    assert json.loads(missing.sample) == ["billingeventfeed: catalog, offer_id"]


def test_unknown_fields_of_a_contract_are_drift(landed: duckdb.DuckDBPyConnection) -> None:
    rows = [("C-1", None), ("C-2", '["billing.colour"]')]
    fill(
        landed,
        "raw_contracts.versions",
        [
            {"contract_id": contract, "version": 1, "starts_on": date(2026, 3, 1), "unknown_fields": fields}
            for contract, fields in rows
        ],
    )
    found = results(landed, "contract_unknown_fields")["2026-03"]
    assert (found.passed, found.rows_checked, found.unexpected) == (False, 2, 1)
    assert json.loads(found.sample) == ["C-2 version 1: billing.colour"]


# -- how frames are judged ----------------------------------------------------------------------------------


def seen(value: Any, rows: int = 1, period: str = "2026-03") -> Seen:
    return Seen(period, 10, value, rows, f"row {value}")


@pytest.mark.parametrize(
    ("check_id", "plausible", "not_plausible"),
    [
        ("billing_event_action_known", "INVOICED", "invoiced"),
        ("fx_rate", "1.1", "0"),
        ("billing_event_currency", 0.0, 0.1),
        ("usage_rows_a_day", 0.2, 0.19),
        ("feed_unknown_columns", 0, 1),
    ],
)
def test_each_kind_passes_and_flags(check_id: str, plausible: Any, not_plausible: Any) -> None:
    check = BY_ID[check_id]
    frame = [seen(plausible, period="2026-02"), seen(plausible), seen(not_plausible, rows=3)]
    good, bad = judge([check], {check_id: frame})
    assert (good.period, good.passed, good.unexpected, good.sample) == ("2026-02", True, 0, "[]")
    assert (bad.period, bad.passed, bad.unexpected) == ("2026-03", False, 3)
    assert str(not_plausible) in bad.sample


def test_frames_of_different_length_are_judged_side_by_side() -> None:
    frames = {"fx_rate": [seen("0"), seen("1"), seen("2")], "billing_event_action_known": [seen("INVOICED")]}
    found = {result.check_id: result.passed for result in judge(CHECKS, frames)}
    assert found == {"fx_rate": False, "billing_event_action_known": True}


# -- a run --------------------------------------------------------------------------------------------------


def test_a_run_replaces_the_results_of_the_last_one(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "w.duckdb")
    with warehouse.writer() as connection:
        tables.create(connection)
    assert run_plausibility(warehouse, AS_OF) == []
    with warehouse.writer() as connection:
        fill(connection, "raw_fx.rates", [rate("2026-03-02", "0.0000001")])
        fill(connection, "raw_plausibility.results", [{"check_id": "of the last run", "passed": False}])
    found = run_plausibility(warehouse, AS_OF)
    with warehouse.reader() as connection:
        rows = connection.execute(
            "select check_id, passed from raw_plausibility.results where not passed order by all"
        ).fetchall()
        count = connection.execute("select count(*) from raw_plausibility.results").fetchone()
    assert rows == [("fx_rate", False)]
    assert count == (len(found),)
