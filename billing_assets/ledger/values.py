"""What goes into the ledger and what comes out, as plain frozen values. No database, no logic of other rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from billing_assets.ledger.canonical import Json, canonical_json, sha256_text

# Short codes in document numbers. A kind without one cannot be issued.
KIND_CODES = {"invoice": "INV", "credit_memo": "CM", "marketplace_statement": "MS"}

# Who acts when nobody does: the nightly job. It can record, but it never decides.
SERVICE = "service:nightly"


@dataclass(frozen=True)
class RunIdentity:
    """What makes two runs the same run: the same evidence, decisions, business date, code and configuration."""

    register_sequence: int
    decision_sequence: int
    as_of: date
    code_hash: str

    @property
    def text(self) -> str:
        return sha256_text(
            canonical_json([self.register_sequence, self.decision_sequence, self.as_of.isoformat(), self.code_hash])
        )


@dataclass(frozen=True)
class FoundFile:
    """A landed file as the scan saw it. `sha256` is of the decompressed bytes, `landed_sha256` of those on disk."""

    path: str
    sha256: str
    landed_sha256: str
    size_bytes: int
    source: str
    status: str
    duplicate_of: int | None = None


@dataclass(frozen=True)
class RegisteredFile:
    """A file of the landing register: what was found, its place in the register, and the batch it came in."""

    file_sequence: int
    batch: int
    first_seen: date
    path: str
    sha256: str
    landed_sha256: str
    size_bytes: int
    source: str
    status: str
    duplicate_of: int | None = None


@dataclass(frozen=True)
class IssueLine:
    """One line of a document to be issued. Amounts in the document's currency; periods half-open."""

    line_no: int
    line_kind: str
    amount: Decimal
    currency: str
    parent_line_no: int | None = None
    charge_id: str | None = None
    reference_id: str | None = None
    product: str | None = None
    meter: str | None = None
    group_key: str | None = None
    service_from: date | None = None
    service_to: date | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unrounded_amount: Decimal | None = None
    price_version: int | None = None
    original_period: str | None = None
    corrects_line_no: int | None = None  # of a credit memo: the line of the corrected document


@dataclass(frozen=True)
class IssueRequest:
    """A draft to be issued. Number and issue date are given in the issuing transaction, never before.

    `built_on` is the sequence of the contract's latest issued document that the draft knew of (0 = none).
    `decision_no` is the approved request that ordered the document; `corrects_document_id` names what a credit memo
    corrects, and nothing but a credit memo names a document.
    """

    kind: str
    contract_id: str
    account_id: str
    channel: str
    selling_entity: str
    currency: str
    bill_date: date
    period_from: date | None
    period_to: date | None
    close_period: str
    payment_terms_days: int
    subtotal: Decimal
    discount: Decimal
    credit_applied: Decimal
    tax: Decimal
    total: Decimal
    paid_from_credits: Decimal
    content_hash: str
    lines: tuple[IssueLine, ...]
    revision: int = 0
    corrects_document_id: str | None = None
    decision_no: int | None = None
    built_on: int = 0

    @property
    def document_id(self) -> str:
        return f"{self.contract_id}/{self.bill_date.isoformat()}/{self.kind}/{self.revision}"


@dataclass(frozen=True)
class IssuedDocument:
    """A document of the record. `newly_issued` is False where the same content had been issued before."""

    document_id: str
    number: str
    sequence: int
    kind: str
    contract_id: str
    selling_entity: str
    currency: str
    total: Decimal
    issue_date: date
    due_date: date
    newly_issued: bool = True


@dataclass(frozen=True)
class RecordedLine:
    """A line as it was issued, and what credit memos have left of it: of its sign, or zero."""

    line: IssueLine
    left: Decimal


@dataclass(frozen=True)
class RecordedDocument:
    """An issued document with its lines, and what credit memos have left of it.

    `sequence` is the contract's latest, not the document's: what a correction of it is built on. `is_offered` = it
    was set out to be sent to a target at least once.
    """

    document_id: str
    number: str
    sequence: int
    kind: str
    contract_id: str
    account_id: str
    channel: str
    selling_entity: str
    currency: str
    bill_date: date
    period_from: date | None
    period_to: date | None
    close_period: str
    revision: int
    corrects_document_id: str | None
    content_hash: str
    total: Decimal
    paid_from_credits: Decimal
    left: Decimal
    paid_left: Decimal  # of paid_from_credits, what no credit memo gave back
    is_voided: bool
    is_offered: bool
    next_memo_revision: int  # of a credit memo of this contract and bill date
    lines: tuple[RecordedLine, ...]


@dataclass(frozen=True)
class Redraft:
    """A bill date that is drafted again: at which revision, after which document, by which decision.

    `kind` = what became of the document before: rebill or void.
    """

    contract_id: str
    bill_date: date
    kind: str
    revision: int
    replaces_document_id: str
    decision_no: int


