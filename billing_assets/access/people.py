"""Acting users: who a token is of, and what an access admin and a delegating person change.

Every function judges and writes in one transaction. Raises Forbidden or NotAuthenticated; then nothing was written.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from billing_assets.access.duties import TOKEN_DAYS
from billing_assets.access.errors import NotAuthenticated
from billing_assets.access.standing import Standing
from billing_assets.access.users import PERSON, User, person_name, token_hash, token_text
from billing_assets.ledger import Ledger, NewAccessEvent, PeopleRecord
from billing_assets.ledger.canonical import Json

_ID_BYTES = 6
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Actor:
    """A user with the token they acted with: each action asks the ledger again whether it is still good."""

    user_id: str
    name: str  # as it stands in the record: user:<id> or service-account:<id>
    token: str = field(repr=False)


@dataclass(frozen=True)
class NewToken:
    """A token just given: shown once, kept nowhere."""

    token_id: str
    token: str = field(repr=False)
    expires_on: date = date.max


def authenticate(ledger: Ledger, token: str, as_of: date) -> Actor:
    """Who the token is of on the business date. Raises NotAuthenticated, also for an empty token."""
    user = Standing.of(ledger.people()).users.authenticate(token, as_of)
    return Actor(user.user_id, user.name, token)


def standing_of(record: PeopleRecord, actor: Actor, as_of: date) -> tuple[Standing, User]:
    """The record replayed, and the actor as a user of it, by the token and not by the name."""
    standing = Standing.of(record)
    user = standing.users.authenticate(actor.token, as_of)
    if (user.user_id, user.name) != (actor.user_id, actor.name):
        raise NotAuthenticated(f"the token is not of {actor.name}")
    return standing, user


# -- the first one -------------------------------------------------------------------------------------------------


def initialise(ledger: Ledger, user_id: str, as_of: date) -> NewToken:
    """Make the first access admin, with a token. Raises Forbidden once there is a user."""
    token, subject = _new_token(as_of)
    name = person_name(user_id)
    event = NewAccessEvent("initialised", user_id, subject, name, "first access admin", as_of)

    def judge(record: PeopleRecord) -> Sequence[NewAccessEvent]:
        Standing.of(record).judge_access(event)
        return [event]

    ledger.change_access(judge)
    return token


# -- by an access admin --------------------------------------------------------------------------------------------


def add(ledger: Ledger, actor: Actor, user_id: str, reason: str, as_of: date, *, owner: str | None = None) -> None:
    """Add a person; with `owner`, a service account that the owner answers for."""
    subject: dict[str, Json] = {"kind": PERSON} if owner is None else {"kind": "service", "owner": owner}
    _change(ledger, actor, "user_added", user_id, subject, reason, as_of)


def grant(ledger: Ledger, actor: Actor, user_id: str, role: str, reason: str, as_of: date) -> None:
    _change(ledger, actor, "granted", user_id, {"role": role}, reason, as_of)


def revoke(ledger: Ledger, actor: Actor, user_id: str, role: str, reason: str, as_of: date) -> None:
    _change(ledger, actor, "revoked", user_id, {"role": role}, reason, as_of)


def disable(ledger: Ledger, actor: Actor, user_id: str, reason: str, as_of: date) -> None:
    """End a user for good: tokens, roles and delegations of theirs count no more."""
    _change(ledger, actor, "disabled", user_id, {}, reason, as_of)


def give_token(
    ledger: Ledger, actor: Actor, user_id: str, reason: str, as_of: date, *, days: int = TOKEN_DAYS
) -> NewToken:
    """A new token of the user, valid through `days` after `as_of`."""
    token, subject = _new_token(as_of, days)
    _change(ledger, actor, "token_issued", user_id, subject, reason, as_of)
    return token


def revoke_token(ledger: Ledger, actor: Actor, user_id: str, token_id: str, reason: str, as_of: date) -> None:
    _change(ledger, actor, "token_revoked", user_id, {"token_id": token_id}, reason, as_of)


# -- by anybody ----------------------------------------------------------------------------------------------------


def delegate(ledger: Ledger, actor: Actor, to: str, role: str, until: date, reason: str, as_of: date) -> None:
    """Lend a role of one's own to another person, through `until`. The delegate acts, and counts as both."""
    subject: dict[str, Json] = {"to": to, "role": role, "until": until.isoformat()}
    _change(ledger, actor, "delegated", actor.user_id, subject, reason, as_of)


def end_delegation(ledger: Ledger, actor: Actor, giver: str, to: str, role: str, reason: str, as_of: date) -> None:
    _change(ledger, actor, "delegation_ended", giver, {"to": to, "role": role}, reason, as_of)


def _change(
    ledger: Ledger, actor: Actor, event: str, user_id: str, subject: dict[str, Json], reason: str, as_of: date
) -> None:
    change = NewAccessEvent(event, user_id, subject, actor.name, reason, as_of)

    def judge(record: PeopleRecord) -> Sequence[NewAccessEvent]:
        standing, _ = standing_of(record, actor, as_of)
        standing.judge_access(change)
        return [change]

    ledger.change_access(judge)


def _new_token(as_of: date, days: int = TOKEN_DAYS) -> tuple[NewToken, dict[str, Json]]:
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    expires_on = as_of + timedelta(days)
    subject: dict[str, Json] = {
        "token_id": token_id,
        "token_hash": token_hash(secret),
        "expires_on": expires_on.isoformat(),
    }
    return NewToken(token_id, token_text(token_id, secret), expires_on), subject
