"""From draft to document of the record: which drafts are due and free to go, in an order that fixes their numbers.

The gate is asked here for what to leave out, and by the ledger once more for what is put in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa

from billing_assets.controls import ask
from billing_assets.ledger import (
    Gate,
    IssuedDocument,
    IssueLine,
    IssueRequest,
    Ledger,
    LedgerError,
    Redraft,
    RunIdentity,
)
from billing_assets.publication import corrections
from billing_assets.warehouse import Warehouse

# With no target configured, files are written: nothing issued is without a copy outside the ledger.
DEFAULT_TARGETS = ("file",)

# Nothing is owed on a zero draft; its evidence is marts.fct_nil_bills.
_HEADERS = """
    select document_id, kind, contract_id, account_id, channel, selling_entity, currency, bill_date, period_from,
        period_to, close_period, payment_terms_days, subtotal, discount, credit_applied, tax, total,
        paid_from_credits, revision, corrects_document_id, content_hash
    from marts.fct_draft_invoices
    where is_due and total <> 0
    order by selling_entity, kind, bill_date, document_id
"""
_LINES = """
    select document_id, line_no, parent_line_no, charge_id, reference_id, line_kind, product, meter, group_key,
        service_from, service_to, quantity, unit, unrounded_amount, amount, currency, price_version,
        original_period
    from marts.fct_draft_invoice_lines
    semi join wanted using (document_id)
    order by document_id, line_no
"""
_BUILT_ON = "select contract_id, max(sequence) from raw_ledger.issued_documents group by contract_id"
_REDRAFTS = """
    select contract_id, bill_date, kind, revision, corrects_document_id, decision_no
    from raw_ledger.corrections
    order by contract_id, bill_date
"""


@dataclass(frozen=True)
class IssueSummary:
    """What one run issued and voided, what it held and why, and how many due drafts were of the record before."""

    issued: tuple[IssuedDocument, ...] = ()
    held: Mapping[str, list[str]] = field(default_factory=dict)  # document or "request N" -> what stands against it
    issued_before: int = 0
    voided: tuple[str, ...] = ()  # numbers

    @property
    def totals(self) -> dict[str, tuple[int, Decimal]]:
        """currency -> (documents, money) issued by this run."""
        totals: dict[str, tuple[int, Decimal]] = {}
        for document in self.issued:
            count, amount = totals.get(document.currency, (0, Decimal(0)))
            totals[document.currency] = (count + 1, amount + document.total)
        return dict(sorted(totals.items()))

    def __str__(self) -> str:
        money = ", ".join(f"{amount:f} {currency}" for currency, (_, amount) in self.totals.items())
        return (
            f"{len(self.issued)} issued{f' ({money})' if money else ''}, {len(self.held)} held, "
            f"{f'{len(self.voided)} voided, ' if self.voided else ''}{self.issued_before} issued before"
        )


def issue_open_documents(
    ledger: Ledger,
    warehouse: Warehouse,
    run: RunIdentity,
    targets: Sequence[str] = DEFAULT_TARGETS,
) -> IssueSummary:
    """Issue approved corrections and every due draft that is not of the record, where the gate lets them pass.

    Corrections come first; all of it is one transaction, so that every draft of a contract is built on the same
    record. The gate is asked here: a verdict that somebody hands over opens nothing. Issue date is the run's business
    date. Raises what `Ledger.issue` raises; then nothing was issued.
    """
    verdicts = ask(warehouse, ledger, run.as_of)
    drafts, built_on = _read(warehouse, _HEADERS), dict(_read_pairs(warehouse, _BUILT_ON))
    redrafts = [Redraft(**_renamed(row)) for row in _read(warehouse, _REDRAFTS)]
    drafted_again = {(redraft.contract_id, redraft.bill_date) for redraft in redrafts}
    known = ledger.issued_ids()
    gate = Gate(verdicts)
    held: dict[str, list[str]] = {}
    free: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    for draft in drafts:
        if draft["document_id"] in known:
            continue
        refusals = gate.refusals(draft["document_id"], draft["close_period"], draft["selling_entity"], draft["channel"])
        if (draft["contract_id"], draft["bill_date"]) in drafted_again:
            again.append(draft)
        elif refusals:
            held[draft["document_id"]] = refusals
        else:
            free.append(draft)

    lines = _lines(warehouse, [draft["document_id"] for draft in [*free, *again]])

    def request(draft: dict[str, Any]) -> IssueRequest:
        return _request(draft, lines[draft["document_id"]], built_on.get(draft["contract_id"], 0))

    def refusals_of(document: IssueRequest) -> list[str]:
        return gate.refusals(document.document_id, document.close_period, document.selling_entity, document.channel)

    corrected = corrections.plan(ledger, redrafts, [request(draft) for draft in again], refusals_of, run)
    requests = [
        *(replace(document, built_on=built_on.get(document.contract_id, 0)) for document in corrected.documents),
        *(request(draft) for draft in free),
    ]
    documents = ledger.issue(requests, targets, verdicts, run) if requests else []
    before = len(drafts) - len(free) - len(again) - len(held)
    return IssueSummary(tuple(documents), {**corrected.waiting, **held}, before, corrected.voided)


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    return {("replaces_document_id" if name == "corrects_document_id" else name): row[name] for name in row}


def _request(draft: dict[str, Any], lines: list[IssueLine], built_on: int) -> IssueRequest:
    document_id = draft["document_id"]
    content = {name: value for name, value in draft.items() if name != "document_id"}
    request = IssueRequest(**content, lines=tuple(lines), built_on=built_on)
    if request.document_id != document_id:
        raise LedgerError(f"draft {document_id} names itself otherwise than its identity {request.document_id}")
    return request


def _lines(warehouse: Warehouse, document_ids: list[str]) -> defaultdict[str, list[IssueLine]]:
    lines: defaultdict[str, list[IssueLine]] = defaultdict(list)
    if document_ids:
        wanted = pa.table({"document_id": pa.array(document_ids, pa.string())})
        for row in _read(warehouse, _LINES, wanted):
            document_id = row.pop("document_id")
            lines[document_id].append(IssueLine(**row))
    return lines


def _read(warehouse: Warehouse, query: str, wanted: pa.Table | None = None) -> list[dict[str, Any]]:
    with warehouse.reader() as connection:
        if wanted is not None:
            connection.register("wanted", wanted)
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _read_pairs(warehouse: Warehouse, query: str) -> list[tuple[str, int]]:
    with warehouse.reader() as connection:
        return [(str(contract_id), int(last)) for contract_id, last in connection.execute(query).fetchall()]
