"""What people decided and what counts of it on a business date: effective requests, standing holds, waivers.

Everything here is read from proven rows, each judged again: see `standing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_assets.access.asks import Ask, signed_amount
from billing_assets.access.standing import Standing
from billing_assets.ledger import Ledger
from billing_assets.ledger.canonical import Json


@dataclass(frozen=True)
class Request:
    """An approved request. Whoever carries it out compares `object_hash` with what it is about as it stands now."""

    request_no: int
    what: str
    subject: dict[str, Json]
    object_hash: str
    account_id: str | None
    amount: Decimal | None
    currency: str | None
    requested_by: str
    approvers: tuple[str, ...]
    reason: str
    recorded_on: date
    approved_on: date
    expires_on: date | None


@dataclass(frozen=True)
class ApprovedWaiver:
    """An approved exemption of one violation as it stood: its amount in the violation's currency, and row hash."""

    request_no: int
    exception_id: str
    amount: Decimal | None
    row_hash: str
    expires_on: date
    maker: str
    checker: str


@dataclass(frozen=True)
class StandingHold:
    """A hold that nobody released and that has not expired."""

    hold_no: int
    level: str
    key: str
    reason: str
    actor: str
    recorded_on: date
    expires_on: date | None


def standing(ledger: Ledger, as_of: date) -> Standing:
    """Everything that counts of what was recorded by the end of `as_of`."""
    return Standing.of(ledger.people(), as_of)


def effective(ledger: Ledger, what: str, as_of: date) -> list[Request]:
    """Requests of the kind that are approved and count on `as_of`, in order of their numbers."""
    return effective_of(standing(ledger, as_of), what, as_of)


def holds(ledger: Ledger, as_of: date) -> list[StandingHold]:
    """Holds that stand on `as_of`, in order of their numbers."""
    return holds_of(standing(ledger, as_of), as_of)


def waivers(ledger: Ledger, as_of: date) -> list[ApprovedWaiver]:
    """Waivers that are approved and have not expired on `as_of`, in order of their numbers."""
    return waivers_of(standing(ledger, as_of), as_of)


def effective_of(standing: Standing, what: str, as_of: date) -> list[Request]:
    asks = [ask for ask in standing.asks.values() if ask.request.what == what and ask.state(as_of) == "approved"]
    return [_request(ask) for ask in asks]


def holds_of(standing: Standing, as_of: date) -> list[StandingHold]:
    return [
        StandingHold(
            hold_no=number,
            level=hold.what,
            key=str(hold.subject["key"]),
            reason=hold.reason,
            actor=hold.actor,
            recorded_on=hold.recorded_on,
            expires_on=hold.expires_on,
        )
        for number, hold in standing.holds.items()
        if number not in standing.released and (hold.expires_on is None or hold.expires_on >= as_of)
    ]


def waivers_of(standing: Standing, as_of: date) -> list[ApprovedWaiver]:
    return [
        ApprovedWaiver(
            request_no=request.request_no,
            exception_id=str(request.subject["exception_id"]),
            amount=signed_amount(request.subject),
            row_hash=request.object_hash,
            expires_on=request.expires_on or request.recorded_on,
            maker=request.requested_by,
            checker=request.approvers[0],
        )
        for request in effective_of(standing, "waiver", as_of)
    ]


def _request(ask: Ask) -> Request:
    request = ask.request
    return Request(
        request_no=request.decision_no,
        what=request.what,
        subject=request.subject,
        object_hash=str(request.object_hash),
        account_id=request.account_id,
        amount=request.amount,
        currency=request.currency,
        requested_by=request.actor,
        approvers=tuple(approval.actor for approval, _ in ask.approvals),
        reason=request.reason,
        recorded_on=request.recorded_on,
        approved_on=ask.approved_on or request.recorded_on,
        expires_on=request.expires_on,
    )
