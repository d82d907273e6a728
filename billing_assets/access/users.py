"""Who may act, folded from the record: users, roles, tokens, delegations, each change judged by who made it.

Pure. A change that its actor could not make counts for nothing, whoever wrote it: see `Users.judge`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from billing_assets.access.duties import (
    ACCESS_ADMIN,
    LONGEST_EXCEPTION_DAYS,
    MONEY_DUTIES,
    PERSONS_ONLY,
    ROLES,
    TOKEN_DAYS,
    Duty,
)
from billing_assets.access.errors import Forbidden, NotAuthenticated
from billing_assets.ledger import NewAccessEvent

PERSON, SERVICE = "person", "service"
_MARK = "billing"  # tells a secret scanner, and a reader, what a token is


@dataclass
class Token:
    """A token as the record has it: never the token itself."""

    token_hash: str
    expires_on: date
    is_revoked: bool = False


@dataclass(frozen=True)
class Delegation:
    """A person's role lent to another, up to and including a day."""

    giver: str
    taker: str
    role: str
    until: date


@dataclass
class User:
    """A person, or a service account with the person who answers for it."""

    user_id: str
    kind: str
    owner: str | None = None
    is_active: bool = True
    roles: set[str] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the user stands in the record. `service:` is the platform's own jobs, which decide nothing."""
        return f"{'user' if self.kind == PERSON else 'service-account'}:{self.user_id}"

    @property
    def duties(self) -> frozenset[Duty]:
        return frozenset(duty for role in self.roles for duty in ROLES[role])


@dataclass(frozen=True)
class Capacity:
    """A role in which a user can act, and the person it is of where it is not the user's own."""

    role: str
    on_behalf_of: str | None = None


def person_name(user_id: str) -> str:
    return f"user:{user_id}"


