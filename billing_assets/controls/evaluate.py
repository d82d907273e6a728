"""Reads what the controls found, asks the gate, and writes its verdicts where dbt and publication read them.

Belongs here: the way between the warehouse and the pure decision in `gate`. No rule of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import duckdb

from billing_assets.access import decided
from billing_assets.controls.catalogue import Control, load_catalogue
from billing_assets.controls.gate import ControlResult, Document, Hold, Policy, Verdict, Violation, Waiver, decide
from billing_assets.ledger import Ledger
from billing_assets.warehouse import Warehouse

_VERDICTS = """
    create schema if not exists raw_gate;
    create table if not exists raw_gate.verdicts (
        level varchar, key varchar, period varchar, selling_entity varchar, channel varchar,
        verdict varchar, reasons varchar, scope_hash varchar);
"""
# Scopes outside the catalogue's own (usage before any contract, unassigned accounts) close nothing.
_RESULTS = """
    select control_id, period, selling_entity, channel, status
    from marts.fct_control_results
    semi join intermediate.int_controls__scopes using (period, selling_entity, channel)
"""
_VIOLATIONS = """
    select exception_id, control_id, period, selling_entity, channel, document_id, holds, amount, row_hash
    from marts.fct_control_violations
"""
_DOCUMENTS = """
    select document_id, close_period, selling_entity, channel, content_hash
    from marts.fct_draft_invoices
    where is_due
"""


def create_verdicts(connection: duckdb.DuckDBPyConnection) -> None:
    """The table of verdicts, empty: dbt's phase A parses and lists it before the gate has decided anything."""
    connection.execute(_VERDICTS)


def ask(warehouse: Warehouse, ledger: Ledger, as_of: date) -> list[Verdict]:
    """The gate's decision as everything stands now: results in the warehouse, waivers and holds in the ledger.

    What every route to publication calls: a verdict is asked for, never handed on. Raises as `evaluate`.
    """
    standing = decided.standing(ledger, as_of)
    waivers = [
        Waiver(waiver.exception_id, waiver.amount, waiver.row_hash, waiver.expires_on, waiver.maker, waiver.checker)
        for waiver in decided.waivers_of(standing, as_of)
    ]
    holds = [Hold(hold.level, hold.key) for hold in decided.holds_of(standing, as_of)]
    return evaluate(warehouse, waivers, holds)


def evaluate(
    warehouse: Warehouse,
    waivers: Sequence[Waiver] = (),
    holds: Sequence[Hold] = (),
    catalogue: Sequence[Control] | None = None,
) -> list[Verdict]:
    """Decide on the control results now in the warehouse and replace `raw_gate.verdicts`. Returns the verdicts.

    Runs after dbt phase A. Raises duckdb.CatalogException when phase A has not built the control marts.
    """
    controls = load_catalogue() if catalogue is None else catalogue
    with warehouse.writer() as connection:
        row = connection.execute("select as_of, code_hash, quarantine_share from raw.run_context").fetchone()
        if row is None:
            raise LookupError("raw.run_context is empty: the run has not been prepared")
        as_of, code_hash, quarantine_share = row
        policy = Policy(
            expected={control.control_id: control.blocks for control in controls},
            as_of=as_of,
            thresholds={"quarantine_share": str(quarantine_share)},
            code_hash=code_hash,
        )
        verdicts = decide(
            [ControlResult(*values) for values in connection.execute(_RESULTS).fetchall()],
            [Violation(*values) for values in connection.execute(_VIOLATIONS).fetchall()],
            [Document(*values) for values in connection.execute(_DOCUMENTS).fetchall()],
            waivers,
            holds,
            policy=policy,
        )
        _write(connection, verdicts)
    return verdicts


def _write(connection: duckdb.DuckDBPyConnection, verdicts: Sequence[Verdict]) -> None:
    connection.execute("begin")
    create_verdicts(connection)
    connection.execute("delete from raw_gate.verdicts")
    if verdicts:
        connection.executemany(
            "insert into raw_gate.verdicts values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    verdict.level,
                    verdict.key,
                    verdict.period,
                    verdict.selling_entity,
                    verdict.channel,
                    verdict.verdict,
                    json.dumps(verdict.reasons),
                    verdict.scope_hash,
                )
                for verdict in verdicts
            ],
        )
    connection.execute("commit")
