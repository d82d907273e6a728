"""The nightly job as plain steps: the command line, the schedule and the Dagster UI all call these.

Each step may be repeated: a run that was interrupted anywhere is simply run again. The order, and what a step may
assume, is in docs/concepts/a_run.md. Nothing here computes a figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from billing_assets.automation.identity import code_hash
from billing_assets.landing import load as landing_load
from billing_assets.landing import register as landing_register
from billing_assets.ledger import Ledger, RunIdentity
from billing_assets.metering.meter import meter_batch
from billing_assets.settings import Settings
from billing_assets.transformation.resources import Dbt
from billing_assets.warehouse import Warehouse

Tell = Callable[[str], None]


class NoBusinessDate(ValueError):
    """No `as_of` was given and the ledger knows none."""


@dataclass
class Nightly:
    """One run over one home. Steps are called in the order of STEPS; each opens and closes what it needs."""

    settings: Settings
    tell: Tell = lambda _: None
    dbt: Dbt = field(init=False)

    def __post_init__(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self.dbt = Dbt(self.settings)

    # -- what steps share ------------------------------------------------------------------------------------

    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings.warehouse_path, self.settings.threads, self.settings.memory_limit)

    def ledger(self) -> Ledger:
        return Ledger.open(self.settings.resolved_ledger_url)

    def as_of(self, ledger: Ledger) -> date:
        """The business date: given, or the ledger's last one. Never the wall clock, and never backwards."""
        last = ledger.last_as_of()
        chosen = self.settings.as_of or last
        if chosen is None:
            raise NoBusinessDate("no business date yet: say --as-of YYYY-MM-DD on the first run")
        if last is not None and chosen < last:
            raise NoBusinessDate(f"--as-of {chosen} is before the ledger's last business date {last}")
        return chosen

    def identity(self, ledger: Ledger) -> RunIdentity:
        return RunIdentity(
            register_sequence=ledger.register_sequence(),
            decision_sequence=ledger.decision_sequence(),
            as_of=self.as_of(ledger),
            code_hash=code_hash(self.settings),
        )

    # -- the steps -------------------------------------------------------------------------------------------

    def land(self) -> None:
        """Register what has landed, then load every batch the warehouse does not hold yet."""
        with self.ledger() as ledger:
            as_of = self.as_of(ledger)
            registration = landing_register.register(self.settings.model_copy(update={"as_of": as_of}), ledger)
            self.tell(f"landed: {registration}")
            summary = landing_load.load(self.settings, ledger, self.warehouse(), meter_batch)
            self.tell(f"loaded: {summary}")

    def prepare(self) -> None:
        """Note the run's identity where models read it, and bring the ledger's tables into the warehouse."""
        with self.ledger() as ledger:
            identity = self.identity(ledger)
            ledger.start_run(identity)
            with self.warehouse().writer() as connection:
                connection.execute("begin")
                connection.execute("delete from raw.run_context")
                connection.execute(
                    "insert into raw.run_context by name select "
                    "? as as_of, ? as register_sequence, ? as decision_sequence, ? as code_hash, "
                    "? as run_identity, ? as quarantine_share",
                    [
                        identity.as_of,
                        identity.register_sequence,
                        identity.decision_sequence,
                        identity.code_hash,
                        identity.text,
                        self.settings.quarantine_share,
                    ],
                )
                connection.execute("commit")
            self._extract(ledger)

    def _extract(self, ledger: Ledger) -> None:
        """The ledger's tables as raw_ledger.*, through Arrow: one way for SQLite and PostgreSQL."""
        with self.warehouse().writer() as connection:
            connection.execute("begin")
            connection.execute("create schema if not exists raw_ledger")
            for name, table in ledger.extract().items():
                connection.register("extracted", table)
                connection.execute(f'create or replace table raw_ledger."{name}" as select * from extracted')
                connection.unregister("extracted")
            connection.execute("commit")
