"""The reports of one month of one selling entity, cut out of the run's reports as CSV bytes.

Belongs here: which rows are the month's. Reads the warehouse, writes nothing but a file of its own making.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from billing_assets.documents.reports import csv_expression

# Rows of the entity whose month lies after the last lock, up to the one that is closed: a month that never had
# anything is shut with the first later one that is locked, and whatever it shows is kept with that.
_OF_THE_MONTH = "selling_entity = $entity and period > $after and period <= $period"
_ITS_DOCUMENTS = (
    "select document_id from reports.rpt_finance__invoices "
    "where selling_entity = $entity and close_period > $after and close_period <= $period"
)
ROWS = {
    "rpt_finance__invoices": f"document_id in ({_ITS_DOCUMENTS})",
    "rpt_finance__invoice_lines": f"document_id in ({_ITS_DOCUMENTS})",
    "rpt_finance__publications": f"document_id in ({_ITS_DOCUMENTS})",
    "rpt_finance__credit_balances": (
        "(contract_id, grant_id, period) in (select (contract_id, grant_id, period) "
        f"from intermediate.int_credit_balances__rolled where {_OF_THE_MONTH})"
    ),
    "rpt_audit__control_results": _OF_THE_MONTH,
    "rpt_operations__exceptions": _OF_THE_MONTH,
    "rpt_audit__gate": _OF_THE_MONTH,
    "rpt_close__reconciliation": _OF_THE_MONTH,
    "rpt_finance__receivable_rollforward": _OF_THE_MONTH,
    "rpt_finance__marketplace_lines": _OF_THE_MONTH,
    "rpt_management__kpis": "split_part(scope, '/', 1) = $entity and period > $after and period <= $period",
}


@dataclass(frozen=True)
class MonthReport:
    """One report of the month: its rows as CSV, header first."""

    name: str
    rows: int
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def cut(connection: duckdb.DuckDBPyConnection, selling_entity: str, after: str, period: str) -> list[MonthReport]:
    """The month's reports by name: rows of `selling_entity` in the months after `after`, up to `period`.

    The same rows give the same bytes: columns as the report has them, rows in a total order.
    """
    given = {"entity": selling_entity, "after": after, "period": period}
    with tempfile.TemporaryDirectory() as scratch:
        return [_cut(connection, table, where, given, Path(scratch) / "report.csv") for table, where in ROWS.items()]


def _cut(
    connection: duckdb.DuckDBPyConnection, table: str, where: str, given: dict[str, str], path: Path
) -> MonthReport:
    named = {name: value for name, value in given.items() if f"${name}" in where}
    rows = connection.execute(f'select * from reports."{table}" where {where} order by all', named).to_arrow_table()
    connection.register("month_rows", rows)
    kinds = connection.execute("select column_name, column_type from (describe month_rows)").fetchall()
    shown = ", ".join(f'{csv_expression(column, kind)} as "{column}"' for column, kind in kinds)
    quoted = str(path).replace("'", "''")
    connection.execute(f"copy (select {shown} from month_rows) to '{quoted}' (format csv, header true)")
    connection.unregister("month_rows")
    return MonthReport(table.split("__", 1)[1], rows.num_rows, path.read_bytes())
