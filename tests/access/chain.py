"""Every duty as it is done on one chain of objects, by whoever does it: what the tests of duty pairs try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_assets.access import act, people
from billing_assets.access.duties import Duty
from billing_assets.access.people import Actor
from billing_assets.ledger import Ledger
from billing_assets.ledger.canonical import Json
from tests.access.builders import ask_credit
from tests.access.conftest import Office
from tests.ledger.builders import AS_OF, RUN

# The role with the fewest other duties in which a duty is done; the highest rank where amounts matter.
ROLE = {
    Duty.CONTRACT_SETUP: "contract_admin",
    Duty.PRICE_CHANGE: "price_admin",
    Duty.USAGE_AMENDMENT: "usage_admin",
    Duty.OVERRIDE_REQUEST: "contract_admin",
    Duty.OVERRIDE_APPROVE: "controller",
    Duty.INVOICE_PREPARE: "biller",
    Duty.INVOICE_RELEASE: "releaser",
    Duty.CREDIT_REQUEST: "credit_requester",
    Duty.CREDIT_APPROVE: "controller",
    Duty.CASH_APPLY: "cash_applier",
    Duty.WRITE_OFF_APPROVE: "controller",
    Duty.MASTER_DATA_CHANGE: "master_data_admin",
    Duty.RECONCILE_PREPARE: "reconciler",
    Duty.RECONCILE_REVIEW: "reviewer",
    Duty.PERIOD_LOCK: "controller",
    Duty.ACCESS_ADMIN: "access_admin",
    Duty.CODE_DEPLOY: "engineer",
    Duty.WAIVER_APPROVE: "controller",
}


@dataclass(frozen=True)
class Chain:
    """One chain of objects: a contract, its document, its customer, its month, the code it was billed under."""

    contract: str = "C-1"
    account: str = "A-1"
    entity: str = "US01"
    release: str = RUN.code_hash

    @property
    def document(self) -> str:
        return f"{self.contract}/2026-04-01/invoice/0"

    @property
    def links(self) -> tuple[str, ...]:
        return (
            f"contract:{self.contract}",
            f"document:{self.document}",
            f"account:{self.account}",
            f"period:{self.entity}/2026-03",
        )


ONE = Chain()
ANOTHER = Chain("C-2", "A-2", "DE01", "another release")


def waiver_subject(chain: Chain) -> dict[str, Json]:
    return {"exception_id": f"e of {chain.contract}", "amount": "100", "row_hash": "rows"}


def ask_waiver_on(ledger: Ledger, actor: Actor, chain: Chain) -> int:
    return act.request(
        ledger,
        actor,
        "waiver",
        waiver_subject(chain),
        object_hash="rows",
        amount=Decimal(100),
        currency="USD",
        account_id=chain.account,
        links=(*chain.links, "control:USG-07"),
        reason="known",
        as_of=AS_OF,
        expires_on=AS_OF,
    )


def prepare(office: Office, duty: Duty, chain: Chain) -> Callable[[Actor], int]:  # noqa: PLR0911 - one a duty
    """What others do first (ask, hold), and then the duty as an actor does it. Returns the decision's number."""
    ledger, clerk = office.ledger, office["clerk.one"]
    common: dict[str, Any] = {"account_id": chain.account, "links": chain.links}
    subject: dict[str, Json] = {"contract_id": chain.contract, "charge_id": "tokens", "version": 2}

    def price(actor: Actor) -> int:
        return act.request(
            ledger, actor, "price_override", subject, object_hash="price", amount=Decimal(100), currency="USD",
            reason="renewal", as_of=AS_OF, **common,
        )  # fmt: skip

    def approving(number: int, object_hash: str) -> Callable[[Actor], int]:
        return lambda actor: act.approve(ledger, actor, number, object_hash=object_hash, reason="right", as_of=AS_OF)

    if duty is Duty.OVERRIDE_REQUEST:
        return price
    if duty is Duty.OVERRIDE_APPROVE:
        return approving(price(clerk), "price")
    if duty is Duty.CREDIT_REQUEST:
        return lambda actor: ask_credit(ledger, actor, document=chain.document, **common)
    if duty is Duty.CREDIT_APPROVE:
        return approving(ask_credit(ledger, clerk, document=chain.document, **common), "content")
    if duty is Duty.WRITE_OFF_APPROVE:
        written_off = act.request(
            ledger, clerk, "write_off", {"document_id": chain.document}, object_hash="content", amount=Decimal(100),
            currency="USD", reason="bankrupt", as_of=AS_OF, **common,
        )  # fmt: skip
        return approving(written_off, "content")
    if duty is Duty.WAIVER_APPROVE:
        return approving(ask_waiver_on(ledger, office["analyst.one"], chain), "rows")
    if duty is Duty.INVOICE_RELEASE:
        held = act.hold(ledger, office["analyst.one"], "document", chain.document, "dispute", AS_OF)
        return lambda actor: act.release(ledger, actor, held, "settled", AS_OF, links=chain.links)
    if duty is Duty.ACCESS_ADMIN:

        def administer(actor: Actor) -> int:
            people.grant(ledger, actor, "auditor.one", "reviewer", "stands in", AS_OF)
            return ledger.decision_sequence()

        return administer
    links = (f"release:{chain.release}",) if duty is Duty.CODE_DEPLOY else chain.links
    return lambda actor: act.sign(ledger, actor, duty, links, "done in its system", AS_OF)


@contextmanager
def as_role(office: Office, actor: Actor, role: str) -> Iterator[None]:
    """The user has the role inside the block: roles that exclude each other are had one after the other."""
    people.grant(office.ledger, office.admin, actor.user_id, role, "for now", AS_OF)
    yield
    people.revoke(office.ledger, office.admin, actor.user_id, role, "no more", AS_OF)
