"""What goes into the ledger and what comes out, as plain frozen values. No database, no logic of other rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from billing_assets.ledger.canonical import canonical_json, sha256_text

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


@dataclass(frozen=True)
class IssueRequest:
    """A draft to be issued. Number and issue date are given in the issuing transaction, never before.

    `built_on` is the sequence of the contract's latest issued document that the draft knew of (0 = none).
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
    currency: str
    total: Decimal
    payload_hash: str
    state: str  # planned | sent | unknown | confirmed | rejected; "new" while no attempt was made


@dataclass(frozen=True)
class Attempt:
    """One step of a delivery: what a target was asked, or answered."""

    item_key: str
    state: str
    detail: str | None = None


@dataclass(frozen=True)
class ExceptionSighting:
    """An exception that a run saw. The id alone is its identity; the rest tells a reader of the ledger what it was."""

    exception_id: str
    control_id: str | None = None
    business_key: str | None = None
    period: str | None = None


@dataclass(frozen=True)
class ChainFault:
    """One thing that is not as it was written: the table, the key of the row, and what is wrong with it."""

    table: str
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.problem}"
