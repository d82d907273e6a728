"""`Ledger`: the one door to the book of record. Every write is one transaction that either stands whole or is not.

What each method writes is in the module of its subject; the chain and the guards are in `chain` and `guards`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from billing_assets import clock
from billing_assets.ledger import (
    chain,
    decisions,
    documents,
    extract,
    guards,
    outbox,
    register,
    runs,
    sightings,
)
from billing_assets.ledger.canonical import Json
from billing_assets.ledger.errors import GuardsBroken, LedgerBusy, LedgerError
from billing_assets.ledger.values import (
    Attempt,
    ChainFault,
    ExceptionSighting,
    FoundFile,
    GateVerdict,
    IssuedDocument,
    IssueRequest,
    OutboxItem,
    RegisteredFile,
    RunIdentity,
)

_MIGRATIONS = Path(__file__).parent / "migrations"


class Ledger:
    """An open ledger. Use as a context manager, or `close` it. Not shared between threads or processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open, creating or migrating as needed. Raises GuardsBroken where append-only is no longer enforced."""
        ledger = cls(guards.engine_for(url))
        try:
            with ledger._connection(writes=True) as connection:
                _migrate(connection)
                broken = guards.broken(connection)
        except BaseException:
            ledger.close()
            raise
        if broken:
            ledger.close()
            raise GuardsBroken(
                f"{url} is not opened: {'; '.join(f'{table}: {problem}' for table, problem in broken)}. Someone "
                "changed the database itself: run `billing audit verify`, then restore a backup"
            )
        return ledger

    @classmethod
    def audit(cls, url: str) -> list[ChainFault]:
        """Faults of the ledger at `url`, its guards included. Opens what `open` refuses; changes nothing."""
        with cls(guards.engine_for(url, create=False)) as ledger, ledger._connection() as connection:
            broken = [ChainFault(table, "", problem) for table, problem in guards.broken(connection)]
            return broken + chain.verify(connection)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the register --------------------------------------------------------------------------------------------

    def register_batch(
        self, as_of: date, files: Sequence[FoundFile], *, after: int | None = None
    ) -> list[RegisteredFile]:
        """Register `files` as one new batch, in their order; no files, no batch.

        `after` is the register sequence the scan was made at: where it has moved, LedgerError is raised.
        """
        with self._append() as (connection, append):
            return register.register_batch(connection, append, as_of, files, after)

    def registered(self) -> list[RegisteredFile]:
        """Every registered file, in register order."""
        with self._connection() as connection:
            return register.registered(connection)

    # -- where the record stands ---------------------------------------------------------------------------------

    def sequence(self) -> int:
        """Number of entries in the chain."""
        with self._connection() as connection:
            return chain.head_sequence(connection)

    def register_sequence(self) -> int:
        """Number of files registered."""
        with self._connection() as connection:
            return register.last_sequence(connection)

    def decision_sequence(self) -> int:
        """Number of decisions people made; nothing a run writes by itself counts."""
        with self._connection() as connection:
            return decisions.last_sequence(connection)

    def last_as_of(self) -> date | None:
        """The latest business date of any run or batch; None in an empty ledger."""
        with self._connection() as connection:
            return runs.last_as_of(connection)

    # -- decisions -----------------------------------------------------------------------------------------------

    def record_decision(
        self,
        decision: str,
        what: str,
        subject: dict[str, Json],
        actor: str,
        reason: str,
        recorded_on: date,
        expires_on: date | None = None,
    ) -> int:
        """Append what a person decided (approve, waive, hold, release) on `subject`; returns its number."""
        with self._append() as (connection, append):
            return decisions.record_decision(
                connection,
                append,
                decision=decision,
                what=what,
                subject=subject,
                actor=actor,
                reason=reason,
                recorded_on=recorded_on,
                expires_on=expires_on,
            )

    def record_approval(
        self,
        what: str,
        contract_id: str,
        charge_id: str | None,
        version: int,
        actor: str,
        reason: str,
        recorded_on: date,
    ) -> int:
        """Append the approval of a contract's terms, price or discount; returns the decision's number."""
        subject: dict[str, Json] = {"contract_id": contract_id, "charge_id": charge_id, "version": version}
        return self.record_decision("approve", what, subject, actor, reason, recorded_on)

    # -- documents and outbox ------------------------------------------------------------------------------------

    def issued_ids(self) -> set[str]:
        """Document ids of the record."""
        with self._connection() as connection:
            return documents.issued_ids(connection)

    def issue(
        self,
        requests: Sequence[IssueRequest],
        targets: Sequence[str],
        verdicts: Sequence[GateVerdict],
        run: RunIdentity,
    ) -> list[IssuedDocument]:
        """Issue documents in the order given, numbers and outbox items with them, in one transaction.

        Issued before with the same content = returned as it is. Raises DocumentConflict (other content),
        StaleDraft, GateClosed or LedgerError; then nothing at all was issued.
        """
        with self._append() as (connection, append):
            return documents.issue(connection, append, requests, targets, verdicts, run)

    def open_batches(self, target: str) -> list[int]:
        """Issue batches with an item for `target` that is neither confirmed nor rejected."""
        with self._connection() as connection:
            return outbox.open_batches(connection, target)

    def outbox_items(self, target: str, batch: int) -> list[OutboxItem]:
        """All items of a batch for `target`, in issuing order, each with its state."""
        with self._connection() as connection:
            return outbox.batch_items(connection, target, batch)

    def payloads(self, item_keys: Sequence[str]) -> dict[str, str]:
        """item_key -> canonical JSON of the document, as it was written when it was issued."""
        with self._connection() as connection:
            return outbox.payloads(connection, item_keys)

    def record_attempts(self, attempts: Sequence[Attempt], as_of: date, run: RunIdentity | None = None) -> None:
        """Append one delivery step for each item, all or none. Raises LedgerError for an impossible step."""
        with self._append() as (connection, append):
            outbox.record_attempts(connection, append, attempts, as_of, run.text if run else None)

    def record_attempt(self, item_key: str, state: str, detail: str | None, as_of: date) -> None:
        self.record_attempts([Attempt(item_key, state, detail)], as_of)

    # -- exceptions and runs -------------------------------------------------------------------------------------

    def record_exceptions(self, seen: Sequence[ExceptionSighting], as_of: date, run: RunIdentity | None = None) -> None:
        """`seen` is every exception there is now: new ones begin, absent ones close, returning ones reopen."""
        with self._append() as (connection, append):
            sightings.record_exceptions(connection, append, seen, as_of, run.text if run else None)

    def start_run(self, run: RunIdentity) -> None:
        with self._append() as (connection, append):
            runs.record_run(connection, append, run, runs.STARTED)

    def finish_run(self, run: RunIdentity) -> None:
        with self._append() as (connection, append):
            runs.record_run(connection, append, run, runs.FINISHED)

    def last_finished_run(self) -> RunIdentity | None:
        with self._connection() as connection:
            return runs.last_finished(connection)

    # -- reading it whole ----------------------------------------------------------------------------------------

    def extract(self) -> dict[str, pa.Table]:
        """The raw_ledger tables, always all of them, from one moment of the ledger."""
        with self._connection() as connection:
            return extract.extract(connection)

    def verify(self) -> list[ChainFault]:
        """Recompute the chain and every row's hash. Empty = everything is as it was written."""
        with self._connection() as connection:
            return chain.verify(connection)

    # -- transactions --------------------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, *, writes: bool = False) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        try:
            with self._engine.execution_options(**{guards.WRITES: writes}).begin() as connection:
                yield connection
        except OperationalError as error:
            if "locked" not in str(error.orig):
                raise LedgerError(f"the ledger cannot be read or written: {error.orig}") from error
            raise LedgerBusy(
                f"{self._engine.url.database} is being written by another process: wait for it, then run again"
            ) from error
        except DatabaseError as error:
            raise LedgerError(f"the ledger refused: {error.orig}") from error

    @contextmanager
    def _append(self) -> Iterator[tuple[Connection, chain.Appender]]:
        with self._connection(writes=True) as connection:
            appender = chain.Appender(connection, clock.recorded_at().astimezone(UTC).isoformat())
            yield connection, appender
            appender.flush()


def _migrate(connection: Connection) -> None:
    """Bring the schema to the newest revision, inside the caller's transaction."""
    # Alembic takes a third of a second to import, and reading commands need it only here.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(f"the ledger's schema is not one this version knows ({error}): update the code") from error
