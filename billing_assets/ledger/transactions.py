"""Opening a ledger, and its transactions: each stands whole, with its root signed, or is not there at all.

Order of a writing transaction: the database's write lock, the check that the chain goes on from the last root, the
rows and entries, the roots' lock, the root prepared, the commit, the root appended. A crash after the commit leaves
entries without their root; the next opening or writing appends the prepared one, and entries that none was prepared
for are refused: another program wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from billing_assets import clock
from billing_assets.ledger import chain, guards, schema
from billing_assets.ledger.errors import GuardsBroken, LedgerBusy, LedgerError, SealBroken
from billing_assets.ledger.guard_rules import WRITES
from billing_assets.ledger.seal import Root, Seal, public_keys
from billing_assets.ledger.values import Audit, ChainFault


class Transactions:
    """An open database with its seal."""

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self._engine = engine
        self._seal = seal

    @classmethod
    def open(cls, url: str, seal: Path | None = None) -> Self:
        """Open, creating or migrating as needed. `seal`: folder of the signing key and the roots, beside the file
        where it is not given.

        Raises GuardsBroken where append-only is no longer enforced, SealBroken where the chain does not go on from
        its last root.
        """
        opened = cls(guards.engine_for(url), Seal(seal or guards.default_seal(url)))
        try:
            if not opened._is_ready():
                opened._make_ready()
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def read(cls, url: str, seal: Path | None = None) -> Self:
        """Open to read only: nothing is created, migrated or signed, and no writer is waited for.

        Raises LedgerError where there is no ledger or one of another version, GuardsBroken and SealBroken as `open`.
        """
        opened = cls(guards.engine_for(url, create=False), Seal(seal or guards.default_seal(url)))
        try:
            with opened._snapshot() as (connection, lines):
                opened._require_schema(schema.revision(connection))
                opened._require_guards(connection)
                root = opened._seal.last(lines)
                if root is None:
                    raise SealBroken(f"{opened._seal.roots_path} has no root: `billing audit verify` says more")
                opened._require_chain(connection, root)
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def audit(cls, url: str, seal: Path | None = None, public_key: Path | None = None) -> Audit:
        """Verify the ledger at `url`, its guards and its roots. Opens what `open` refuses; changes nothing.

        `public_key`: PEM file of the keys that may sign; the seal's own where it is not given.
        """
        with cls(guards.engine_for(url, create=False), Seal(seal or guards.default_seal(url))) as opened:
            return opened._audit(public_key)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def verify(self) -> list[ChainFault]:
        """Recompute the chain, every row's hash and every signature. Empty = everything is as it was written."""
        return list(self._audit(None).faults)

    # -- opening -------------------------------------------------------------------------------------------------

    def _is_ready(self) -> bool:
        """Whether nothing is to be created, migrated or signed. Takes no write lock: readers open while a run writes.

        Raises GuardsBroken and SealBroken.
        """
        with self._snapshot() as (connection, lines):
            if schema.revision(connection) != schema.NEWEST:
                return False
            root, (last, _) = self._seal.last(lines), chain.head(connection)
            self._require_guards(connection)
            if root is not None:
                self._require_chain(connection, root)
            return root is not None and root.sequence == last

    def _make_ready(self) -> None:
        with self._connection(writes=True) as connection:
            before = schema.revision(connection)
            if before != schema.NEWEST:
                schema.migrate(connection)
            self._require_guards(connection)
            (sequence, head_hash), moment = chain.head(connection), now()
            with self._seal.locked():
                root = self._seal.last()
                if root is not None:
                    self._settle(connection, root)
                elif sequence and before is not None and before >= schema.FIRST_SEALED:
                    raise SealBroken(
                        f"the ledger has {sequence} entries and {self._seal.roots_path} no root: the seal's folder was "
                        "moved or removed. Put it back (BILLING_SEAL says where it is), or restore a backup"
                    )
                else:
                    self._seal.begin(sequence, head_hash, moment)

    def _require_schema(self, found: str | None) -> None:
        if found is None:
            raise LedgerError(f"no ledger at {self._place}")
        if found != schema.NEWEST:
            raise LedgerError(
                f"{self._place} has schema {found}, this version reads {schema.NEWEST}: any run migrates it"
            )

    def _require_guards(self, connection: Connection) -> None:
        if broken := guards.broken(connection):
            raise GuardsBroken(
                f"{self._place} is not opened: {'; '.join(f'{table}: {problem}' for table, problem in broken)}. "
                "Someone changed the database itself: run `billing audit verify`, then restore a backup"
            )

    def _require_chain(self, connection: Connection, root: Root) -> None:
        if problem := chain.break_after(connection, root, self._seal):
            raise SealBroken(
                f"{self._place} does not go on from its last signed root, of entry {root.sequence}: {problem}. Someone "
                "changed or replaced the database, or this is another ledger's seal: run `billing audit verify`, "
                "then restore a backup"
            )

    def _settle(self, connection: Connection, root: Root) -> None:
        """Require that the chain goes on from `root`, the last one, and append the root that a crash left out."""
        self._require_chain(connection, root)
        head = chain.head(connection)
        if head[0] > root.sequence and not self._seal.settle(*head):
            raise SealBroken(
                f"{self._place} has entries after entry {root.sequence}, of which no root was prepared: they were not "
                "written through the ledger, or roots were removed. Run `billing audit verify`, then restore a backup"
            )

    @property
    def _place(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    def _audit(self, public_key: Path | None) -> Audit:
        with self._snapshot() as (connection, lines):
            self._require_schema(schema.revision(connection))
            trusted = public_keys(public_key or self._seal.public_path) if public_key or lines else []
            broken = [ChainFault(table, "", problem) for table, problem in guards.broken(connection)]
            audit = chain.verify(connection, lines, trusted)
            return replace(audit, faults=(*broken, *audit.faults))

    # -- transactions --------------------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, *, writes: bool = False) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        try:
            with self._engine.execution_options(**{WRITES: writes}).begin() as connection:
                yield connection
        except OperationalError as error:
            if not guards.is_busy(self._engine, error.orig):
                raise LedgerError(f"the ledger cannot be read or written: {error.orig}") from error
            raise LedgerBusy(
                f"{self._engine.url.database} is being written by another process: wait for it, then run again"
            ) from error
        except DatabaseError as error:
            raise LedgerError(f"the ledger refused: {error.orig}") from error

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, list[str]]]:
        """A reading transaction and the roots of the same moment: an entry without its root is what a crash left."""
        with self._connection() as connection:
            with self._seal.locked(shared=True):
                schema.revision(connection)  # the first reading fixes what the transaction sees
                lines = self._seal.lines()
            yield connection, lines

    @contextmanager
    def _append(self) -> Iterator[tuple[Connection, chain.Appender]]:
        """A writing transaction; what the appender was given is written when the block ends, and its root after."""
        with ExitStack() as held:
            moment = now()
            with self._connection(writes=True) as connection:
                self._seal.require_key()
                with self._seal.locked():  # the writer before us may be about to append its root
                    root = self._seal.last()
                    if root is None:
                        raise SealBroken(f"{self._seal.roots_path} is gone: put it back, or restore a backup")
                    self._settle(connection, root)
                appender = chain.Appender(connection, moment, self._seal)
                before = appender.head
                yield connection, appender
                appender.flush()
                if appender.head != before:
                    held.enter_context(self._seal.locked())
                    prepared = self._seal.prepare(*appender.head, moment)
            if appender.head != before:
                self._seal.confirm(prepared)


def now() -> str:
    """The moment of writing, as entries and roots note it."""
    return clock.recorded_at().astimezone(UTC).isoformat()
