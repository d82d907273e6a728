"""Months of a selling entity: their states, the steps between them, and what a state lets in.

    open --soft_closed--> soft closed --locked--> locked --reopened--> open, version + 1

Months lock in their order and open again in the reverse one, so whatever lies at or before the last locked month is
shut, also a month without documents: nothing can come before a balance that was already carried forward. Who may
step belongs to `access`; whether a month is ready to `close`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError, PeriodLocked
from billing_assets.ledger.tables import DECISIONS, ENTRY, ISSUED_DOCUMENTS, PERIOD_EVENTS, PERIOD_RESULTS
from billing_assets.ledger.values import IssueRequest, PeriodResult, PeriodState, PeriodStep
from billing_assets.periods import add_months, month_bounds, month_of

OPEN, SOFT_CLOSED, LOCKED = "open", "soft_closed", "locked"
REOPENED = "reopened"  # an event; the state it leads to is open

# event -> the state it needs and the state it leads to
STEPS = {SOFT_CLOSED: (OPEN, SOFT_CLOSED), LOCKED: (SOFT_CLOSED, LOCKED), REOPENED: (LOCKED, OPEN)}
# Reopening undoes what a controller signed: two people besides the one who asks.
REOPENING_APPROVALS = 2

States = Mapping[tuple[str, str], PeriodState]


def history(connection: Connection) -> list[PeriodStep]:
    """Every step that any month took, in order."""
    event = PERIOD_EVENTS.c
    rows = connection.execute(
        select(PERIOD_EVENTS, ENTRY.c.actor)
        .join(ENTRY, ENTRY.c.sequence == event.entry_sequence)
        .order_by(event.event_no)
    )
    return [
        PeriodStep(
            selling_entity=row.selling_entity,
            period=row.period,
            version=row.version,
            event=row.event,
            actor=row.actor,
            as_of=date.fromisoformat(row.as_of),
            decision_no=row.decision_no,
        )
        for row in rows
    ]


def states(connection: Connection) -> dict[tuple[str, str], PeriodState]:
    """(selling entity, month) -> where it stands. A month that is not there is open, version 1."""
    return {
        (step.selling_entity, step.period): PeriodState(
            STEPS[step.event][1], step.version, step.event, step.actor, step.as_of, step.decision_no
        )
        for step in history(connection)
    }


def locked_through(known: States, selling_entity: str) -> str | None:
    """The last locked month of an entity; None where none is."""
    locked = [period for (entity, period), at in known.items() if entity == selling_entity and at.state == LOCKED]
    return max(locked, default=None)


def is_locked(known: States, selling_entity: str, period: str) -> bool:
    """Whether nothing at all may be posted: the month, or a later one of its entity, is locked."""
    last = locked_through(known, selling_entity)
    return last is not None and period <= last


def accepts(known: States, selling_entity: str, period: str, *, adjustment: bool = False) -> bool:
    """Whether a document may be posted into the month: adjustments into a soft-closed one, nothing into a locked."""
    if is_locked(known, selling_entity, period):
        return False
    at = known.get((selling_entity, period))
    return adjustment or at is None or at.state == OPEN


def open_period(known: States, selling_entity: str, period: str, *, adjustment: bool = False) -> str:
    """The month a document of natural month `period` is posted into: that one, or the first later one that takes it."""
    while not accepts(known, selling_entity, period, adjustment=adjustment):
        period = month_of(add_months(month_bounds(period)[0], 1))
    return period


def is_adjustment(request: IssueRequest) -> bool:
    """A correction of what was billed, or what a person decided: what a soft-closed month still takes."""
    return request.kind == "credit_memo" or request.decision_no is not None


def check_open(connection: Connection, requests: Iterable[IssueRequest]) -> None:
    """Raises PeriodLocked for the first request whose month does not take it. The last door before the numbers."""
    known = states(connection)
    for request in requests:
        require_open(
            known,
            request.selling_entity,
            request.close_period,
            request.document_id,
            adjustment=is_adjustment(request),
        )


def require_open(
    known: States, selling_entity: str, period: str, document_id: str, *, adjustment: bool = False
) -> None:
    """Raises PeriodLocked where `document_id` may not be posted into (or voided out of) the month."""
    if accepts(known, selling_entity, period, adjustment=adjustment):
        return
    takes = open_period(known, selling_entity, period, adjustment=adjustment)
    if is_locked(known, selling_entity, period):
        last = locked_through(known, selling_entity)
        state = "locked" if last == period else f"locked with everything up to {last}"
    else:
        state = "soft closed and takes adjustments only"
    raise PeriodLocked(
        f"{document_id} cannot be posted into {period} of {selling_entity}: the month is {state}. Run again to draft "
        f"it into {takes}, or have the month reopened (billing period reopen, two approvals)"
    )


def record_period(
    connection: Connection,
    append: Appender,
    *,
    selling_entity: str,
    period: str,
    event: str,
    actor: str,
    as_of: date,
    decision_no: int | None,
    results: Sequence[PeriodResult] = (),
) -> PeriodState:
    """Append one step of a month and, with a lock, what its reports were. Raises LedgerError for an illegal step."""
    version = check_step(
        connection,
        selling_entity=selling_entity,
        period=period,
        event=event,
        as_of=as_of,
        decision_no=decision_no,
    )
    if results and event != LOCKED:
        raise LedgerError(f"{period} of {selling_entity}: results are frozen by a lock only")
    _write(connection, append, selling_entity, period, version, event, actor, as_of, decision_no, results)
    return PeriodState(STEPS[event][1], version, event, actor, as_of, decision_no)


def check_step(
    connection: Connection,
    *,
    selling_entity: str,
    period: str,
    event: str,
    as_of: date,
    decision_no: int | None,
) -> int:
    """The version that the step would belong to. Raises LedgerError where the record does not allow it."""
    if event not in STEPS:
        raise LedgerError(f"no step of a month is called {event}: {', '.join(STEPS)}")
    known = states(connection)
    at = known.get((selling_entity, period))
    state, version = (at.state, at.version) if at else (OPEN, 1)
    where = f"{period} of {selling_entity}"
    try:
        first, after = month_bounds(period)
    except ValueError as error:
        raise LedgerError(f"{period} is no month like 2026-03") from error
    if period != month_of(first):
        raise LedgerError(f"{period} is no month like 2026-03")
    if state != STEPS[event][0]:
        raise LedgerError(f"{where} is {_words(state)}, so it cannot be {_words(event)}: {_next_steps(state)}")
    if after > as_of:
        raise LedgerError(f"{where} has not ended on {as_of}: a month is closed when it is over")
    if event == SOFT_CLOSED and is_locked(known, selling_entity, period):
        raise LedgerError(f"{where} lies before {locked_through(known, selling_entity)}, which is locked with it")
    if event == LOCKED:
        _check_no_gap(connection, known, selling_entity, period)
    if event == REOPENED:
        last = locked_through(known, selling_entity)
        if last != period:
            raise LedgerError(f"{where} cannot be reopened while {last} is locked: reopen the later months first")
        _check_approved(connection, where, decision_no)
        version += 1
    return version


def _check_no_gap(connection: Connection, known: States, selling_entity: str, period: str) -> None:
    document = ISSUED_DOCUMENTS.c
    with_documents: Iterable[str] = connection.execute(
        select(document.close_period)
        .where(document.selling_entity == selling_entity, document.close_period < period)
        .distinct()
    ).scalars()
    touched = {month for entity, month in known if entity == selling_entity and month < period}
    gap = sorted(month for month in {*with_documents, *touched} if not is_locked(known, selling_entity, month))
    if gap:
        raise LedgerError(
            f"{period} of {selling_entity} cannot be locked before {', '.join(gap)}: months are locked in their order"
        )


def _check_approved(connection: Connection, where: str, decision_no: int | None) -> None:
    """The ledger's own look at the approvals; roles, duties and expiry were judged by `access` before."""
    decision = DECISIONS.c
    asked = connection.execute(
        select(decision.actor).where(
            decision.decision_no == decision_no, decision.decision == "request", decision.what == "period_reopen"
        )
    ).scalar()
    if asked is None:
        raise LedgerError(f"{where} cannot be reopened: no request of that kind has the number {decision_no}")
    approvers: set[str] = set(
        connection.execute(
            select(decision.actor).where(decision.request_no == decision_no, decision.decision == "approve")
        ).scalars()
    ) - {asked}
    if len(approvers) < REOPENING_APPROVALS:
        raise LedgerError(
            f"{where} cannot be reopened: request {decision_no} has {len(approvers)} approvals by others than who "
            f"asked, {REOPENING_APPROVALS} are needed"
        )
    used = connection.execute(
        select(func.count())
        .select_from(PERIOD_EVENTS)
        .where(PERIOD_EVENTS.c.decision_no == decision_no, PERIOD_EVENTS.c.event == REOPENED)
    ).scalar_one()
    if used:
        raise LedgerError(f"{where} cannot be reopened: request {decision_no} has opened a month already")


