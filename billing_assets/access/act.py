"""What people do: ask, answer, hold, release, sign for a duty. Judged and written in one transaction.

Every function returns the decision's number, and raises Forbidden (which rule refuses it) or NotAuthenticated; then
nothing was written. Amounts are positive, in `currency`; `as_of` is the business date of the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from billing_assets.access.asks import REQUESTS
from billing_assets.access.duties import RANKS, Duty
from billing_assets.access.errors import Forbidden, MissingRate
from billing_assets.access.people import Actor, standing_of
from billing_assets.access.standing import Standing, answer_subject, compensating_link
from billing_assets.access.users import Capacity
from billing_assets.ledger import Ledger, NewDecision, PeopleRecord
from billing_assets.ledger.canonical import Json

# Amount and currency -> US dollars. Raises MissingRate.
ToUsd = Callable[[Decimal, str], Decimal]


@dataclass(frozen=True)
class Compensating:
    """A control that watches over what a medium duty pair would otherwise refuse, and until when."""

    control_id: str
    until: date


def dollars_only(amount: Decimal, currency: str) -> Decimal:
    """The conversion where no rates are at hand: it knows one currency."""
    if currency != "USD":
        raise MissingRate(f"no rate is at hand to state {amount:f} {currency} in US dollars: land one, then run again")
    return amount


def request(
    ledger: Ledger,
    actor: Actor,
    what: str,
    subject: Mapping[str, Json],
    *,
    object_hash: str,
    amount: Decimal | None,
    currency: str | None,
    account_id: str | None,
    links: Iterable[str],
    reason: str,
    as_of: date,
    expires_on: date | None = None,
    to_usd: ToUsd = dollars_only,
    compensating: Compensating | None = None,
) -> int:
    """Ask for something that others must approve. `what` and its subject: see `asks.REQUESTS`.

    `object_hash` is of what it is about, as it stands: once that changes, the request is void. `expires_on` is the
    last day on which it counts; a waiver must have one.
    """
    if what not in REQUESTS:
        raise Forbidden(f"{what} cannot be requested: one of {', '.join(REQUESTS)}")
    if compensating is not None:
        expires_on = min(expires_on or compensating.until, compensating.until)
    return _decide(
        ledger,
        actor,
        as_of,
        NewDecision(
            decision="request",
            what=what,
            subject=dict(subject),
            actor=actor.name,
            reason=reason,
            recorded_on=as_of,
            expires_on=expires_on,
            duty=REQUESTS[what][0],
            object_hash=object_hash,
            account_id=account_id,
            amount=amount,
            currency=currency,
            amount_usd=to_usd(amount, currency) if amount is not None and currency is not None else None,
            links=_links(links, compensating),
        ),
    )


def approve(
    ledger: Ledger,
    actor: Actor,
    request_no: int,
    *,
    object_hash: str,
    reason: str,
    as_of: date,
    compensating: Compensating | None = None,
) -> int:
    """Approve a request. `object_hash` is of what it is about, computed now: it must be what was asked for."""
    return _answer(ledger, actor, "approve", request_no, reason, as_of, object_hash, _links((), compensating))


def reject(ledger: Ledger, actor: Actor, request_no: int, *, reason: str, as_of: date) -> int:
    """Refuse a request, also one that is approved: it counts no more."""
    return _answer(ledger, actor, "reject", request_no, reason, as_of)


def withdraw(ledger: Ledger, actor: Actor, request_no: int, *, reason: str, as_of: date) -> int:
    """Take a request of one's own back."""
    return _answer(ledger, actor, "withdraw", request_no, reason, as_of)


def hold(
    ledger: Ledger, actor: Actor, level: str, key: str, reason: str, as_of: date, expires_on: date | None = None
) -> int:
    """Hold a document (its id), a scope (period/entity/channel) or a period (month, or month/entity), at once."""
    return _decide(
        ledger,
        actor,
        as_of,
        NewDecision(
            decision="hold",
            what=level,
            subject={"level": level, "key": key},
            actor=actor.name,
            reason=reason,
            recorded_on=as_of,
            expires_on=expires_on,
        ),
    )


