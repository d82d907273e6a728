"""People for tests: a ledger's staff with tokens, and requests with plain defaults."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from billing_assets.access import act, people
from billing_assets.access.people import Actor
from billing_assets.ledger import Ledger
from billing_assets.ledger.canonical import Json
from tests.ledger.builders import AS_OF

ADMIN = "admin.one"


def staff(ledger: Ledger, roles: dict[str, str | tuple[str, ...]], as_of: date = AS_OF) -> dict[str, Actor]:
    """User id -> actor, for `{"biller.one": "biller", "lead.one": ("team_lead", "releaser")}`; the admin beside them.

    May be called again on the same ledger only with the actors it returned: the admin is made once.
    """
    actors = {ADMIN: _actor(ledger, people.initialise(ledger, ADMIN, as_of).token, as_of)}
    for user_id, held in roles.items():
        actors[user_id] = hire(ledger, actors[ADMIN], user_id, held, as_of)
    return actors


def hire(
    ledger: Ledger,
    admin: Actor,
    user_id: str,
    roles: str | tuple[str, ...],
    as_of: date = AS_OF,
    owner: str | None = None,
) -> Actor:
    """A new user with roles and a token; with `owner`, a service account."""
    people.add(ledger, admin, user_id, "joined", as_of, owner=owner)
    for role in (roles,) if isinstance(roles, str) else roles:
        people.grant(ledger, admin, user_id, role, "their work", as_of)
    return _actor(ledger, people.give_token(ledger, admin, user_id, "their token", as_of).token, as_of)


def _actor(ledger: Ledger, token: str, as_of: date) -> Actor:
    return people.authenticate(ledger, token, as_of)


def ask_credit(
    ledger: Ledger, actor: Actor, amount: str = "100", document: str = "C-1/2026-04-01/invoice/0", **changes: Any
) -> int:
    """A request of a credit on one document of account A-1."""
    values: dict[str, Any] = {
        "object_hash": "content",
        "amount": Decimal(amount),
        "currency": "USD",
        "account_id": "A-1",
        "links": (),
        "reason": "billed twice",
        "as_of": AS_OF,
    }
    return act.request(ledger, actor, "credit", {"document_id": document, "lines": None}, **{**values, **changes})


def ask_price(ledger: Ledger, actor: Actor, amount: str = "100", **changes: Any) -> int:
    """A request of a price override on contract C-1."""
    values: dict[str, Any] = {
        "object_hash": "price",
        "amount": Decimal(amount),
        "currency": "USD",
        "account_id": "A-1",
        "links": (),
        "reason": "renewal",
        "as_of": AS_OF,
    }
    subject: dict[str, Json] = {"contract_id": "C-1", "charge_id": "tokens", "version": 2}
    return act.request(ledger, actor, "price_override", subject, **{**values, **changes})


def ask_waiver(ledger: Ledger, actor: Actor, amount: str | None = "100", **changes: Any) -> int:
    """A request to waive an exception of INV-02."""
    values: dict[str, Any] = {
        "object_hash": "rows",
        "amount": changes.pop("at_stake", None if amount is None else abs(Decimal(amount))),
        "currency": "USD",
        "account_id": "A-1",
        "links": ("control:INV-02",),
        "reason": "known, corrected next month",
        "as_of": AS_OF,
        "expires_on": AS_OF,
    }
    subject: dict[str, Json] = {"exception_id": "e1", "amount": amount, "row_hash": "rows"}
    return act.request(ledger, actor, "waiver", subject, **{**values, **changes})
