"""What can be asked for, and what a request is about: its duties, its item, the chain keys its subject names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing_assets.access.duties import Duty
from billing_assets.ledger import Decision

# what -> the duty of who asks, the duty of who decides, the keys its subject must name
REQUESTS: dict[str, tuple[Duty | None, Duty, tuple[str, ...]]] = {
    "waiver": (None, Duty.WAIVER_APPROVE, ("exception_id", "row_hash")),
    "credit": (Duty.CREDIT_REQUEST, Duty.CREDIT_APPROVE, ("document_id",)),
    "rebill": (Duty.CREDIT_REQUEST, Duty.CREDIT_APPROVE, ("document_id",)),
    "void": (Duty.CREDIT_REQUEST, Duty.CREDIT_APPROVE, ("document_id",)),
    "write_off": (Duty.CREDIT_REQUEST, Duty.WRITE_OFF_APPROVE, ("document_id",)),
    "price_override": (Duty.OVERRIDE_REQUEST, Duty.OVERRIDE_APPROVE, ("contract_id", "version")),
    "discount": (Duty.OVERRIDE_REQUEST, Duty.OVERRIDE_APPROVE, ("contract_id", "version")),
    "terms": (Duty.OVERRIDE_REQUEST, Duty.OVERRIDE_APPROVE, ("contract_id", "version")),
    "period_reopen": (Duty.PERIOD_LOCK, Duty.PERIOD_LOCK, ("selling_entity", "period")),
}
# Requests about no amount of money of their own. Every other one states what is at stake.
WITHOUT_AMOUNT = frozenset({"waiver", "terms", "period_reopen"})
# Who reopens a month: two people who may lock one, whatever the money.
REOPEN_ROLES = ("controller", "controller")
HOLD_LEVELS = ("document", "scope", "period")
# Duties whose doing is recorded as it is done, or after it was done elsewhere. The others are requests and answers.
SIGNED_DUTIES = frozenset(Duty) - {
    Duty.OVERRIDE_REQUEST,
    Duty.OVERRIDE_APPROVE,
    Duty.CREDIT_REQUEST,
    Duty.CREDIT_APPROVE,
    Duty.WRITE_OFF_APPROVE,
    Duty.WAIVER_APPROVE,
    Duty.ACCESS_ADMIN,
}
# The kind of chain key without which a duty would meet nothing.
NEEDS_LINK = {Duty.CODE_DEPLOY: "release", Duty.PERIOD_LOCK: "period"}


@dataclass
class Ask:
    """A request and what became of it so far."""

    request: Decision
    people: frozenset[str]
    approvals: list[tuple[Decision, frozenset[str]]] = field(default_factory=list)
    approved_on: date | None = None
    ended: str | None = None  # rejected | withdrawn

    def state(self, as_of: date) -> str:
        if self.ended:
            return self.ended
        if self.request.expires_on is not None and self.request.expires_on < as_of:
            return "expired"
        return "approved" if self.approved_on else "open"

    def is_at_stake(self, as_of: date) -> bool:
        """Whether its money counts towards the exposure: once approved it does, whatever happened afterwards."""
        return self.approved_on is not None or self.state(as_of) == "open"


def item_of(what: str, subject: Mapping[str, object]) -> str:
    """The thing whose exposure is counted over its whole life."""
    if "document_id" in subject:
        return f"document:{subject['document_id']}"
    if "exception_id" in subject:
        return f"exception:{subject['exception_id']}"
    if "contract_id" in subject:
        return f"contract:{subject['contract_id']}"
    return f"{what}:{sorted(subject.items())}"


def links_of(subject: Mapping[str, object]) -> set[str]:
    """The chain keys that a subject itself names: nobody can leave them out."""
    links = {f"{name}:{subject[f'{name}_id']}" for name in ("contract", "exception") if subject.get(f"{name}_id")}
    document = subject.get("document_id") or (subject.get("key") if subject.get("level") == "document" else None)
    if document:
        links.add(f"document:{document}")
        # A document's id is contract/bill date/kind/revision.
        if str(document).count("/") >= 3:
            links.add(f"contract:{str(document).rsplit('/', 3)[0]}")
    if subject.get("selling_entity") and subject.get("period"):
        links.add(f"period:{subject['selling_entity']}/{subject['period']}")
    if subject.get("level") == "scope" and str(subject.get("key")).count("/") == 2:
        period, entity, _ = str(subject["key"]).split("/")
        links.add(f"period:{entity}/{period}")
    if subject.get("level") == "period" and str(subject.get("key")).count("/") == 1:
        period, entity = str(subject["key"]).split("/")
        links.add(f"period:{entity}/{period}")
    return links


def signed_amount(subject: Mapping[str, object]) -> Decimal | None:
    """The amount a waiver's subject states, with its sign; None where the violation has none. Raises ValueError."""
    stated = subject.get("amount")
    if stated is None:
        return None
    try:
        return Decimal(str(stated))
    except ArithmeticError as error:
        raise ValueError(f"{stated} is no amount") from error
