"""The nightly steps as Dagster assets: every table and record that a step writes, with owner, group and row count.

Thin on purpose: a step's work is in nightly.py, which the command line calls too. dbt's models are in
transformation/assets.py.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_assets.automation.nightly import Nightly
from billing_assets.automation.partitions import LAKE_DAYS
from billing_assets.automation.tables import (
    CLOSE_TABLES,
    LEDGER_TABLES,
    MATCH_TABLES,
    PLAUSIBILITY_TABLES,
    RAW_TABLES,
    RawTable,
)
from billing_assets.resources import Installation
from billing_assets.transformation.assets import row_counts

# One run at a time may write the warehouse file.
WRITER = "duckdb_writer"
# A step fails for a reason of its machine (disk, a lock) or for one that a retry repeats; twice is enough to tell.
RETRY = dg.RetryPolicy(max_retries=2, delay=15, backoff=dg.Backoff.EXPONENTIAL)

LAKE = dg.AssetSpec(
    ["lake", "usage_events"],
    description="Accepted usage events, one Parquet file per event date and batch; one partition per event date (UTC).",
    group_name="metering",
    owners=["team:data-engineering"],
    kinds={"parquet"},
    partitions_def=LAKE_DAYS,
)


def _spec(table: RawTable, deps: list[list[str]] | None = None) -> dg.AssetSpec:
    return dg.AssetSpec(
        [table.schema, table.name],
        description=table.description,
        group_name=table.group,
        owners=[table.owner],
        kinds={"duckdb"},
        deps=[dg.AssetKey(key) for key in deps or []],
    )


def _materialized(nightly: Nightly, tables: tuple[RawTable, ...]) -> Iterator[dg.MaterializeResult[Any]]:
    counts = row_counts(nightly.warehouse())
    for table in tables:
        relation = f"{table.schema}.{table.name}"
        yield dg.MaterializeResult(
            asset_key=[table.schema, table.name],
            metadata={"dagster/table_name": relation, "dagster/row_count": counts.get(relation, 0)},
        )


@dg.multi_asset(name="land", specs=[_spec(t) for t in RAW_TABLES], pool=WRITER, retry_policy=RETRY)
def land(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Register and load what has landed; report the lake's partitions that the landing touched."""
    nightly = Nightly(installation.settings(), context.log.info)
    for day, rows in nightly.land():
        context.log_event(
            dg.AssetMaterialization(LAKE.key, partition=day.isoformat(), metadata={"dagster/partition_row_count": rows})
        )
    yield from _materialized(nightly, RAW_TABLES)


_EVIDENCE = [[t.schema, t.name] for t in RAW_TABLES]
_RUN = (
    RawTable("raw", "run_context", "One row: the run being computed.", "run", "team:data-engineering"),
    RawTable(
        "raw",
        "last_build",
        "One row, none before the first: the last finished build of phase A.",
        "run",
        "team:data-engineering",
    ),
    *LEDGER_TABLES,
    *CLOSE_TABLES,
)


@dg.multi_asset(name="prepare", specs=[_spec(t, _EVIDENCE) for t in _RUN], pool=WRITER, retry_policy=RETRY)
def prepare(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Note the run's identity and bring the ledger's tables into the warehouse."""
    nightly = Nightly(installation.settings(), context.log.info)
    nightly.prepare()
    yield from _materialized(nightly, _RUN)


_PREPARED = [[t.schema, t.name] for t in _RUN]


@dg.multi_asset(name="match", specs=[_spec(t, _PREPARED) for t in MATCH_TABLES], pool=WRITER, retry_policy=RETRY)
def match(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Apply bank entries to the documents and payouts they settle."""
    nightly = Nightly(installation.settings(), context.log.info)
    nightly.match()
    yield from _materialized(nightly, MATCH_TABLES)


@dg.multi_asset(
    name="judge_landed", specs=[_spec(t, _PREPARED) for t in PLAUSIBILITY_TABLES], pool=WRITER, retry_policy=RETRY
)
def judge_landed(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Judge what has landed by the plausibility checks, in a process of their own."""
    nightly = Nightly(installation.settings(), context.log.info)
    nightly.check_plausibility()
    yield from _materialized(nightly, PLAUSIBILITY_TABLES)


_VERDICTS = (
    RawTable("raw_gate", "verdicts", "One row per scope, and per document that is held.", "gate", "team:controls"),
)


@dg.multi_asset(
    name="judge",
    specs=[
        _spec(
            t,
            [
                ["marts", "fct_control_results"],
                ["marts", "fct_control_violations"],
                ["marts", "fct_draft_invoices"],
            ],
        )
        for t in _VERDICTS
    ],
    pool=WRITER,
    retry_policy=RETRY,
)
def judge(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Ask the gate about every draft that is due."""
    nightly = Nightly(installation.settings(), context.log.info)
    nightly.judge()
    yield from _materialized(nightly, _VERDICTS)


@dg.multi_asset(
    name="publish",
    specs=[
        dg.AssetSpec(
            ["ledger", name],
            description=description,
            group_name="record",
            owners=["team:billing-operations"],
            kinds={"sqlite"},
            deps=[dg.AssetKey(["raw_gate", "verdicts"]), dg.AssetKey(["marts", "fct_draft_invoice_lines"])],
        )
        for name, description in (
            ("issued_documents", "Issued invoices and credit memos with their numbers, in the book of record."),
            ("exceptions", "First-seen dates and closings of exceptions, in the book of record."),
            ("publications", "Documents delivered to each target, read back and confirmed."),
        )
    ],
    pool=WRITER,
    retry_policy=RETRY,
)
def publish(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Issue what the gate lets through, deliver it, and note exceptions; then read the ledger again."""
    nightly = Nightly(installation.settings(), context.log.info)
    nightly.publish()
    for name in ("issued_documents", "exceptions", "publications"):
        yield dg.MaterializeResult(asset_key=["ledger", name])


@dg.multi_asset(
    name="report_files",
    specs=[
        dg.AssetSpec(
            ["reports", name],
            description=description,
            group_name="reports",
            owners=["team:revenue-accounting"],
            kinds=kinds,
            deps=[dg.AssetKey(["reports", "rpt_finance__invoices"])],
        )
        for name, description, kinds in (
            (
                "files",
                "Every report as Parquet and CSV in HOME/reports, with a manifest of rows and hashes.",
                {"parquet", "csv"},
            ),
            ("snapshot", "HOME/reporting.duckdb: what the dashboard reads while the next run writes.", {"duckdb"}),
        )
    ],
    pool=WRITER,
    retry_policy=RETRY,
)
def report_files(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[Any]]:
    """Write the report files and the snapshot, and close the run."""
    nightly = Nightly(installation.settings(), context.log.info)
    written = nightly.report()
    rows = "\n".join(f"| {r.name} | {r.rows} |" for r in written)
    table = dg.MetadataValue.md(f"| report | rows |\n|---|---|\n{rows}")
    yield dg.MaterializeResult(asset_key=["reports", "files"], metadata={"reports": table})
    yield dg.MaterializeResult(asset_key=["reports", "snapshot"])
