"""`billing audit`: proving and keeping the record."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from billing_assets.cli.options import home_option, settings


@click.group()
def audit() -> None:
    """Proving the record."""


@audit.command("verify")
@home_option
def audit_verify(home: Path | None) -> None:
    """Recompute the ledger's hash chain; exit 1 and name every row that does not fit."""
    from billing_assets.ledger import Ledger

    url = settings(home=home).resolved_ledger_url
    faults = Ledger.audit(url)
    for fault in faults:
        click.echo(f"FAULT  {fault}")
    click.echo(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)
