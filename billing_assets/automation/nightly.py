"""The nightly job as plain steps: the command line, the schedule and the Dagster UI all call these.

Each step may be repeated: a run that was interrupted anywhere is simply run again. The order, and what a step may
assume, is in docs/concepts/a_run.md. Nothing here computes a figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import duckdb

from billing_assets.access import extract as decisions_extract
from billing_assets.automation.identity import code_hash
from billing_assets.close import frozen
from billing_assets.controls import Verdict, ask, plausibility
from billing_assets.documents import reports
from billing_assets.documents.reports import Report
from billing_assets.documents.snapshot import write_snapshot
from billing_assets.errors import OperatorError
from billing_assets.exceptions.register import register as register_exceptions
from billing_assets.landing import load as landing_load
from billing_assets.landing import register as landing_register
from billing_assets.landing.register import NoBusinessDate
from billing_assets.ledger import Ledger, RunIdentity
from billing_assets.matching.match import match
from billing_assets.metering.lake import open_lake
from billing_assets.metering.meter import meter_batch
from billing_assets.publication import corrections, issue, relay
from billing_assets.publication.number_ranges import continue_numbers
from billing_assets.publication.targets import registry
from billing_assets.settings import Settings
from billing_assets.transformation.phases import Phase
from billing_assets.transformation.resources import Dbt
from billing_assets.warehouse import Warehouse

Tell = Callable[[str], None]


class NotCurrent(OperatorError):
    """The warehouse's figures are of an earlier state: nothing may be issued on them."""


