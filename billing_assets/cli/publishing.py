"""`billing deliver`, `outbox`, `resend`: issued documents on their way to the systems they are published to."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from billing_assets.cli.options import home_option, progress, settings
from billing_assets.cli.people import as_of_option, desk, reason_option

target_option = click.option("--target", help="Only this target (default: all that are configured).")


@click.command()
@target_option
@home_option
def deliver(target: str | None, home: Path | None) -> None:
    """Send what targets have not confirmed yet, without a whole run. May be stopped and called again."""
    from billing_assets.ledger import Ledger
    from billing_assets.publication import relay
    from billing_assets.publication.targets import registry

    chosen = settings(home=home)
    tell = progress()
    targets = registry.build(chosen, [target] if target else None)
    with Ledger.open(chosen.resolved_ledger_url, chosen.seal_path) as ledger:
        as_of = ledger.last_as_of()
        if as_of is None:
            raise click.ClickException("nothing has been issued yet: `billing run` comes first")
        for summary in relay.deliver(ledger, targets, as_of, tell=tell):
            tell(f"delivered: {summary}")
            for difference in summary.differences:
                tell(f"difference: {difference}")


@click.command()
@click.option("--open", "is_open", is_flag=True, help="List what is not confirmed, with the target's last answer.")
@target_option
@home_option
def outbox(is_open: bool, target: str | None, home: Path | None) -> None:
    """What each target has been given: counts and money by state, and what waits for whom."""
    from billing_assets.ledger import Ledger

    chosen = settings(home=home)
    with Ledger.open(chosen.resolved_ledger_url, chosen.seal_path) as ledger:
        items = ledger.standings(target, is_open=is_open)
    groups: defaultdict[tuple[str, str, str], list[Decimal]] = defaultdict(list)
    for item in items:
        groups[item.target, item.state, item.currency].append(item.total)
    for (name, state, currency), amounts in sorted(groups.items()):
        click.echo(f"{name:10} {state:10} {len(amounts):8,} documents {sum(amounts, Decimal(0)):18,.2f} {currency}")
    if not items:
        click.echo("nothing is open" if is_open else "nothing has been issued")
    for item in items if is_open else ():
        answer = f": {item.answer}" if item.answer else ""
        since = f", {item.answered_on}" if item.answered_on else ""
        click.echo(
            f"{item.item_key}  {item.number}  {item.total:,.2f} {item.currency}  {item.state}, sent {item.sendings} "
            f"times{since}{answer}"
        )
    if any(item.state == "rejected" for item in items):
        click.echo("Rejected items wait for a person: mend the cause, then `billing resend ITEM --reason ...`.")


@click.command()
@click.argument("item")
@reason_option
@as_of_option
@home_option
def resend(item: str, reason: str, as_of: date | None, home: Path | None) -> None:
    """Let a rejected ITEM (as `billing outbox --open` names it) be tried again by the next delivery."""
    from billing_assets.publication.resend import resend as release

    with desk(home, as_of) as at:
        decision = release(at.ledger, at.actor(), item, reason, at.as_of)
    click.echo(f"decision {decision} recorded: {item} is tried again by the next run, or now by `billing deliver`.")


COMMANDS: tuple[Any, ...] = (deliver, outbox, resend)
