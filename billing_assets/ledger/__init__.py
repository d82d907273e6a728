"""The book of record: register, issued documents, outbox, exceptions, decisions, runs, in one append-only chain.

Here belongs what cannot be computed again. What can be (figures, drafts, verdicts before they are acted on) does
not. Other rooms use `Ledger` and the values below; the tables are private.
"""

from billing_assets.ledger.book import Ledger
from billing_assets.ledger.documents import Gate
from billing_assets.ledger.errors import (
    DocumentConflict,
    GateClosed,
    GuardsBroken,
    LedgerBusy,
    LedgerError,
    StaleDraft,
)
from billing_assets.ledger.values import (
    Attempt,
    ChainFault,
    ExceptionSighting,
    FoundFile,
    GateVerdict,
    IssuedDocument,
    IssueLine,
    IssueRequest,
    OutboxItem,
    RegisteredFile,
    RunIdentity,
)

__all__ = [
    "Attempt",
    "ChainFault",
    "DocumentConflict",
    "ExceptionSighting",
    "FoundFile",
    "Gate",
    "GateClosed",
    "GateVerdict",
    "GuardsBroken",
    "IssueLine",
    "IssueRequest",
    "IssuedDocument",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "OutboxItem",
    "RegisteredFile",
    "RunIdentity",
    "StaleDraft",
]
