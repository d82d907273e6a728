"""`billing user`, `request`, `waive`, `hold`, `release`, `approve` ...: who may act, and what they decide.

Who acts is told by the token in BILLING_TOKEN and by nothing else. Every command says plainly what was recorded and
what it still needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from billing_assets.cli.options import DAY, home_option, settings

if TYPE_CHECKING:  # the ledger is heavy, and `billing --help` reads this module
    import duckdb

    from billing_assets.access.act import Compensating, ToUsd
    from billing_assets.access.facts import Thing
    from billing_assets.access.people import Actor
    from billing_assets.ledger import Ledger

TOKEN_VARIABLE = "BILLING_TOKEN"  # noqa: S105 - its name, not its value

Function = Callable[..., None]

as_of_option = click.option("--as-of", type=DAY, help="Business date (default: the ledger's last one).")
reason_option = click.option("--reason", required=True, help="Why: it is part of the record.")
until_option = click.option("--until", type=DAY, help="Last day on which it counts.")
link_option = click.option("--link", "links", multiple=True, help="Chain key it touches, kind:key (again for more).")
compensating_option = click.option(
    "--compensating", help="For a medium duty pair: CONTROL/YYYY-MM-DD, the control that watches and until when."
)


@dataclass(frozen=True)
class Desk:
    """An open ledger, the business date, and the warehouse's file."""

    ledger: Ledger
    as_of: date
    warehouse_path: Path

    def actor(self) -> Actor:
        """Who the token is of. Raises NotAuthenticated, also without a token."""
        from billing_assets.access.people import authenticate

        return authenticate(self.ledger, os.environ.get(TOKEN_VARIABLE, ""), self.as_of)

    @contextmanager
    def warehouse(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The figures as the last run left them. Raises NoWarehouse or WarehouseBusy."""
        from billing_assets.warehouse import Warehouse

        with Warehouse(self.warehouse_path).reader() as connection:
            yield connection


@contextmanager
def desk(home: Path | None, as_of: date | None) -> Iterator[Desk]:
    """The ledger of the home, and the business date: given, or the last one that the ledger knows."""
    from billing_assets.access.errors import Forbidden
    from billing_assets.ledger import Ledger

    chosen = settings(home=home)
    with Ledger.open(chosen.resolved_ledger_url, chosen.seal_path) as ledger:
        record = ledger.people()
        days = [event.recorded_on for event in record.access] + [made.recorded_on for made in record.decisions]
        known = [day for day in (ledger.last_as_of(), *days) if day is not None]
        day = as_of or max(known, default=None)
        if day is None:
            raise Forbidden("no business date yet: say --as-of YYYY-MM-DD")
        yield Desk(ledger, day, chosen.warehouse_path)


# -- users ---------------------------------------------------------------------------------------------------------


@click.group()
def user() -> None:
    """Who may act: users, roles, tokens, delegations."""


def _user_command(name: str) -> Callable[[Function], click.Command]:
    """A subcommand with the options that all of them have."""

    def decorate(function: Function) -> click.Command:
        return user.command(name)(home_option(as_of_option(function)))

    return decorate


@_user_command("init")
@click.argument("user_id")
def user_init(user_id: str, home: Path | None, as_of: date | None) -> None:
    """Make the first access admin, while there are no users. Prints their token once."""
    from billing_assets.access import people

    with desk(home, as_of) as at:
        token = people.initialise(at.ledger, user_id, at.as_of)
    click.echo(f"{user_id} is the first access admin.")
    _show_token(token.token, token.expires_on)


@_user_command("add")
@click.argument("user_id")
@click.option("--owner", help="Makes a service account that this person answers for.")
@reason_option
def user_add(user_id: str, owner: str | None, reason: str, home: Path | None, as_of: date | None) -> None:
    """Add a person, or a service account with its owner."""
    from billing_assets.access import people

    with desk(home, as_of) as at:
        people.add(at.ledger, at.actor(), user_id, reason, at.as_of, owner=owner)
    click.echo(f"{user_id} is a user{f', a service account of {owner}' if owner else ''}.")


@_user_command("grant")
@click.argument("user_id")
@click.argument("role")
@reason_option
def user_grant(user_id: str, role: str, reason: str, home: Path | None, as_of: date | None) -> None:
    """Give a user a role."""
    from billing_assets.access import people, review

    with desk(home, as_of) as at:
        people.grant(at.ledger, at.actor(), user_id, role, reason, at.as_of)
        click.echo(f"{user_id} is {role}.")
        for line in review.potential(at.ledger, at.as_of, user_id):
            click.echo(f"note: {line}")


@_user_command("revoke")
@click.argument("user_id")
@click.argument("role")
@reason_option
def user_revoke(user_id: str, role: str, reason: str, home: Path | None, as_of: date | None) -> None:
    """Take a role from a user."""
    from billing_assets.access import people

    with desk(home, as_of) as at:
        people.revoke(at.ledger, at.actor(), user_id, role, reason, at.as_of)
    click.echo(f"{user_id} is {role} no more.")


@_user_command("disable")
@click.argument("user_id")
@reason_option
def user_disable(user_id: str, reason: str, home: Path | None, as_of: date | None) -> None:
    """End a user for good; the id is never used again."""
    from billing_assets.access import people

    with desk(home, as_of) as at:
        people.disable(at.ledger, at.actor(), user_id, reason, at.as_of)
    click.echo(f"{user_id} is disabled: no role or token of theirs counts.")


@_user_command("token")
@click.argument("user_id")
@click.option("--days", type=click.IntRange(1), help="Valid so many days (default and most: 90).")
@click.option("--revoke", "token_id", help="Take this token back instead of giving one.")
@reason_option
def user_token(
    user_id: str, days: int | None, token_id: str | None, reason: str, home: Path | None, as_of: date | None
) -> None:
    """Give a user a token, printed once, or take one back."""
    from billing_assets.access import people
    from billing_assets.access.duties import TOKEN_DAYS

    with desk(home, as_of) as at:
        if token_id is not None:
            people.revoke_token(at.ledger, at.actor(), user_id, token_id, reason, at.as_of)
            click.echo(f"token {token_id} of {user_id} counts no more.")
            return
        token = people.give_token(at.ledger, at.actor(), user_id, reason, at.as_of, days=days or TOKEN_DAYS)
    _show_token(token.token, token.expires_on)


@_user_command("delegate")
@click.argument("to")
@click.argument("role")
@until_option
@click.option("--end", "giver", help="End the delegation that this user gave, instead of giving one.")
@reason_option
def user_delegate(
    to: str, role: str, until: date | None, giver: str | None, reason: str, home: Path | None, as_of: date | None
) -> None:
    """Lend a role of your own to another person. What they do in it counts as done by both of you."""
    from billing_assets.access import people

    with desk(home, as_of) as at:
        if giver is not None:
            people.end_delegation(at.ledger, at.actor(), giver, to, role, reason, at.as_of)
            click.echo(f"{to} acts as {role} of {giver} no more.")
            return
        last = until or at.as_of + timedelta(days=7)
        people.delegate(at.ledger, at.actor(), to, role, last, reason, at.as_of)
    click.echo(f"{to} may act as {role} for you through {last}.")


@_user_command("list")
def user_list(home: Path | None, as_of: date | None) -> None:
    """Every user with roles, owner and delegations."""
    from billing_assets.access import review

    with desk(home, as_of) as at:
        for line in review.users(at.ledger, at.as_of):
            click.echo(line)


@_user_command("review")
def user_review(home: Path | None, as_of: date | None) -> None:
    """What to look at each quarter: possible duty conflicts, unused users, tokens about to expire, void decisions."""
    from billing_assets.access import review

    with desk(home, as_of) as at:
        lines = review.review(at.ledger, at.as_of)
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} to look at")


def _show_token(token: str, expires_on: date) -> None:
    click.echo(f"Token, shown once and valid through {expires_on}; put it into {TOKEN_VARIABLE}:")
    click.echo(token)


# -- requests ------------------------------------------------------------------------------------------------------


@click.group()
def request() -> None:
    """Ask for something that others must approve."""


def _waive(
    exception_id: str,
    reason: str,
    until: date,
    compensating: str | None,
    home: Path | None,
    as_of: date | None,
) -> None:
    from billing_assets.access import facts

    with desk(home, as_of) as at, at.warehouse() as connection:
        thing = facts.violation(connection, exception_id)
        amount = None if thing.amount is None else format(thing.amount.normalize(), "f")
        subject = {"exception_id": exception_id, "amount": amount, "row_hash": thing.object_hash}
        stake = None if thing.amount is None else abs(thing.amount)
        _ask(at, "waiver", subject, thing, stake, thing.currency, reason, until, compensating)


def _waive_options(function: Function) -> Function:
    for option in (
        home_option,
        as_of_option,
        compensating_option,
        click.option("--until", type=DAY, required=True, help="Last day on which it counts: within 90 days."),
        reason_option,
        click.argument("exception_id"),
    ):
        function = option(function)
    return function


@request.command("waiver")
@_waive_options
def request_waiver(**given: Any) -> None:
    """Ask to waive an exception, as the last run found it: another amount or other rows are not covered."""
    _waive(**given)


@click.command()
@_waive_options
def waive(**given: Any) -> None:
    """Ask to waive an exception (the same as `billing request waiver`)."""
    _waive(**given)


def _terms_command(name: str, what: str, text: str) -> None:
    @request.command(name, help=text)
    @click.argument("contract_id")
    @click.argument("version", type=int)
    @click.option("--charge", help="One charge; without it the whole version.")
    @click.option("--amount", help="What it costs, in the contract's currency: the difference over its term.")
    @reason_option
    @until_option
    @compensating_option
    @as_of_option
    @home_option
    def command(
        contract_id: str,
        version: int,
        charge: str | None,
        amount: str | None,
        reason: str,
        until: date | None,
        compensating: str | None,
        as_of: date | None,
        home: Path | None,
    ) -> None:
        from billing_assets.access import facts

        with desk(home, as_of) as at, at.warehouse() as connection:
            thing = facts.terms(connection, contract_id, charge, version)
            subject = {"contract_id": contract_id, "charge_id": charge, "version": version}
            stake = None if amount is None else _amount(amount)
            currency = thing.currency if stake is not None else None
            _ask(at, what, subject, thing, stake, currency, reason, until, compensating)


_terms_command("price", "price_override", "Ask for a lower price than the version before: a landed version's charge.")
_terms_command("discount", "discount", "Ask for a discount that a landed version gives.")
_terms_command("terms", "terms", "Ask for the terms of a landed version.")


@request.command("write-off")
@click.argument("document")
@click.option("--amount", required=True, help="What will not be collected, in the document's currency.")
@reason_option
@until_option
@compensating_option
@as_of_option
@home_option
def request_write_off(
    document: str,
    amount: str,
    reason: str,
    until: date | None,
    compensating: str | None,
    as_of: date | None,
    home: Path | None,
) -> None:
    """Ask to write off what a document (id or number) will not bring."""
    from billing_assets.access import facts
    from billing_assets.access.errors import Forbidden

    with desk(home, as_of) as at:
        thing = facts.document(at.ledger, document)
        stake = _amount(amount)
        if thing.amount is not None and stake > thing.amount:
            raise Forbidden(f"{document} has {thing.amount:f} {thing.currency} left: not {stake:f}")
        document_id = next(link for link in thing.links if link.startswith("document:")).removeprefix("document:")
        subject = {"document_id": document_id, "amount": format(stake.normalize(), "f")}
        _ask(at, "write_off", subject, thing, stake, thing.currency, reason, until, compensating)


@request.command("period-reopen")
@click.argument("entity")
@click.argument("month")
@reason_option
@until_option
@compensating_option
@as_of_option
@home_option
def request_period_reopen(
    entity: str,
    month: str,
    reason: str,
    until: date | None,
    compensating: str | None,
    as_of: date | None,
    home: Path | None,
) -> None:
    """Ask to open a locked month (ENTITY YYYY-MM) again: two other people who may lock must approve."""
    from billing_assets.access import facts

    with desk(home, as_of) as at:
        thing = facts.month(at.ledger, entity, month)
        subject = {"selling_entity": entity, "period": month}
        _ask(at, "period_reopen", subject, thing, None, None, reason, until, compensating)


def _ask(
    at: Desk,
    what: str,
    subject: dict[str, Any],
    thing: Thing,
    amount: Decimal | None,
    currency: str | None,
    reason: str,
    until: date | None,
    compensating: str | None,
) -> None:
    from billing_assets.access import act

    number = act.request(
        at.ledger,
        at.actor(),
        what,
        subject,
        object_hash=thing.object_hash,
        amount=amount,
        currency=currency if amount is not None else None,
        account_id=thing.account_id,
        links=thing.links,
        reason=reason,
        as_of=at.as_of,
        expires_on=until,
        to_usd=to_usd(at),
        compensating=_compensating(compensating),
    )
    click.echo(f"request {number} recorded: {what}.")
    tell_request(at, number)


def to_usd(at: Desk) -> ToUsd:
    """Conversion to US dollars by what landed; without a warehouse there are no rates."""
    from billing_assets.access import rates

    def convert(amount: Decimal, currency: str) -> Decimal:
        if currency == "USD":
            return amount
        with at.warehouse() as connection:
            return rates.dollars(connection, at.as_of)(amount, currency)

    return convert


def tell_request(at: Desk, number: int) -> None:
    """Print what a request still needs."""
    from billing_assets.access import decided

    standing = decided.standing(at.ledger, at.as_of)
    click.echo(f"request {number}: {standing.describe(standing.asks[number], at.as_of)}.")


# -- answers -------------------------------------------------------------------------------------------------------


def _answer_options(function: Function) -> Function:
    for option in (home_option, as_of_option, reason_option, click.argument("number", type=int)):
        function = option(function)
    return function


@click.command()
@_answer_options
@compensating_option
def approve(number: int, reason: str, as_of: date | None, home: Path | None, compensating: str | None) -> None:
    """Approve a request. What it is about must still be what was asked for."""
    from billing_assets.access import act, decided, facts
    from billing_assets.access.errors import Forbidden

    with desk(home, as_of) as at:
        ask = decided.standing(at.ledger, at.as_of).asks.get(number)
        if ask is None:
            raise Forbidden(f"{number} is no request that counts")
        what, subject = ask.request.what, ask.request.subject
        if "document_id" in subject or what == "period_reopen":
            found = facts.standing_hash(None, at.ledger, what, subject)
        else:
            with at.warehouse() as connection:
                found = facts.standing_hash(connection, at.ledger, what, subject)
        act.approve(
            at.ledger,
            at.actor(),
            number,
            object_hash=found,
            reason=reason,
            as_of=at.as_of,
            compensating=_compensating(compensating),
        )
        click.echo("approval recorded.")
        tell_request(at, number)


@click.command()
@_answer_options
def reject(number: int, reason: str, as_of: date | None, home: Path | None) -> None:
    """Refuse a request."""
    from billing_assets.access import act

    with desk(home, as_of) as at:
        act.reject(at.ledger, at.actor(), number, reason=reason, as_of=at.as_of)
        tell_request(at, number)


@click.command()
@_answer_options
def withdraw(number: int, reason: str, as_of: date | None, home: Path | None) -> None:
    """Take a request of your own back."""
    from billing_assets.access import act

    with desk(home, as_of) as at:
        act.withdraw(at.ledger, at.actor(), number, reason=reason, as_of=at.as_of)
        tell_request(at, number)


# -- holds, duties, what waits -------------------------------------------------------------------------------------


@click.command()
@click.argument("level", type=click.Choice(["document", "scope", "period"]))
@click.argument("key")
@reason_option
@until_option
@as_of_option
@home_option
def hold(level: str, key: str, reason: str, until: date | None, as_of: date | None, home: Path | None) -> None:
    """Hold a document (its id), a scope (PERIOD/ENTITY/CHANNEL) or a period (PERIOD or PERIOD/ENTITY), at once."""
    from billing_assets.access import act

    with desk(home, as_of) as at:
        number = act.hold(at.ledger, at.actor(), level, key, reason, at.as_of, until)
    click.echo(f"hold {number} recorded: {level} {key} is not issued or sent until it is released.")


@click.command()
@_answer_options
@link_option
@compensating_option
def release(
    number: int,
    reason: str,
    as_of: date | None,
    home: Path | None,
    links: tuple[str, ...],
    compensating: str | None,
) -> None:
    """Lift a hold by its number."""
    from billing_assets.access import act

    with desk(home, as_of) as at:
        act.release(
            at.ledger, at.actor(), number, reason, at.as_of, links=links, compensating=_compensating(compensating)
        )
    click.echo(f"hold {number} is released.")


@click.command()
@click.argument("duty")
@link_option
@reason_option
@compensating_option
@as_of_option
@home_option
def sign(
    duty: str, links: tuple[str, ...], reason: str, compensating: str | None, as_of: date | None, home: Path | None
) -> None:
    """Sign for a duty you did in another system, with what it touched, so that duty pairs can be compared."""
    from billing_assets.access import act

    with desk(home, as_of) as at:
        number = act.sign(
            at.ledger, at.actor(), duty, links, reason, at.as_of, compensating=_compensating(compensating)
        )
    click.echo(f"decision {number} recorded: {duty} of {', '.join(links)}.")


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only what waits for somebody.")
@as_of_option
@home_option
def decisions(only_open: bool, as_of: date | None, home: Path | None) -> None:
    """What was decided and what waits for whom."""
    from billing_assets.access import review

    with desk(home, as_of) as at:
        lines = review.waiting(at.ledger, at.as_of) if only_open else review.decisions(at.ledger, at.as_of)
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} {'open' if only_open else 'decisions'}")


def _compensating(given: str | None) -> Compensating | None:
    from billing_assets.access.act import Compensating
    from billing_assets.access.errors import Forbidden

    if given is None:
        return None
    control, _, day = given.rpartition("/")
    try:
        return Compensating(control, date.fromisoformat(day))
    except ValueError as error:
        raise Forbidden(f"{given} is not CONTROL/YYYY-MM-DD") from error


def _amount(text: str) -> Decimal:
    from billing_assets.access.errors import Forbidden

    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise Forbidden(f"{text} is no amount like 1234.50") from error
    if not amount.is_finite() or amount <= 0:
        raise Forbidden(f"{text} is no positive amount")
    return amount


COMMANDS = (user, request, waive, hold, release, approve, reject, withdraw, sign, decisions)