class Users:
    """The users as they stand after the events applied so far."""

    def __init__(self) -> None:
        self.all: dict[str, User] = {}
        self.delegations: list[Delegation] = []

    # -- asking ----------------------------------------------------------------------------------------------

    def named(self, name: str) -> User:
        """The active user of a name in the record. Raises Forbidden."""
        user = self.all.get(name.partition(":")[2])
        if user is None or user.name != name:
            raise Forbidden(f"{name} is no user of this ledger: `billing user add` first")
        if not user.is_active:
            raise Forbidden(f"{name} is disabled")
        return user

    def capacities(self, user: User, day: date) -> list[Capacity]:
        """Every role the user can act in: own ones first. A service account acts for its owner always."""
        if user.kind == SERVICE:
            owner = self.all.get(str(user.owner))
            if owner is None or not owner.is_active:
                return []
            return [Capacity(role, owner.name) for role in sorted(user.roles)]
        lent = [
            Capacity(delegation.role, person_name(delegation.giver))
            for delegation in self.delegations
            if delegation.taker == user.user_id and delegation.until >= day and self._stands(delegation)
        ]
        return [*(Capacity(role) for role in sorted(user.roles)), *sorted(set(lent), key=str)]

    def _stands(self, delegation: Delegation) -> bool:
        """A role is lent while its giver has it."""
        giver = self.all[delegation.giver]
        return giver.is_active and delegation.role in giver.roles

    def authenticate(self, token: str, day: date) -> User:
        """The user a token is of. Raises NotAuthenticated, without saying what of the token is wrong."""
        prefix, _, rest = token.partition("_")
        token_id, _, secret = rest.partition("_")
        refused = NotAuthenticated("BILLING_TOKEN is not valid: ask an access admin for a new token")
        for user in self.all.values():
            held = user.tokens.get(token_id)
            if held is None:
                continue
            right = hmac.compare_digest(held.token_hash, token_hash(secret))
            if prefix == _MARK and right and user.is_active and not held.is_revoked and day <= held.expires_on:
                return user
            break
        raise refused

    # -- judging and applying ----------------------------------------------------------------------------------

    def judge(self, event: NewAccessEvent) -> None:
        """Raise Forbidden where the event's actor may not make this change, or it makes no sense."""
        if event.event == "initialised":
            self._judge_first(event)
            return
        actor = self.named(event.actor)
        if event.event in ("delegated", "delegation_ended"):
            self._judge_delegation(event, actor)
            return
        if actor.kind != PERSON or ACCESS_ADMIN not in actor.roles:
            raise Forbidden(f"{actor.name} is no access admin")
        if event.event == "user_added":
            self._judge_new(event)
            return
        target = self.all.get(event.user_id)
        if target is None or not target.is_active:
            raise Forbidden(f"{event.user_id} is no active user")
        if target is actor and event.event not in ("token_issued", "token_revoked"):
            raise Forbidden("nobody changes their own access: another access admin does")
        judges = {
            "granted": self._judge_grant,
            "revoked": self._judge_revoke,
            "disabled": lambda event, target: None,
            "token_issued": self._judge_token,
            "token_revoked": self._judge_token_revoked,
        }
        if event.event not in judges:
            raise Forbidden(f"{event.event} is no change of access")
        judges[event.event](event, target)

    def _judge_first(self, event: NewAccessEvent) -> None:
        if self.all:
            raise Forbidden("there are users already: an access admin adds others (`billing user add`)")
        if event.actor != person_name(event.user_id):
            raise Forbidden("the first access admin adds themselves")
        _check_id(event.user_id)
        _check_token(event)

    def _judge_new(self, event: NewAccessEvent) -> None:
        _check_id(event.user_id)
        if event.user_id in self.all:
            raise Forbidden(f"{event.user_id} is there already: an id is never used again")
        kind, owner = event.subject.get("kind"), event.subject.get("owner")
        if kind not in (PERSON, SERVICE):
            raise Forbidden(f"{kind} is no kind of user: person or service")
        if kind == SERVICE:
            person = self.all.get(str(owner))
            if person is None or person.kind != PERSON or not person.is_active:
                raise Forbidden(f"a service account needs an owner who is a person and active: {owner} is not")
        elif owner is not None:
            raise Forbidden("a person has no owner")

    def _judge_grant(self, event: NewAccessEvent, target: User) -> None:
        role = str(event.subject.get("role"))
        if role not in ROLES:
            raise Forbidden(f"{role} is no role: one of {', '.join(sorted(ROLES))}")
        if role in target.roles:
            raise Forbidden(f"{target.user_id} is {role} already")
        if target.kind == SERVICE and ROLES[role] & PERSONS_ONLY:
            raise Forbidden(
                f"{target.user_id} is a service account: {role} approves, releases or locks, people do that"
            )
        self._check_apart(target, role)

    def _check_apart(self, target: User, role: str) -> None:
        """Who administers access has no duty over money, and the other way round."""
        lent = {delegation.role for delegation in self.delegations if delegation.taker == target.user_id}
        held = target.duties.union(*(ROLES[name] for name in lent))
        new = ROLES[role]
        if (Duty.ACCESS_ADMIN in held and new & MONEY_DUTIES) or (Duty.ACCESS_ADMIN in new and held & MONEY_DUTIES):
            raise Forbidden(f"{target.user_id} cannot be {role}: an access admin holds no duty over money")

    def _judge_revoke(self, event: NewAccessEvent, target: User) -> None:
        if event.subject.get("role") not in target.roles:
            raise Forbidden(f"{target.user_id} is not {event.subject.get('role')}")

    def _judge_token(self, event: NewAccessEvent, target: User) -> None:
        _check_token(event)
        if any(event.subject.get("token_id") in user.tokens for user in self.all.values()):
            raise Forbidden("this token was given before")

    def _judge_token_revoked(self, event: NewAccessEvent, target: User) -> None:
        if event.subject.get("token_id") not in target.tokens:
            raise Forbidden(f"{event.subject.get('token_id')} is no token of {target.user_id}")

    def _judge_delegation(self, event: NewAccessEvent, actor: User) -> None:
        giver, taker = self.all.get(event.user_id), self.all.get(str(event.subject.get("to")))
        role = str(event.subject.get("role"))
        if event.event == "delegation_ended":
            if actor is not giver and ACCESS_ADMIN not in actor.roles:
                raise Forbidden("a delegation is ended by who gave it, or by an access admin")
            return
        if giver is not actor or giver.kind != PERSON or role not in giver.roles:
            raise Forbidden(f"{actor.name} can lend only a role of their own: {role} is none")
        if taker is None or taker.kind != PERSON or not taker.is_active or taker is giver:
            raise Forbidden("a role is lent to another person who is active")
        if role == ACCESS_ADMIN:
            raise Forbidden("access administration is not lent: an access admin grants it")
        if not event.recorded_on <= _day(event, "until") <= event.recorded_on + timedelta(LONGEST_EXCEPTION_DAYS):
            raise Forbidden(f"a role is lent for {LONGEST_EXCEPTION_DAYS} days at most")
        self._check_apart(taker, role)

    def apply(self, event: NewAccessEvent) -> None:
        """Take the event, judged before, into account."""
        subject = event.subject
        if event.event == "initialised":
            self.all[event.user_id] = User(event.user_id, PERSON, roles={ACCESS_ADMIN}, tokens=_tokens(event))
            return
        if event.event == "user_added":
            owner = subject.get("owner")
            self.all[event.user_id] = User(event.user_id, str(subject["kind"]), str(owner) if owner else None)
            return
        user = self.all[event.user_id]
        role = str(subject.get("role"))
        if event.event == "granted":
            user.roles.add(role)
        elif event.event == "revoked":
            user.roles.discard(role)
        elif event.event == "disabled":
            user.is_active = False
        elif event.event == "token_issued":
            user.tokens.update(_tokens(event))
        elif event.event == "token_revoked":
            user.tokens[str(subject["token_id"])].is_revoked = True
        elif event.event == "delegated":
            self.delegations.append(Delegation(event.user_id, str(subject["to"]), role, _day(event, "until")))
        elif event.event == "delegation_ended":
            self.delegations = [
                held
                for held in self.delegations
                if (held.giver, held.taker, held.role) != (event.user_id, subject.get("to"), role)
            ]

    def services_of(self, user_id: str) -> Iterator[User]:
        return (user for user in self.all.values() if user.owner == user_id)