class GateVerdict(Protocol):
    """A verdict as the gate gives it: level document, scope or period; verdict open or closed."""

    @property
    def level(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def period(self) -> str | None: ...
    @property
    def selling_entity(self) -> str | None: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def verdict(self) -> str: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def scope_hash(self) -> str | None: ...


@dataclass(frozen=True)
class OutboxItem:
    """One document for one target, as it was written when the document was issued, and where it stands now."""

    item_key: str
    target: str
    batch: int
    document_id: str
    number: str
    kind: str
    selling_entity: str
    contract_id: str
    account_id: str
    bill_date: date
    issue_date: date
    due_date: date
    channel: str
    close_period: str
    corrects_document_id: str | None
    currency: str
    total: Decimal
    payload_hash: str
    state: str  # planned | sent | unknown | confirmed | rejected | released; "new" while no attempt was made


@dataclass(frozen=True)
class Attempt:
    """One step of a delivery: what a target was asked, or answered."""

    item_key: str
    state: str
    detail: str | None = None


@dataclass(frozen=True)
class Standing:
    """Where an item of the outbox stands: how often it was set out to be sent, and the last answer."""

    item_key: str
    target: str
    batch: int
    document_id: str
    number: str
    currency: str
    total: Decimal
    issue_date: date
    state: str
    sendings: int
    answer: str | None
    answered_on: date | None


@dataclass(frozen=True)
class ControlTotal:
    """Documents and money of one currency."""

    documents: int
    amount: Decimal


@dataclass(frozen=True)
class BatchTotal:
    """One currency of a batch: what was issued, what of it the target had confirmed, what it says it has."""

    currency: str
    issued: ControlTotal
    confirmed: ControlTotal
    held: ControlTotal


@dataclass(frozen=True)
class ExceptionSighting:
    """An exception that a run saw. The id alone is its identity; the rest tells a reader of the ledger what it was."""

    exception_id: str
    control_id: str | None = None
    business_key: str | None = None
    period: str | None = None


@dataclass(frozen=True)
class NumberStart:
    """The first number that a range is to give here, by the landed file that says so."""

    selling_entity: str
    kind: str
    next_no: int
    sha256: str


@dataclass(frozen=True)
class RefusedStart:
    """A start that was not taken, and why."""

    start: NumberStart
    reason: str

    def __str__(self) -> str:
        return f"{self.start.selling_entity} {self.start.kind} from {self.start.next_no}: {self.reason}"


@dataclass(frozen=True)
class PeriodState:
    """Where a month of a selling entity stands, and the step that brought it there."""

    state: str  # open | soft_closed | locked
    version: int
    event: str
    actor: str
    as_of: date
    decision_no: int | None = None


@dataclass(frozen=True)
class PeriodStep:
    """One step that a month took: soft_closed, locked or reopened, with the version it belongs to and who took it."""

    selling_entity: str
    period: str
    version: int
    event: str
    actor: str
    as_of: date
    decision_no: int | None = None


@dataclass(frozen=True)
class PeriodResult:
    """One report of a locked month as it was: rows, and the hash by which its bytes are kept as evidence."""

    report: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class NewDecision:
    """What a person asks for, decides or did, before it is written. Amounts positive; links are chain keys."""

    decision: str  # request | approve | reject | withdraw | hold | release | sign
    what: str
    subject: dict[str, Json]
    actor: str
    reason: str
    recorded_on: date
    expires_on: date | None = None
    request_no: int | None = None
    duty: str | None = None
    role: str | None = None
    on_behalf_of: str | None = None
    object_hash: str | None = None
    account_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    amount_usd: Decimal | None = None
    exposure: Decimal | None = None
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision(NewDecision):
    """A decision of the record. `proven` = it is as its chain entry has it, and the entry's signature holds."""

    decision_no: int = 0
    entry_sequence: int = 0
    row_hash: str = ""
    proven: bool = False


@dataclass(frozen=True)
class NewAccessEvent:
    """A change of who may act, before it is written."""

    event: str
    user_id: str
    subject: dict[str, Json]
    actor: str
    reason: str | None
    recorded_on: date


@dataclass(frozen=True)
class AccessEvent(NewAccessEvent):
    """A change of who may act, of the record. `proven` as for a decision."""

    event_no: int = 0
    entry_sequence: int = 0
    proven: bool = False


@dataclass(frozen=True)
class RunMark:
    """A run as decisions see it: from this entry on, this code and this business date."""

    entry_sequence: int
    as_of: date
    code_hash: str


@dataclass(frozen=True)
class PeopleRecord:
    """Everything the record has on people, from one moment: the ground on which the next decision is judged."""

    access: tuple[AccessEvent, ...]
    decisions: tuple[Decision, ...]
    runs: tuple[RunMark, ...]
    controls: dict[str, str]  # exception id -> the control that raised it


def is_person(actor: str) -> bool:
    """Whether an entry's actor is a person: whoever is no service. What a person did is signed."""
    return not actor.startswith("service:")


@dataclass(frozen=True)
class ChainFault:
    """One thing that is not as it was written: the table, the key of the row, and what is wrong with it."""

    table: str
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.problem}"


@dataclass(frozen=True)
class Audit:
    """What a verification looked at, and every fault it found. `keys`: (last entry before it, public key in hex)."""

    faults: tuple[ChainFault, ...]
    entries: int
    rows: int
    roots: int
    head_hash: str
    keys: tuple[tuple[int, str | None], ...]
