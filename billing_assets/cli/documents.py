"""`billing explain`, `credit`, `rebill`, `void`, `issue`: documents and what is done to them.

A correction is asked for here, approved by others with `billing approve`, and carried out by the next run or by
`billing issue`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from billing_assets.cli.options import home_option, progress, settings
from billing_assets.cli.people import as_of_option, desk, reason_option, tell_request, to_usd

if TYPE_CHECKING:  # the ledger is heavy, and `billing --help` reads this module
    from billing_assets.cli.people import Desk
    from billing_assets.publication.correction_requests import Correction

reason_code_option = click.option("--reason-code", required=True, help="our_error, goodwill ... (correction_reasons).")


@click.command()
@click.argument("document")
@click.argument("line", type=int, required=False)
@home_option
def explain(document: str, line: int | None, home: Path | None) -> None:
    """Walk a document's figure (its number or id) back to clause, price version, usage hours and files."""
    from billing_assets.documents.explain import explain as walk

    click.echo(walk(settings(home=home), document, line))


def _correction_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (home_option, as_of_option, reason_option, reason_code_option, click.argument("document")):
        function = option(function)
    return function


@click.command()
@_correction_options
@click.option("--line", "lines", multiple=True, help="N=AMOUNT: so much of line N, its taxes and discounts with it.")
@click.option("--amount", help="So much in all, over the lines in proportion (default: everything that is left).")
def credit(
    document: str,
    lines: tuple[str, ...],
    amount: str | None,
    reason_code: str,
    reason: str,
    as_of: date | None,
    home: Path | None,
) -> None:
    """Ask for a credit memo over an issued invoice (id or number): in full, by line, or an amount."""
    from billing_assets.publication import correction_requests

    with desk(home, as_of) as at:
        wanted = correction_requests.credit(
            at.ledger, document, reason_code, _lines(lines), None if amount is None else _amount(amount)
        )
        _ask(at, "credit", wanted, reason)


@click.command()
@_correction_options
def rebill(document: str, reason_code: str, reason: str, as_of: date | None, home: Path | None) -> None:
    """Ask to credit what is left of an invoice (id or number) and to bill its bill date anew."""
    from billing_assets.publication import correction_requests

    with desk(home, as_of) as at:
        _ask(at, "rebill", correction_requests.rebill(at.ledger, document, reason_code), reason)


@click.command()
@_correction_options
def void(document: str, reason_code: str, reason: str, as_of: date | None, home: Path | None) -> None:
    """Ask to void an issued document (id or number) that no target was sent."""
    from billing_assets.publication import correction_requests

    with desk(home, as_of) as at:
        _ask(at, "void", correction_requests.void(at.ledger, document, reason_code), reason)


@click.command()
@home_option
def issue(home: Path | None) -> None:
    """Issue and deliver what is approved and open now, without a whole run: credits, voids, released drafts."""
    from billing_assets.automation.nightly import Nightly

    Nightly(settings(home=home), progress()).issue()


def _ask(at: Desk, what: str, wanted: Correction, reason: str) -> None:
    from billing_assets.access import act

    document = wanted.document
    number = act.request(
        at.ledger,
        at.actor(),
        what,
        wanted.subject,
        object_hash=document.content_hash,
        amount=wanted.amount,
        currency=document.currency,
        account_id=document.account_id,
        links=(
            f"document:{document.document_id}",
            f"contract:{document.contract_id}",
            f"account:{document.account_id}",
            f"period:{document.selling_entity}/{document.close_period}",
        ),
        reason=reason,
        as_of=at.as_of,
        to_usd=to_usd(at),
    )
    click.echo(f"request {number} recorded: {what} {wanted.amount:f} {document.currency} of {document.number}.")
    tell_request(at, number)
    click.echo("Once it is approved the next run carries it out; `billing issue` does so at once where it can.")


def _lines(given: tuple[str, ...]) -> dict[int, Decimal] | None:
    amounts: dict[int, Decimal] = {}
    for text in given:
        line_no, _, amount = text.partition("=")
        if not line_no.isdigit() or int(line_no) in amounts:
            raise click.BadParameter(f"{text} is not N=AMOUNT, each line once")
        amounts[int(line_no)] = _amount(amount)
    return amounts or None


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise click.BadParameter(f"{text} is no amount above zero")
    return amount


COMMANDS: tuple[Any, ...] = (explain, credit, rebill, void, issue)
