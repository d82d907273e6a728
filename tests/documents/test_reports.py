"""Report files: same bytes for the same rows, safe in a spreadsheet, tied to their run by the manifest."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from billing_assets.documents import reports
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

NASTY = ("=1+1", "+cmd", "-2", "@x", "\t=1", " =1", "＝1", 'say "hi", twice', "two\nlines", "plain")


def home(folder: Path, order: str, threads: int) -> tuple[Settings, Warehouse]:
    settings = Settings(home=folder)
    warehouse = Warehouse(settings.warehouse_path, threads)
    with warehouse.writer() as connection:
        connection.execute("create schema raw; create schema reports")
        connection.execute("create table raw.run_context as select 'run-1' as run_identity, date '2026-04-03' as as_of")
        connection.execute(
            "create table reports.rpt_audit__texts (id integer, text varchar, amount decimal(38, 12), day date)"
        )
        connection.executemany(
            "insert into reports.rpt_audit__texts values (?, ?, ?, date '2026-01-31')",
            [[i, text, f"-{i}.5"] for i, text in enumerate(NASTY)],
        )
        connection.execute(
            f"create or replace table reports.rpt_audit__texts as from reports.rpt_audit__texts order by id {order}"
        )
    return settings, warehouse


def test_rows_in_any_order_and_threads_give_the_same_bytes(tmp_path: Path) -> None:
    written = [reports.write(*home(tmp_path / name, order, threads)) for name, order, threads in
               (("a", "asc", 1), ("b", "desc", 4))]  # fmt: skip
    assert written[0] == written[1]


def test_the_manifest_names_run_rows_and_hashes(tmp_path: Path) -> None:
    settings, warehouse = home(tmp_path, "asc", 2)
    reports.write(settings, warehouse)
    manifest = json.loads((settings.reports_path / "manifest.json").read_text())
    assert manifest["run_identity"] == "run-1" == reports.written_for(settings)
    (entry,) = manifest["reports"]
    assert (entry["name"], entry["rows"]) == ("texts", len(NASTY))
    for suffix, digest in entry["sha256"].items():
        content = (settings.reports_path / f"texts.{suffix}").read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_no_cell_of_the_csv_is_a_formula_and_none_is_lost(tmp_path: Path) -> None:
    settings, warehouse = home(tmp_path, "asc", 2)
    reports.write(settings, warehouse)
    with (settings.reports_path / "texts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert not row["text"].lstrip().startswith(("=", "+", "-", "@", "＝"))
        assert row["text"].removeprefix("'") == NASTY[int(row["id"])]
    assert [row["amount"] for row in rows] == [f"-{i}.50" for i in range(len(NASTY))]


def test_parquet_keeps_text_and_scale(tmp_path: Path) -> None:
    settings, warehouse = home(tmp_path, "asc", 2)
    reports.write(settings, warehouse)
    table = pq.read_table(settings.reports_path / "texts.parquet")
    assert table.column("text").to_pylist() == list(NASTY)
    assert str(table.schema.field("amount").type) == "decimal128(38, 12)"


def test_no_reports_are_nobodys(tmp_path: Path) -> None:
    assert reports.written_for(Settings(home=tmp_path)) is None


@pytest.mark.parametrize("threads", [1, 2])
def test_no_half_written_file_stays(tmp_path: Path, threads: int) -> None:
    settings, warehouse = home(tmp_path, "asc", threads)
    reports.write(settings, warehouse)
    assert sorted(path.name for path in settings.reports_path.iterdir()) == [
        "manifest.json",
        "texts.csv",
        "texts.parquet",
    ]