def token_hash(secret: str) -> str:
    """A token's secret is 256 random bits: a plain hash of it cannot be searched for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_text(token_id: str, secret: str) -> str:
    return f"{_MARK}_{token_id}_{secret}"


def _tokens(event: NewAccessEvent) -> dict[str, Token]:
    return {str(event.subject["token_id"]): Token(str(event.subject["token_hash"]), _day(event, "expires_on"))}


def _day(event: NewAccessEvent, name: str) -> date:
    try:
        return date.fromisoformat(str(event.subject.get(name)))
    except ValueError as error:
        raise Forbidden(f"{name} is no date") from error


def _check_token(event: NewAccessEvent) -> None:
    if not event.subject.get("token_id") or not event.subject.get("token_hash"):
        raise Forbidden("a token has an id and a hash")
    if not event.recorded_on <= _day(event, "expires_on") <= event.recorded_on + timedelta(TOKEN_DAYS):
        raise Forbidden(f"a token is valid for {TOKEN_DAYS} days at most")


def _check_id(user_id: str) -> None:
    plain = user_id.replace(".", "").replace("-", "").replace("_", "")
    if not plain.isalnum() or not user_id.isascii() or user_id != user_id.lower():
        raise Forbidden(f"{user_id!r} is no user id: small letters, digits, dots and dashes")