def release(
    ledger: Ledger,
    actor: Actor,
    hold_no: int,
    reason: str,
    as_of: date,
    *,
    links: Iterable[str] = (),
    compensating: Compensating | None = None,
) -> int:
    """Lift a hold. `links` are chain keys beyond those that the hold itself names: the contract, the customer."""

    def build(standing: Standing) -> NewDecision:
        held = standing.holds.get(hold_no)
        if held is None:
            raise Forbidden(f"{hold_no} is no standing hold")
        return NewDecision(
            decision="release",
            what=held.what,
            subject=answer_subject(held),
            actor=actor.name,
            reason=reason,
            recorded_on=as_of,
            request_no=hold_no,
            duty=Duty.INVOICE_RELEASE,
            links=_links(links, compensating),
        )

    return _decide(ledger, actor, as_of, build)


def sign(
    ledger: Ledger,
    actor: Actor,
    duty: str,
    links: Iterable[str],
    reason: str,
    as_of: date,
    *,
    compensating: Compensating | None = None,
) -> int:
    """Sign for a duty that was done, in another system or here. `links` are the chain keys it touched."""
    return _decide(
        ledger,
        actor,
        as_of,
        NewDecision(
            decision="sign",
            what=str(duty),
            subject={"duty": str(duty)},
            actor=actor.name,
            reason=reason,
            recorded_on=as_of,
            duty=str(duty),
            links=_links(links, compensating),
        ),
    )


def perform(
    ledger: Ledger,
    actor: Actor,
    duty: str,
    links: Iterable[str],
    reason: str,
    as_of: date,
    *,
    compensating: Compensating | None = None,
) -> int:
    """Record a duty that a person does at once (lock a month), before it is done: refused, it is not done."""
    return sign(ledger, actor, duty, links, reason, as_of, compensating=compensating)


# -- how a decision comes about ------------------------------------------------------------------------------------


def _answer(
    ledger: Ledger,
    actor: Actor,
    decision: str,
    request_no: int,
    reason: str,
    as_of: date,
    object_hash: str | None = None,
    links: tuple[str, ...] = (),
) -> int:
    def build(standing: Standing) -> NewDecision:
        ask = standing.asks.get(request_no)
        if ask is None:
            raise Forbidden(f"{request_no} is no request that counts{_why(standing, request_no)}")
        return NewDecision(
            decision=decision,
            what=ask.request.what,
            subject=answer_subject(ask.request),
            actor=actor.name,
            reason=reason,
            recorded_on=as_of,
            request_no=request_no,
            duty=None if decision == "withdraw" else REQUESTS[ask.request.what][1],
            object_hash=object_hash,
            account_id=ask.request.account_id,
            amount=ask.request.amount,
            currency=ask.request.currency,
            amount_usd=ask.request.amount_usd,
            exposure=standing.exposure(ask.request, as_of),
            links=links,
        )

    return _decide(ledger, actor, as_of, build)


def _why(standing: Standing, decision_no: int) -> str:
    return f": {standing.void[decision_no]}" if decision_no in standing.void else ""


def _decide(ledger: Ledger, actor: Actor, as_of: date, built: NewDecision | Callable[[Standing], NewDecision]) -> int:
    def judge(record: PeopleRecord) -> NewDecision:
        standing, _ = standing_of(record, actor, as_of)
        decision = built if isinstance(built, NewDecision) else built(standing)
        return _in_a_role(standing, decision)

    return ledger.decide(judge)


def _in_a_role(standing: Standing, decision: NewDecision) -> NewDecision:
    """The decision in the first role of its actor that the rules accept; own roles before lent ones."""
    decision = replace(decision, links=tuple({*decision.links, *standing.links_needed(decision)}))
    if decision.decision == "request":
        decision = replace(decision, exposure=standing.exposure(decision, decision.recorded_on))
    user = standing.users.named(decision.actor)
    duty = Duty(decision.duty) if decision.duty in set(Duty) else None
    refusals: list[Forbidden] = []
    for capacity in sorted(standing.capacities(user, decision.recorded_on, duty), key=_order):
        candidate = replace(decision, role=capacity.role, on_behalf_of=capacity.on_behalf_of)
        try:
            standing.judge(candidate)
        except Forbidden as refusal:
            refusals.append(refusal)
        else:
            return candidate
    if not refusals:
        standing.judge(decision)  # says which roles may
        raise Forbidden(f"{decision.actor} may not do this")
    raise refusals[0]


def _order(capacity: Capacity) -> tuple[bool, int, str]:
    rank = RANKS.index(capacity.role) if capacity.role in RANKS else -1
    return (capacity.on_behalf_of is not None, -rank, capacity.role)


def _links(links: Iterable[str], compensating: Compensating | None) -> tuple[str, ...]:
    own = {link for link in links if link}
    if compensating is not None:
        own.add(compensating_link(compensating.control_id, compensating.until))
    return tuple(sorted(own))
