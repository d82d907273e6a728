"""Matching as a step of the run: reads raw_bank, documents and payouts, writes raw_match anew.

Belongs here: reading and writing. The rules are `ladder`. Runs before dbt's phase A, after the ledger's extract.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from billing_assets.landing import tables
from billing_assets.matching.ladder import (
    RULE_VERSION,
    Application,
    Document,
    Entry,
    Outcome,
    Payout,
    match_entries,
)
from billing_assets.money import exponent, round_amount
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

# What AWS writes where there is no trace id yet.
_TRACE_PLACEHOLDERS = frozenset({"EMEA_MP_TEST_TRACE_ID", "testTraceId"})

_ENTRIES = """
    select entry_id, value_date, booking_date, amount, currency, counterparty, reference, bank_reference, narrative,
        bank_code
    from raw_bank.entries
    where booking_date <= ?
"""
# A statement of a marketplace is settled by the marketplace; what credits paid is not for cash to pay, and a voided
# document nothing. From the day it was credited in full, cash is for an invoice only where it names it.
_DOCUMENTS = """
    with standing as (
        select *
        from raw_ledger.issued_documents
        where kind in ('invoice', 'credit_memo') and issue_date <= $1 and (voided_on is null or voided_on > $1)
    ),

    credited as (
        select corrects_document_id as document_id, sum(total) as total, max(issue_date) as last_on
        from standing
        where corrects_document_id is not null
        group by corrects_document_id
    )

    select
        standing.document_id,
        standing.number,
        standing.currency,
        standing.issue_date,
        standing.total - standing.paid_from_credits,
        null as opened_on,
        case when standing.total + credited.total = 0 then credited.last_on - 1 end as until
    from standing
    left join credited on standing.document_id = credited.document_id
"""
# Documents of a former system, from the cut-over on: what was paid on them before is not in their amount.
_OPENED = """
    select
        concat_ws('/', 'opening', selling_entity, document_kind, number), number, currency, issue_date, amount, as_of
    from raw_opening.balances
    where kind = 'receivable' and as_of <= ?
"""
# Per event the version that the feed updated last; a failure names the payout that bounced as its parent.
_PAYOUTS = """
    with versions as (
        select *
        from raw_marketplace.billingeventfeed
        where dropped_on is null and transaction_type in ('DISBURSEMENT', 'DISBURSEMENT_FAILURE')
        qualify row_number() over (
            partition by billing_event_id order by update_date desc nulls last, file_sequence desc, line desc
        ) = 1
    ),

    events as (
        select
            *,
            cast(coalesce(invoice_date, action_date, valid_from) as date) as happened_on,
            disbursement_amount is not null and disbursement_currency is not null as is_converted
        from versions
        where delete_date is null
    ),

    failures as (
        select parent_billing_event_id, min(happened_on) as failed_on
        from events
        where transaction_type = 'DISBURSEMENT_FAILURE'
        group by parent_billing_event_id
    )

    select
        events.billing_event_id,
        events.happened_on,
        case when is_converted then disbursement_amount else amount end as amount,
        case when is_converted then disbursement_currency else currency end as currency,
        events.bank_trace_id,
        events.disbursement_reference_number,
        failures.failed_on
    from events
    left join failures on events.billing_event_id = failures.parent_billing_event_id
    where events.transaction_type = 'DISBURSEMENT' and events.happened_on is not null
"""


@dataclass(frozen=True)
class MatchSummary:
    """How many entries there were, by what became of them, and the applications made."""

    entries: int
    applied: int
    partly_applied: int
    unapplied: int
    not_receivable: int
    applications: int

    def __str__(self) -> str:
        return (
            f"{self.entries} bank entries: {self.applied} applied, {self.partly_applied} in part, "
            f"{self.unapplied} unapplied, {self.not_receivable} no receivable"
        )


def match(settings: Settings, warehouse: Warehouse, *, has_issued: bool = False) -> MatchSummary:
    """Match every entry booked up to the business date and replace raw_match. Raises WarehouseBusy.

    The business date is the run's (raw.run_context), else the settings'; without one every entry is matched. Before
    the run has issued, only documents of earlier business dates are candidates: a rebuild, whose ledger knows this
    run's documents already, then judges the same. Afterwards (`has_issued`) this date's are candidates too.
    """
    with warehouse.writer() as connection:
        tables.create(connection)
        as_of = _as_of(connection, settings)
        entries = [Entry(*row) for row in connection.execute(_ENTRIES, [as_of]).fetchall()]
        issued_by = as_of if has_issued or as_of == date.max else as_of - timedelta(days=1)
        documents = [
            Document(*row) for row in _rows(connection, _DOCUMENTS, "raw_ledger", "issued_documents", issued_by)
        ]
        documents += [Document(*row) for row in connection.execute(_OPENED, [as_of]).fetchall()]
        payouts = [_payout(*row) for row in _rows(connection, _PAYOUTS, "raw_marketplace", "billingeventfeed")]
        applications, outcomes = match_entries(entries, documents, payouts)
        _write(connection, applications, outcomes)
    counts = Counter(outcome.status for outcome in outcomes)
    return MatchSummary(
        entries=len(outcomes),
        applied=counts["applied"],
        partly_applied=counts["partly_applied"],
        unapplied=counts["unapplied"],
        not_receivable=counts["not_receivable"],
        applications=len(applications),
    )


def _as_of(connection: duckdb.DuckDBPyConnection, settings: Settings) -> date:
    row = connection.execute("select as_of from raw.run_context").fetchone()
    return (row[0] if row else None) or settings.as_of or date.max


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, schema: str, table: str, *bound: object
) -> list[tuple[Any, ...]]:
    """The rows of a query; none where its table is not there: another source may never have landed."""
    is_there = connection.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, table]
    ).fetchone()
    return connection.execute(query, list(bound)).fetchall() if is_there else []


def _payout(
    billing_event_id: str,
    paid_on: date,
    amount: Decimal,
    currency: str,
    bank_trace_id: str | None,
    reference_number: str | None,
    failed_on: date | None,
) -> Payout:
    """A payout as the bank sees it: rounded to the currency's minor unit, without placeholders."""
    with suppress(KeyError):  # no currency we know: no statement will name it either
        amount = round_amount(amount, exponent(currency))
    trace_id = None if bank_trace_id in _TRACE_PLACEHOLDERS else bank_trace_id
    return Payout(billing_event_id, paid_on, amount, currency, trace_id, reference_number, failed_on)


def _write(
    connection: duckdb.DuckDBPyConnection, applications: Sequence[Application], outcomes: Sequence[Outcome]
) -> None:
    connection.begin()
    connection.execute("delete from raw_match.applications")
    connection.execute("delete from raw_match.entries")
    tables.append(
        connection,
        "raw_match.applications",
        [vars(application) | {"rule_version": RULE_VERSION} for application in applications],
    )
    tables.append(
        connection,
        "raw_match.entries",
        [vars(outcome) | {"candidates": _candidates_text(outcome)} for outcome in outcomes],
    )
    connection.commit()


def _candidates_text(outcome: Outcome) -> str | None:
    if not outcome.candidates:
        return None
    return json.dumps([{"kind": kind, "id": target_id} for kind, target_id in outcome.candidates])
