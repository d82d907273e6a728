"""The floor: settings, months, the door to the warehouse."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from billing_assets.periods import add_business_days, add_months, month_bounds, month_of
from billing_assets.settings import PROJECT_ROOT, Settings
from billing_assets.warehouse import _OPTIONS, _UNUSED_COMPRESSION, NoWarehouse, Warehouse, WarehouseBusy


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_step_from_the_anchor(anchor: date, months: int, expected: date) -> None:
    assert add_months(anchor, months) == expected


def test_a_month_is_half_open() -> None:
    assert month_bounds("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))
    assert month_of(date(2026, 12, 31)) == "2026-12"


def test_business_days_skip_weekends() -> None:
    assert add_business_days(date(2026, 4, 3), 1) == date(2026, 4, 6)


def test_settings_come_from_arguments_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_HOME", "/from/environment")
    assert Settings().home == Path("/from/environment")
    assert Settings(home=Path("/given")).home == Path("/given")


def test_another_process_is_named_within_seconds(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb, sys; c = duckdb.connect({str(path)!r});"
         "print('open', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        started = time.monotonic()
        with pytest.raises(WarehouseBusy, match=f"PID {holder.pid}"), Warehouse(path).writer():
            pass
        assert time.monotonic() - started < 5
    finally:
        holder.communicate("")


def test_no_warehouse_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse, match="billing run"), Warehouse(tmp_path / "none.duckdb").reader():
        pass


def test_a_connection_is_in_utc_whatever_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with Warehouse(tmp_path / "w.duckdb").writer() as connection:
        assert connection.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)


def test_a_held_file_is_open_to_this_process_alone_and_closed_after(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    elsewhere = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(path)!r})"]
    with Warehouse(path, threads=2).held():
        with Warehouse(path).writer() as writer:
            writer.execute("create table t as select 1 as a")
        with Warehouse(path, memory_limit="1GB").reader() as reader:
            assert reader.execute("select a from t").fetchone() == (1,)
            assert reader.execute("select current_setting('memory_limit')").fetchone() != ("953.6 MiB",)
        assert b"lock" in subprocess.run(elsewhere, capture_output=True, check=False).stderr
    assert subprocess.run(elsewhere, check=False).returncode == 0
    with Warehouse(path).reader() as reader, pytest.raises(duckdb.InvalidInputException):
        reader.execute("drop table t")


def test_a_file_held_when_a_step_fails_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with pytest.raises(RuntimeError, match="a step"), Warehouse(path).held():
        raise RuntimeError("a step")
    with Warehouse(path, threads=1).writer() as writer:
        assert writer.execute("select current_setting('threads')").fetchone() == (1,)


def test_dbt_opens_the_file_as_we_do() -> None:
    profile = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "profiles.yml").read_text(encoding="utf-8"))
    output = profile["billing"]["outputs"]["home"]
    assert {name: value for name, value in output["config_options"].items() if name != "threads"} == _OPTIONS
    assert output["settings"] == {"TimeZone": "UTC", "disabled_compression_methods": _UNUSED_COMPRESSION}


def test_texts_are_not_compressed_by_the_dear_method(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb").held(), Warehouse(tmp_path / "w.duckdb").writer() as connection:
        connection.execute("create table t as select md5(i::varchar) as a from range(200000) as n (i)")
        used = connection.execute("select distinct compression from pragma_storage_info('t')").fetchall()
    assert ("FSST",) not in used
