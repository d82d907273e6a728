"""One run over a batch: the real steps in this process, and questions to what they left in the warehouse.

Belongs here: the run, the tables that say what was drawn, and how a violation is shown. Not here: properties.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from billing_assets.automation.nightly import Nightly
from billing_assets.settings import Settings
from billing_assets.transformation.resources import Dbt, NodeResult
from tests.pricing import delivery
from tests.pricing.batch import Batch
from tests.pricing.contracts import AS_OF, DIGITS, Case, Json, Use

# Everything a bill is made of, to the drafts; structural tests of dbt are left to the nights of the sample.
_DRAFTED = "+fct_draft_invoices +fct_draft_invoice_lines +int_credit_balances__rolled +int_terms__unsupported " \
           "+int_usage__unrated +int_usage__unattributed"  # fmt: skip
_WITHOUT_TESTS = ["--exclude-resource-type", "unit_test", "test"]
# Noted before the second night and looked at after it.
_NOTED = ("intermediate", "marts")


def night(
    landing: Path, home: Path, dbt: Dbt | None = None, as_of: date = AS_OF, threads: int = 2
) -> tuple[Nightly, list[NodeResult]]:
    """Land what is there and draft the bills; the project is parsed once where `dbt` of an earlier night is given."""
    step = Nightly(Settings(landing=landing, home=home, as_of=as_of, threads=threads, targets=("file",)))
    step.dbt = dbt or step.dbt
    step.land()
    step.prepare()
    step.match()
    return step, step.dbt.follow(["build", "--select", *_DRAFTED.split(), *_WITHOUT_TESTS])


@dataclass
class Bills:
    """The warehouse after two nights over a batch; the second brought what was late, and nothing else."""

    batch: Batch
    connection: duckdb.DuckDBPyConnection

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.connection.execute(query).fetchall()
        return found

    def never(self, query: str) -> None:
        """Fails unless the query is empty. Its first column is a contract id: the smallest such contract is shown."""
        self.none_of(self.rows(query))

    def none_of(self, found: list[tuple[Any, ...]]) -> None:
        if not found:
            return
        cases = {case.contract_id: case for _, case in self.batch.delivered()}
        smallest = min({row[0] for row in found}, key=lambda name: len(str(cases[name])))
        shown = [row for row in found if row[0] == smallest] + [row for row in found if row[0] != smallest]
        rows = "\n".join(" | ".join(str(value) for value in row) for row in shown[:12])
        raise AssertionError(
            f"{len(found)} rows of {len({row[0] for row in found})} contracts:\n{rows}\n"
            + "\n".join(json.dumps(document) for document in cases[smallest].versions)
            + "\n"
            + "\n".join(f"{use.moment} {use.meter} {use.quantity} {use.properties}" for use in cases[smallest].usage)
        )


def bill(batch: Batch, root: Path) -> Bills:
    """Bill the batch, then land what was late and bill again."""
    landing, home = root / "landing", root / "home"
    delivery.write(landing, batch.delivered())
    first, _ = night(landing, home)
    with first.warehouse().reader() as connection:
        noted = _note(connection)
    delivery.write(landing, batch.delivered(), is_late=True)
    night(landing, home, first.dbt)
    connection = duckdb.connect(str(first.settings.warehouse_path), read_only=True)
    _tell_terms(connection, batch)
    _enter(connection, "noted", noted)
    _enter(connection, "noted_again", _note(connection))
    return Bills(batch, connection)


def _note(connection: duckdb.DuckDBPyConnection) -> list[Json]:
    """How many rows each relation has of each contract, and a figure that another row would change."""
    relations = connection.execute(
        "select table_schema, table_name from information_schema.columns "
        "where column_name = 'contract_id' and list_contains(?, table_schema)", [list(_NOTED)]
    ).fetchall()  # fmt: skip
    noted = []
    for schema, name in relations:
        found = connection.execute(
            f"select contract_id, count(*), sum(hash(row_)::hugeint)::varchar from {schema}.{name} row_ "
            "where contract_id is not null group by contract_id"
        ).fetchall()
        noted += [{"contract_id": c, "relation": name, "rows": n, "content": text} for c, n, text in found]
    return noted


def _tell_terms(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """What was drawn, as tables beside the bills."""
    delivered = batch.delivered()
    _enter(connection, "contracts", [_contract(kind, case) for kind, case in delivered])
    _enter(connection, "twins", [{"base_id": base, "kind": kind, "twin_id": twin.contract_id}
                                 for base, kind, twin in batch.twins])  # fmt: skip
    _enter(connection, "charges", [charge for _, case in delivered for charge in _charges(case)])
    _enter(connection, "commitments", [
        {"contract_id": case.contract_id, "kind": terms["kind"], "amount": Decimal(terms["amount"]),
         "scope": terms["applies_to"], "prorate": terms.get("prorate", False), "true_up": terms.get("true_up", False)}
        for _, case in delivered for terms in case.document["commitments"]
    ])  # fmt: skip
    for table, field, figure in (("discounts", "discount_id", "value"), ("taxes", "tax_code", "rate_percent")):
        _enter(connection, table, [
            {"contract_id": case.contract_id, field: terms[field], figure: Decimal(terms[figure]),
             "kind": terms.get("kind"), "inclusive": terms.get("inclusive"), "scope": terms["applies_to"]}
            for _, case in delivered for terms in case.document[table]
        ])  # fmt: skip
    connection.execute(
        "create temp view lines as select * from marts.fct_draft_invoice_lines;"
        "create temp view documents as select * from marts.fct_draft_invoices;"
        "create temp view rated as select * from intermediate.int_usage__rated;"
        # before discounts, credits and tax, of nil bills too
        "create temp view priced as select * from intermediate.int_priced_lines__collected;"
    )


def _contract(kind: str, case: Case) -> Json:
    document = case.document
    rounding = document["billing"]["rounding"]
    digits = DIGITS[document["currency"]]
    places = digits if rounding["places"] is None else rounding["places"]
    return {"contract_id": case.contract_id, "kind": kind, "currency": document["currency"], "places": places,
            "minor_unit": Decimal(1).scaleb(-digits),
            "step": Decimal(1).scaleb(-places), "mode": rounding["mode"], "stage": rounding["stage"],
            "tax_rounding": document["billing"]["tax_rounding"], "has_taxes": bool(document["taxes"]),
            "is_inclusive": any(tax["inclusive"] for tax in document["taxes"])}  # fmt: skip


def _charges(case: Case) -> Iterable[Json]:
    for charge in case.document["charges"]:
        free = [terms["value"] for terms in charge.get("discounts", [])]
        uses = [use for use in case.usage if use.charge_id == charge["charge_id"] and _counts(charge, use)]
        yield {
            "contract_id": case.contract_id, "charge_id": charge["charge_id"], "type": charge["type"],
            "model": charge["price"]["model"], "aggregation": charge.get("aggregation"),
            "divide_by": Decimal(charge.get("unit_conversion", {}).get("divide_by", 1)),
            "has_volume": '"volume"' in json.dumps(charge["price"]),
            "is_due_at_zero": charge["price"].get("flat_at_zero", False) or charge["price"]["model"] == "capacity",
            "minimum": _decimal(charge.get("minimum")), "maximum": _decimal(charge.get("maximum")),
            "prorate": charge.get("prorate", False),
            "allowance": sum((Decimal(text) for text in [charge.get("included_quantity", "0"), *free]), Decimal(0)),
            "used": sum((Decimal(use.quantity) for use in uses), Decimal(0)),
        }  # fmt: skip


def _counts(charge: Json, use: Use) -> bool:
    properties = dict(use.properties)
    return all(properties.get(name) in allowed for name, allowed in charge.get("filter", {}).items())


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


_DECIMAL = pa.decimal128(38, 12)


def _enter(connection: duckdb.DuckDBPyConnection, name: str, rows: list[Json]) -> None:
    """The rows as a temporary table; decimals keep 12 places."""
    fields = []
    for column in rows[0]:
        values = [row[column] for row in rows if row[column] is not None]
        if any(isinstance(value, list) for value in values) or column == "scope":
            fields.append((column, pa.list_(pa.string())))
        elif values and isinstance(values[0], Decimal):
            fields.append((column, _DECIMAL))
        elif values and isinstance(values[0], bool | int):
            fields.append((column, pa.bool_() if isinstance(values[0], bool) else pa.int64()))
        else:
            fields.append((column, pa.string()))
    connection.register("entered", pa.Table.from_pylist(rows, pa.schema(fields)))
    connection.execute(f"create temp table {name} as from entered")
    connection.unregister("entered")