@dataclass
class Nightly:
    """One run over one home. Steps are called in the order of `run`; each opens and closes what it needs."""

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
        return Ledger.open(self.settings.resolved_ledger_url, self.settings.seal_path)

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

    def land(self) -> list[tuple[date, int]]:
        """Register what has landed and load every batch the warehouse does not hold.

        Returns the lake partitions this brought rows to: (event date, rows added).
        """
        with self.ledger() as ledger:
            settings = self.settings.model_copy(update={"as_of": self.as_of(ledger)})
            found = landing_register.register(settings, ledger)
            self.tell(f"landed: {found.files} files seen, {found.registered} new, {found.facts} changed or gone")
            before = self._lake_batches()
            loaded = landing_load.load(settings, ledger, self.warehouse(), meter_batch, self.tell)
            self.tell(f"loaded: {loaded.batches} batches, {loaded.loaded} files, {loaded.set_aside} set aside")
        with self.warehouse().reader() as connection:
            brought: list[tuple[date, int]] = connection.execute(
                "select event_date, sum(rows)::bigint from raw_metering.lake_parts "
                "where not list_contains(?, batch) group by event_date order by event_date",
                [before],
            ).fetchall()
        return brought

    def prepare(self) -> RunIdentity:
        """Note the run's identity for models, open the lake to them, let numbers go on, and bring the ledger's tables
        into the warehouse."""
        with self.ledger() as ledger:
            identity = self.identity(ledger)
            ledger.start_run(identity)
            with self.warehouse().writer() as connection:
                connection.execute("begin")
                connection.execute("delete from raw.run_context")
                connection.execute(
                    "insert into raw.run_context by name select ? as as_of, ? as register_sequence, "
                    "? as decision_sequence, ? as code_hash, ? as run_identity, ? as quarantine_share, "
                    "? as late_usage, ? as rebill_above",
                    [
                        identity.as_of,
                        identity.register_sequence,
                        identity.decision_sequence,
                        identity.code_hash,
                        identity.text,
                        self.settings.quarantine_share,
                        self.settings.late_usage,
                        self.settings.rebill_above,
                    ],
                )
                open_lake(connection, self.settings.lake_path)
                connection.execute("commit")
            for refused in continue_numbers(ledger, self.warehouse(), identity.as_of):
                self.tell(f"numbers not continued: {refused}")
            self._extract(ledger)
        return identity

    def match(self) -> None:
        """Apply what stands on bank statements to the documents and payouts it settles."""
        self.tell(f"matched: {match(self.settings, self.warehouse())}")

    def check_plausibility(self) -> None:
        """Judge what has landed by the plausibility checks: warnings, never a stop."""
        with self.ledger() as ledger:
            as_of = self.as_of(ledger)
        self._tell_plausibility(plausibility.run_plausibility(self.warehouse(), as_of))

    def transform(self, phase: Phase) -> None:
        """Build one dbt phase."""
        nodes = self.dbt.build(phase, self.tell)
        seconds = sum(node.seconds for node in nodes)
        self.tell(f"dbt {phase.replace('_', ' ')}: {len(nodes)} models, seeds and tests, {seconds:.0f} s of work")

    def judge(self) -> list[Verdict]:
        """Ask the gate about every scope and document; the verdicts are written where phase B reads them."""
        with self.ledger() as ledger:
            verdicts = ask(self.warehouse(), ledger, self.as_of(ledger))
        closed = [v for v in verdicts if v.verdict == "closed"]
        scopes = sum(v.level == "scope" for v in closed)
        self.tell(f"gate: {scopes} scopes closed, {sum(v.level == 'document' for v in closed)} documents held")
        return verdicts

    def publish(self) -> None:
        """Issue what the gate lets through, deliver it, note exceptions; then read the ledger back."""
        warehouse = self.warehouse()
        with self.ledger() as ledger:
            run = self.identity(ledger)
            # Built first: nothing is issued to a target that cannot be reached for want of a setting.
            targets = registry.build(self.settings)
            issued = issue.issue_open_documents(ledger, warehouse, run, self.settings.targets)
            self.tell(f"issued: {issued}")
            for summary in relay.deliver(ledger, targets, run.as_of, run, tell=self.tell):
                self.tell(f"delivered: {summary}")
            register_exceptions(warehouse, ledger, run.as_of, run)
            self._extract(ledger)
        # Cash may stand on the statement already for what was issued just now.
        match(self.settings, warehouse, has_issued=True)

    def issue(self) -> None:
        """Publish what is approved and open now, on the last run's figures. Raises NotCurrent where they are old."""
        with self.ledger() as ledger:
            self._check_current(ledger)
            ledger.start_run(self.identity(ledger))
        self.publish()

    def report(self) -> list[Report]:
        """Write the report files and the snapshot for readers, and note in the ledger that the run is finished."""
        written = reports.write(self.settings, self.warehouse())
        write_snapshot(self.settings)
        with self.ledger() as ledger:
            frozen.copy_out(self.settings, ledger)
            ledger.finish_run(self.identity(ledger))
        self.tell(f"reports: {len(written)} in {self.settings.reports_path}")
        return written

    def run(self) -> bool:
        """All steps in order; False when the same run has been done before and its results are there."""
        self.land()
        if self.is_done():
            with self.ledger() as ledger:
                frozen.copy_out(self.settings, ledger)
            self.tell("nothing to do: same evidence, decisions, business date and code as the last finished run")
            return False
        with self.warehouse().held():
            identity = self.prepare()
            # Judged in a process of its own while this one matches cash and reads the dbt project.
            judging = plausibility.begin(self.warehouse(), identity.as_of)
            self.match()
            self.dbt.read(self.tell)
            self._tell_plausibility(judging.finish())
            self.transform(Phase.A)
            self.judge()
            self.publish()
            self.transform(Phase.B)
            self.report()
        return True

    def is_done(self) -> bool:
        """Whether the last finished run is this one and the warehouse and reports are its results."""
        with self.ledger() as ledger:
            identity = self.identity(ledger)
            if ledger.last_finished_run() != identity:
                return False
        with self.warehouse().reader() as connection:
            in_warehouse = connection.execute("select run_identity from raw.run_context").fetchone()
        return in_warehouse == (identity.text,) and reports.written_for(self.settings) == identity.text

    # -- helpers ---------------------------------------------------------------------------------------------

    def _check_current(self, ledger: Ledger) -> None:
        """The warehouse's figures are of this evidence, date, code and record; decisions may be newer."""
        identity = self.identity(ledger)
        try:
            with self.warehouse().reader() as connection:
                row = connection.execute(
                    "select as_of, register_sequence, code_hash, "
                    "(select coalesce(max(sequence), 0) from raw_ledger.issued_documents), "
                    "(select count(*) from marts.fct_control_results) from raw.run_context"
                ).fetchone()
        except (FileNotFoundError, duckdb.CatalogException):
            row = None
        issued = len(ledger.issued_ids())
        known = (identity.as_of, identity.register_sequence, identity.code_hash, issued)
        if row is None or row[:4] != known or not row[4]:
            raise NotCurrent(
                "the figures are not those of the ledger as it stands (files, date, code or documents have moved on): "
                "run `billing run`, which issues what is approved as well"
            )

    def _tell_plausibility(self, results: list[plausibility.Result]) -> None:
        failed = sum(not result.passed for result in results)
        self.tell(f"plausibility: {len(results)} checks and months judged, {failed} odd")

    def _lake_batches(self) -> list[int]:
        try:
            with self.warehouse().reader() as connection:
                rows = connection.execute("select distinct batch from raw_metering.lake_parts").fetchall()
        except (FileNotFoundError, duckdb.CatalogException):
            return []  # a new home, or one whose warehouse was deleted
        return [batch for (batch,) in rows]

    def _extract(self, ledger: Ledger) -> None:
        """The ledger's tables as raw_ledger.*, through Arrow: one way for SQLite and PostgreSQL."""
        as_of = self.as_of(ledger)
        tables = {
            **ledger.extract(),
            **decisions_extract.current_tables(ledger, self.warehouse(), as_of),
            "corrections": corrections.table(ledger, as_of),
        }
        with self.warehouse().writer() as connection:
            connection.execute("begin")
            frozen.read_back(self.settings, ledger, connection)
            connection.execute("create schema if not exists raw_ledger")
            for name, table in tables.items():
                connection.register("extracted", table)
                connection.execute(f'create or replace table raw_ledger."{name}" as select * from extracted')
                connection.unregister("extracted")
            connection.execute("commit")
