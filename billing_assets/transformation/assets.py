"""The dbt project as Dagster assets: one step a phase, every model an asset, every structural test a check."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from billing_assets.resources import Installation
from billing_assets.settings import Settings
from billing_assets.transformation.phases import Phase
from billing_assets.transformation.resources import Dbt, manifest_path
from billing_assets.transformation.translator import BillingTranslator
from billing_assets.warehouse import Warehouse

TRANSLATOR = BillingTranslator()
MANIFEST = manifest_path(Settings())


@cache
def _dbt(settings: Settings) -> Dbt:
    # One parsed project for both phases of a run in this process.
    return Dbt(settings)


def _build(
    context: dg.AssetExecutionContext, installation: Installation, phase: Phase
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    settings = installation.settings()
    dbt = _dbt(settings)
    results = {node.unique_id: node for node in dbt.build(phase, context.log.info)}
    nodes: Mapping[str, Any] = dbt.nodes()
    counts = row_counts(Warehouse(settings.warehouse_path))
    for unique_id, result in results.items():
        node = nodes[unique_id]
        if node["resource_type"] in ("model", "seed"):
            relation = f"{node['schema']}.{node['name']}"
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([node["schema"], node["name"]]),
                metadata={
                    "dagster/table_name": relation,
                    "dagster/row_count": counts.get(relation, 0),
                    "seconds": round(result.seconds, 3),
                },
            )
    by_name = {nodes[unique_id]["name"]: result for unique_id, result in results.items()}
    for key in sorted(context.selected_asset_check_keys, key=str):
        if key.name in by_name:
            result = by_name[key.name]
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.status == "pass",
                metadata={"failing rows": result.failures or 0},
            )


def row_counts(warehouse: Warehouse) -> dict[str, int]:
    """Rows of every table and view of the warehouse by `schema.relation`."""
    with warehouse.reader() as connection:
        relations = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema <> 'main'"
        ).fetchall()
        counts = {}
        for schema, name in relations:
            row = connection.execute(f'select count(*) from "{schema}"."{name}"').fetchone()
            counts[f"{schema}.{name}"] = row[0] if row else 0
    return counts


@dbt_assets(
    manifest=MANIFEST,
    select=f"tag:{Phase.A}",
    name="dbt_phase_a",
    pool="duckdb_writer",
    dagster_dbt_translator=TRANSLATOR,
)
def dbt_phase_a(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    yield from _build(context, installation, Phase.A)


@dbt_assets(
    manifest=MANIFEST,
    select=f"tag:{Phase.B}",
    name="dbt_phase_b",
    pool="duckdb_writer",
    dagster_dbt_translator=TRANSLATOR,
)
def dbt_phase_b(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    yield from _build(context, installation, Phase.B)
