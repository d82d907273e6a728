"""`billing close`: months and their state."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from billing_assets.cli.options import home_option, settings


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