def _write(
    connection: Connection,
    append: Appender,
    selling_entity: str,
    period: str,
    version: int,
    event: str,
    actor: str,
    as_of: date,
    decision_no: int | None,
    results: Sequence[PeriodResult],
) -> None:
    event_no = 1 + int(connection.execute(select(func.coalesce(func.max(PERIOD_EVENTS.c.event_no), 0))).scalar_one())
    rows: list[Row] = [
        {
            "selling_entity": selling_entity,
            "period": period,
            "version": version,
            "report": result.report,
            "rows": result.rows,
            "sha256": result.sha256,
        }
        for result in sorted(results, key=lambda result: result.report)
    ]
    append.add(
        f"period_{event}",
        "period",
        f"{selling_entity}/{period}",
        {
            PERIOD_EVENTS: [
                {
                    "event_no": event_no,
                    "selling_entity": selling_entity,
                    "period": period,
                    "version": version,
                    "event": event,
                    "decision_no": decision_no,
                    "as_of": as_of.isoformat(),
                }
            ],
            PERIOD_RESULTS: rows,
        },
        actor=actor,
        facts={"version": version, "as_of": as_of.isoformat(), "reports": len(rows)},
    )


def results(connection: Connection) -> dict[tuple[str, str, int], list[PeriodResult]]:
    """(selling entity, month, version) -> its frozen reports by name."""
    frozen: dict[tuple[str, str, int], list[PeriodResult]] = {}
    columns = PERIOD_RESULTS.c
    for row in connection.execute(
        select(PERIOD_RESULTS).order_by(columns.selling_entity, columns.period, columns.version, columns.report)
    ):
        key = row.selling_entity, row.period, row.version
        frozen.setdefault(key, []).append(PeriodResult(row.report, row.rows, row.sha256))
    return frozen


def _words(name: str) -> str:
    return name.replace("_", " ")


def _next_steps(state: str) -> str:
    return "next is " + " or ".join(
        {SOFT_CLOSED: "billing period soft-close", LOCKED: "billing period lock", REOPENED: "billing period reopen"}[
            event
        ]
        for event, (needs, _) in STEPS.items()
        if needs == state
    )
