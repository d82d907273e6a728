"""Duties that one person may not do on one chain of objects, compared with what was actually done.

A pure function of deeds. Two deeds meet when they share a chain key; a few kinds of key tie only the duties they are
about. The people of a deed are its actor, whom the actor stood in for, and the owner of a service account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from billing_assets.access.duties import MONEY_DUTIES, Duty


class Severity(StrEnum):
    """HIGH is refused. MEDIUM is allowed under a compensating control, for a time."""

    HIGH = "high"
    MEDIUM = "medium"


def _pairs(*pairs: tuple[Duty, Duty]) -> frozenset[frozenset[Duty]]:
    return frozenset(frozenset(pair) for pair in pairs)


HIGH = _pairs(
    (Duty.PRICE_CHANGE, Duty.OVERRIDE_APPROVE),
    (Duty.PRICE_CHANGE, Duty.INVOICE_RELEASE),
    (Duty.USAGE_AMENDMENT, Duty.INVOICE_RELEASE),
    (Duty.OVERRIDE_REQUEST, Duty.OVERRIDE_APPROVE),
    (Duty.INVOICE_PREPARE, Duty.INVOICE_RELEASE),
    (Duty.CREDIT_REQUEST, Duty.CREDIT_APPROVE),
    (Duty.CREDIT_APPROVE, Duty.CASH_APPLY),
    (Duty.CASH_APPLY, Duty.MASTER_DATA_CHANGE),
    (Duty.CASH_APPLY, Duty.WRITE_OFF_APPROVE),
    (Duty.MASTER_DATA_CHANGE, Duty.CREDIT_APPROVE),
    (Duty.MASTER_DATA_CHANGE, Duty.INVOICE_PREPARE),
    (Duty.RECONCILE_PREPARE, Duty.RECONCILE_REVIEW),
    (Duty.PERIOD_LOCK, Duty.INVOICE_PREPARE),
    (Duty.PERIOD_LOCK, Duty.CREDIT_REQUEST),
    (Duty.PERIOD_LOCK, Duty.USAGE_AMENDMENT),
    *((Duty.ACCESS_ADMIN, duty) for duty in sorted(MONEY_DUTIES)),
    (Duty.CODE_DEPLOY, Duty.OVERRIDE_APPROVE),
    (Duty.CODE_DEPLOY, Duty.INVOICE_RELEASE),
    (Duty.CODE_DEPLOY, Duty.CREDIT_APPROVE),
    (Duty.CODE_DEPLOY, Duty.PERIOD_LOCK),
    (Duty.USAGE_AMENDMENT, Duty.RECONCILE_PREPARE),
    (Duty.CONTRACT_SETUP, Duty.CREDIT_APPROVE),
)
MEDIUM = _pairs(
    (Duty.CONTRACT_SETUP, Duty.INVOICE_PREPARE),
    (Duty.INVOICE_PREPARE, Duty.CREDIT_REQUEST),
    (Duty.CASH_APPLY, Duty.RECONCILE_PREPARE),
    (Duty.CREDIT_REQUEST, Duty.CASH_APPLY),
)

# Kinds of key that stand for more than one chain: they tie two deeds only where one of them is about the whole.
_TIES: dict[str, frozenset[Duty]] = {
    # everything done while a release runs is done under it; only who deployed it is bound by that
    "release": frozenset({Duty.CODE_DEPLOY}),
    # a month holds every document; who locks it, or reconciles it, answers for all of them
    "period": frozenset({Duty.PERIOD_LOCK, Duty.RECONCILE_PREPARE, Duty.RECONCILE_REVIEW}),
    # a customer has many documents; master data and cash concern them all
    "account": frozenset({Duty.MASTER_DATA_CHANGE, Duty.CASH_APPLY}),
    "bank": frozenset({Duty.MASTER_DATA_CHANGE, Duty.CASH_APPLY}),
}


@dataclass(frozen=True)
class Deed:
    """Something done: the duty, the people behind it, the chain keys it touched, and what a reader would call it."""

    duty: Duty
    people: frozenset[str]
    links: frozenset[str]
    name: str = ""


@dataclass(frozen=True)
class Conflict:
    """Two deeds of one person that exclude each other."""

    severity: Severity
    earlier: Deed
    duty: Duty
    person: str

    def __str__(self) -> str:
        return f"{self.person} did {self.earlier.duty} ({self.earlier.name}), so {self.duty} is for another person"


def severity(one: Duty, other: Duty) -> Severity | None:
    """How the two duties exclude each other on one chain, whatever their order; None where they do not."""
    pair = frozenset({one, other})
    if pair in HIGH:
        return Severity.HIGH
    return Severity.MEDIUM if pair in MEDIUM else None


def meets(one: Deed, other: Deed) -> bool:
    """Whether the two touched one chain. Who administers access touches every chain."""
    duties = {one.duty, other.duty}
    if Duty.ACCESS_ADMIN in duties:
        return True
    for link in one.links & other.links:
        kind = link.partition(":")[0]
        if kind not in _TIES or duties & _TIES[kind]:
            return True
    return False


def conflicts(deed: Deed, earlier: Iterable[Deed]) -> Iterator[Conflict]:
    """Every earlier deed that excludes this one, in the order given."""
    for before in earlier:
        shared = deed.people & before.people
        found = severity(deed.duty, before.duty) if shared else None
        if found and meets(deed, before):
            yield Conflict(found, before, deed.duty, min(shared))
