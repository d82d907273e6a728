"""Writes the report models to `HOME/reports` as Parquet and CSV, with a manifest that ties them to the run.

Belongs here: file form (order, bytes, escaping, atomicity). Which columns a report has is its dbt model's matter.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

# Raised when a column is renamed or removed, which the output contract forbids without notice.
SCHEMA_VERSION = 1
# A spreadsheet runs a cell that starts with one of these (OWASP: CSV injection), full-width forms included.
_FORMULA_START = r"^[\s]*[=+\-@\t\r\n＝＋－＠]"


@dataclass(frozen=True)
class Report:
    """One written report: rows, and the hash of each file."""

    name: str
    rows: int
    sha256: dict[str, str]


def write(settings: Settings, warehouse: Warehouse) -> list[Report]:
    """Every table of schema `reports` as `<name>.parquet` and `<name>.csv`; the manifest last."""
    folder = settings.reports_path
    folder.mkdir(parents=True, exist_ok=True)
    with warehouse.reader() as connection:
        identity = connection.execute("select run_identity, as_of from raw.run_context").fetchone()
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'reports' order by 1"
        ).fetchall()
        reports = [_write_one(connection, folder, table) for (table,) in tables]
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "run_identity": identity[0] if identity else None,
        "as_of": str(identity[1]) if identity else None,
        "reports": [{"name": r.name, "rows": r.rows, "sha256": r.sha256} for r in reports],
    }
    _replace(folder / "manifest.json", json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")
    return reports


def written_for(settings: Settings) -> str | None:
    """Identity of the run whose reports stand in HOME/reports; None when there are none."""
    manifest = settings.reports_path / "manifest.json"
    if not manifest.exists():
        return None
    identity: str | None = json.loads(manifest.read_text(encoding="utf-8"))["run_identity"]
    return identity


def _write_one(connection: duckdb.DuckDBPyConnection, folder: Path, table: str) -> Report:
    name = table.split("__", 1)[1]
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'reports' and table_name = ? order by ordinal_position",
        [table],
    ).fetchall()
    # A total order over all columns: the same rows give the same bytes whatever the thread count.
    ordered = f'select * from reports."{table}" order by all'
    shown = ", ".join(f'{csv_expression(column, kind)} as "{column}"' for column, kind in columns)
    hashes = {}
    for suffix, query, options in (
        ("parquet", ordered, "format parquet, compression zstd"),
        ("csv", f"select {shown} from ({ordered})", "format csv, header true"),
    ):
        path = folder / f"{name}.{suffix}"
        part = path.with_name(path.name + ".part")
        connection.execute(f"copy ({query}) to '{_quoted(part)}' ({options})")
        hashes[suffix] = hashlib.sha256(part.read_bytes()).hexdigest()
        os.replace(part, path)
    row = connection.execute(f'select count(*) from reports."{table}"').fetchone()
    return Report(name, row[0] if row else 0, hashes)


def csv_expression(column: str, kind: str) -> str:
    """Decimals without the padding of their scale (two places stay), text that no spreadsheet takes for a formula."""
    if kind.startswith("DECIMAL"):
        return f"regexp_replace(cast(\"{column}\" as varchar), '(\\.\\d\\d\\d*?)0+$', '\\1')"
    if kind == "VARCHAR":
        return f"regexp_replace(\"{column}\", '({_FORMULA_START})', '''\\1')"
    return f'"{column}"'


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
