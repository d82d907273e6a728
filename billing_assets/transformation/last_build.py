"""What the last finished build of dbt's phase A was made from, so that the next one computes only what changed since.

Belongs here: whether the next build may follow on it, and remembering it. Which rows a change touches is told in SQL
(dbt_project/macros/touched.sql).
"""

from __future__ import annotations

from dataclasses import dataclass

from billing_assets.landing import tables
from billing_assets.warehouse import Warehouse

# Small relations that touched rows are told by, as the last build read them: kept under their names in schema `built`.
REMEMBERED = (
    "intermediate.int_agreements__resolved",
    "intermediate.int_agreements__crosswalked",
    "intermediate.int_marketplace_failures__linked",
    "staging.stg_aws_marketplace__legacy_ids",
    "intermediate.int_usage__matched",
    "intermediate.int_usage__service_periods",
    "intermediate.int_usage__credited",
)


@dataclass(frozen=True)
class Begun:
    """A build that has begun. `is_full`: it may not follow on the last one. `batch`: the last batch that it reads."""

    is_full: bool
    batch: int


def begin(warehouse: Warehouse) -> Begun:
    """Say that a build has begun: unless `remember` says that it finished, the next one is a full one.

    A build follows on the last where that one finished, on the same code, for this business date or an earlier one.
    """
    with warehouse.writer() as connection:
        tables.create(connection)
        row = connection.execute(
            """
            select
                coalesce(bool_or(
                    last_build.code_hash = run_context.code_hash and last_build.as_of <= run_context.as_of
                    and not last_build.is_followed
                ), false),
                (select coalesce(max(batch), 0) from raw_landing.batches)
            from raw.last_build, raw.run_context
            """
        ).fetchone()
        connection.execute("update raw.last_build set is_followed = true")
    follows, batch = row or (False, 0)
    return Begun(not follows, batch)


def remember(warehouse: Warehouse, begun: Begun) -> None:
    """Say that the build has finished and keep what it read."""
    with warehouse.writer() as connection:
        connection.begin()
        connection.execute("create schema if not exists built")
        relations = connection.execute("select table_schema || '.' || table_name from information_schema.tables")
        # A build of some rooms alone leaves the others' relations out.
        for relation in sorted({name for (name,) in relations.fetchall()} & set(REMEMBERED)):
            connection.execute(f"create or replace table built.{relation.split('.')[1]} as from {relation}")
        connection.execute("delete from raw.last_build")
        connection.execute(
            "insert into raw.last_build by name "
            "select as_of, ? as batch, code_hash, false as is_followed from raw.run_context",
            [begun.batch],
        )
        connection.commit()
