"""What the book of record refuses, each with a message that says what, which rows, and what to do."""

from billing_assets.errors import OperatorError


class LedgerError(OperatorError):
    """The ledger cannot be used, or refuses what was asked. Nothing was written."""


class LedgerBusy(LedgerError):
    """Another process holds the ledger's write lock."""


class GuardsBroken(LedgerError):
    """A guard of the append-only tables is missing or altered."""


class SealBroken(LedgerError):
    """The signed roots, the signing key and the chain do not fit together."""


class DocumentConflict(LedgerError):
    """The identity was issued before with other content."""


class StaleDraft(LedgerError):
    """The draft was built before the contract's latest document was issued."""


class GateClosed(LedgerError):
    """No open verdict covers the document."""


class PeriodLocked(LedgerError):
    """The month does not take the document: it is locked, or soft closed and the document is no adjustment."""


class CorrectionRefused(LedgerError):
    """A credit memo, a rebill or a void that the record does not allow."""
