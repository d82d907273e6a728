"""`billing explain`: documents and what is done to them."""

from __future__ import annotations

from pathlib import Path

import click

from billing_assets.cli.options import home_option, settings


@click.command()
@click.argument("document")
@click.argument("line", type=int, required=False)
@home_option
def explain(document: str, line: int | None, home: Path | None) -> None:
    """Walk a document's figure (its number or id) back to clause, price version, usage hours and files."""
    from billing_assets.documents.explain import explain as walk

    click.echo(walk(settings(home=home), document, line))
