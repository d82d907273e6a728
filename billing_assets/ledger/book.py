"""`Ledger`: the one door to the book of record. Every write is one transaction that either stands whole or is not.

What each method writes is in the module of its subject; opening, transactions and verification are `transactions`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import pyarrow as pa
from sqlalchemy import Connection, Table

from billing_assets.ledger import (
    access,
    chain,
    corrections,
    decisions,
    documents,
    extract,
    numbers,
    outbox,
    periods,
    register,
    runs,
    sightings,
    totals,
)
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import ACCESS_EVENTS, DECISIONS
from billing_assets.ledger.transactions import Transactions
from billing_assets.ledger.values import (
    Attempt,
    BatchTotal,
    Decision,
    ExceptionSighting,
    FoundFile,
    GateVerdict,
    IssuedDocument,
    IssueRequest,
    NumberStart,
    OutboxItem,
    PeopleRecord,
    PeriodResult,
    PeriodState,
    PeriodStep,
    RecordedDocument,
    Redraft,
    RefusedStart,
    RegisteredFile,
    RunIdentity,
    Standing,
)


class Ledger(Transactions):
    """An open ledger. Use as a context manager, or `close` it. Not shared between threads or processes."""

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

    # -- people --------------------------------------------------------------------------------------------------

    def people(self) -> PeopleRecord:
        """Who may act and what was decided, from one moment. What counts of it is for the room `access` to say."""
        with self._connection() as connection:
            return self._people(connection)

    def proven_decisions(self) -> list[Decision]:
        """Every decision, each with whether it is as its signed entry has it."""
        return list(self.people().decisions)

    def decide(self, judge: decisions.Judge) -> int:
        """Append the decision that `judge` makes of the record as it stands; returns its number.

        Judged and written in one transaction: nobody decides in between. What `judge` raises, nothing is written.
        """
        with self._append() as (connection, append):
            return decisions.append_decision(connection, append, judge(self._people(connection)))

    def change_access(self, judge: access.AccessJudge) -> None:
        """Append the changes of who may act that `judge` makes of the record as it stands; all or none."""
        with self._append() as (connection, append):
            access.append_events(connection, append, judge(self._people(connection)))

    def _people(self, connection: Connection) -> PeopleRecord:
        return decisions.record(
            connection, self._proven(connection, DECISIONS), self._proven(connection, ACCESS_EVENTS)
        )

    def _proven(self, connection: Connection, table: Table) -> Collection[str]:
        return chain.proven_rows(connection, table, self._seal)

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
        StaleDraft, PeriodLocked, CorrectionRefused, GateClosed or LedgerError; then nothing at all was issued.
        """
        with self._append() as (connection, append):
            return documents.issue(connection, append, requests, targets, verdicts, run)

    def start_numbers(self, starts: Sequence[NumberStart], as_of: date) -> list[RefusedStart]:
        """Let number ranges go on from another system's; returns the starts that were refused, each with the reason.

        The same start again changes nothing. Refused is a start of a range that has begun, here or by another start.
        """
        with self._append() as (connection, append):
            return numbers.start_numbers(connection, append, starts, as_of)

    def document(self, name: str) -> RecordedDocument | None:
        """The issued document of that id or number, with what credit memos have left of it."""
        with self._connection() as connection:
            return corrections.document(connection, name)

    def redrafts(self) -> list[Redraft]:
        """Bill dates whose document was voided, or credited by a rebill, and that have no new document yet."""
        with self._connection() as connection:
            return corrections.redrafts(connection)

    def redraft_of(self, document: RecordedDocument, kind: str, decision_no: int) -> Redraft | None:
        """How its bill date is drafted again once it is voided or rebilled; None where a later document stands."""
        with self._connection() as connection:
            latest, highest = corrections.latest_of(connection, document.contract_id, document.bill_date)
        if latest != document.document_id:
            return None
        return Redraft(document.contract_id, document.bill_date, kind, highest + 1, document.document_id, decision_no)

    def carried_out(self) -> set[int]:
        """Requests that documents were issued for, or that voided one."""
        with self._connection() as connection:
            return corrections.carried_out(connection)

    def void(self, document_id: str, decision_no: int, as_of: date, run: RunIdentity | None = None) -> None:
        """End a document that no target was offered. Raises CorrectionRefused or PeriodLocked; again = nothing."""
        with self._append() as (connection, append):
            corrections.void(connection, append, document_id, decision_no, as_of, run.text if run else None)

    def standings(self, target: str | None = None, *, is_open: bool = False) -> list[Standing]:
        """Where outbox items stand, by target in issuing order; `is_open` leaves out confirmed and voided ones."""
        with self._connection() as connection:
            return outbox.standings(connection, target, is_open)

    def release_item(self, item_key: str, decision_no: int, actor: str, as_of: date) -> None:
        """Let a rejected item be tried again, as `actor` decided in `decision_no`. Raises LedgerError otherwise."""
        with self._append() as (connection, append):
            outbox.release(connection, append, item_key, decision_no, actor, as_of)

    def uncompared_batches(self, target: str) -> list[int]:
        """Batches that something was done to since their control totals were compared, or whose totals differed."""
        with self._connection() as connection:
            return totals.uncompared_batches(connection, target)

    def record_totals(
        self, target: str, batch: int, found: Sequence[BatchTotal], as_of: date, run: RunIdentity | None = None
    ) -> None:
        """Append what `target` said it has of a batch, one row a currency. Never changes an item."""
        with self._append() as (connection, append):
            totals.record_totals(connection, append, target, batch, found, as_of, run.text if run else None)

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

    # -- months --------------------------------------------------------------------------------------------------

    def period_states(self) -> dict[tuple[str, str], PeriodState]:
        """(selling entity, month) -> where it stands; a month that is not there is open, version 1."""
        with self._connection() as connection:
            return periods.states(connection)

    def period_history(self) -> list[PeriodStep]:
        """Every step that any month took, in order."""
        with self._connection() as connection:
            return periods.history(connection)

    def period_results(self) -> dict[tuple[str, str, int], list[PeriodResult]]:
        """(selling entity, month, version) -> the reports its lock froze."""
        with self._connection() as connection:
            return periods.results(connection)

    def check_period(
        self, selling_entity: str, period: str, event: str, as_of: date, decision_no: int | None = None
    ) -> int:
        """The version that a step of a month would belong to. Raises LedgerError where it is not allowed."""
        with self._connection() as connection:
            return periods.check_step(
                connection,
                selling_entity=selling_entity,
                period=period,
                event=event,
                as_of=as_of,
                decision_no=decision_no,
            )

    def record_period(
        self,
        selling_entity: str,
        period: str,
        event: str,
        *,
        actor: str,
        as_of: date,
        decision_no: int | None = None,
        results: Sequence[PeriodResult] = (),
        expected_sequence: int | None = None,
    ) -> PeriodState:
        """Append one step of a month: soft_closed, locked (with its frozen reports) or reopened (with its request).

        `expected_sequence` is the number of entries the caller looked at: where it has moved, LedgerError is raised.
        Raises LedgerError for a step that its state, its order or its approvals do not allow.
        """
        with self._append() as (connection, append):
            if expected_sequence is not None and chain.head_sequence(connection) != expected_sequence:
                raise LedgerError(f"{period} of {selling_entity}: the record moved meanwhile, nothing was done: again")
            return periods.record_period(
                connection,
                append,
                selling_entity=selling_entity,
                period=period,
                event=event,
                actor=actor,
                as_of=as_of,
                decision_no=decision_no,
                results=results,
            )

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
