"""`billing close`, `billing period`: months, their state, and the steps towards their lock."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from billing_assets.cli.options import home_option, settings

if TYPE_CHECKING:
    from billing_assets.access.people import Actor
    from billing_assets.close.lock import Close


@click.group()
def close() -> None:
    """Closing a month."""


@close.command("status")
@click.option("--period", required=True, help="Month to close, YYYY-MM.")
@home_option
def close_status(period: str, home: Path | None) -> None:
    """Print what is open for a month, with counts and money; exit 1 while it is not ready."""
    from billing_assets.close.status import render, status

    result = status(settings(home=home), period)
    click.echo(render(result))
    sys.exit(0 if result.is_ready else 1)


@click.group()
def period() -> None:
    """The states of a month of a selling entity: open, soft closed, locked, reopened as its next version.

    Who acts is told by the token in BILLING_TOKEN.
    """


@period.command("status")
@click.option("--entity", help="One selling entity only.")
@click.option("--period", "month", help="One month only, YYYY-MM: what is open for it is printed too.")
@home_option
def period_status(entity: str | None, month: str | None, home: Path | None) -> None:
    """Print state, version, who and when of each month that took a step, and what is open for one month."""
    from billing_assets.close.status import render, render_steps, status
    from billing_assets.ledger import Ledger

    chosen = settings(home=home)
    with Ledger.open(chosen.resolved_ledger_url, chosen.seal_path) as ledger:
        click.echo(render_steps(ledger.period_states(), entity, month))
    if month:
        click.echo(render(status(chosen, month, entity)))


@period.command("soft-close")
@click.argument("entities", metavar="ENTITY[,ENTITY...]")
@click.argument("month", metavar="PERIOD")
@click.option("--reason", required=True)
@home_option
def period_soft_close(entities: str, month: str, reason: str, home: Path | None) -> None:
    """Let nothing but adjustments into a month; what is drafted for it later goes to the next one."""
    with _acting(home) as (months, actor):
        for entity in entities.split(","):
            _tell(entity, month, months.soft_close(actor, entity, month, reason).version, "soft closed")


@period.command("lock")
@click.argument("entities", metavar="ENTITY[,ENTITY...]")
@click.argument("month", metavar="PERIOD")
@click.option("--reason", required=True)
@home_option
def period_lock(entities: str, month: str, reason: str, home: Path | None) -> None:
    """Shut a soft-closed month and freeze its reports; says all that is in the way, with counts and money.

    Name all entities that are ready at once: a lock is a decision, so the next command would ask for a new run.
    """
    with _acting(home) as (months, actor):
        for entity in entities.split(","):
            _tell(entity, month, months.lock(actor, entity, month, reason).version, "locked")


@period.command("reopen")
@click.argument("entity")
@click.argument("month", metavar="PERIOD")
@click.option("--reason", required=True)
@home_option
def period_reopen(entity: str, month: str, reason: str, home: Path | None) -> None:
    """Open a locked month as its next version, by a request that two others who may lock approved."""
    with _acting(home) as (months, actor):
        _tell(entity, month, months.reopen(actor, entity, month, reason).version, "open again")


@period.command("verify")
@click.argument("entity", required=False)
@click.argument("month", metavar="PERIOD", required=False)
@home_option
def period_verify(entity: str | None, month: str | None, home: Path | None) -> None:
    """Compare the closed reports with the record and the evidence, byte for byte; exit 1 where they differ."""
    from billing_assets.close.frozen import verify
    from billing_assets.ledger import Ledger

    chosen = settings(home=home)
    with Ledger.open(chosen.resolved_ledger_url, chosen.seal_path) as ledger:
        faults = verify(chosen, ledger, entity, month)
    for fault in faults:
        click.echo(f"FAULT  {fault}")
    click.echo(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


@contextmanager
def _acting(home: Path | None) -> Iterator[tuple[Close, Actor]]:
    from billing_assets.access.people import authenticate
    from billing_assets.automation.nightly import Nightly
    from billing_assets.close.lock import Close

    night = Nightly(settings(home=home))
    with night.ledger() as ledger:
        identity = night.identity(ledger)
        actor = authenticate(ledger, os.environ.get("BILLING_TOKEN", ""), identity.as_of)
        yield Close(night.settings, night.warehouse(), ledger, identity), actor


def _tell(entity: str, month: str, version: int, state: str) -> None:
    click.echo(f"{month} of {entity}, version {version}, is {state}. `billing run` takes it up")
