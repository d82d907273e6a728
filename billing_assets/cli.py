"""The `billing` command. Each subcommand calls one function of a room; Dagster is never imported here."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from billing_assets.errors import OperatorError
from billing_assets.settings import Settings


class _Day(click.ParamType):  # type: ignore[type-arg]  # click 8.1, which is allowed, has no argument here
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007 - a business date has no zone
        except ValueError:
            self.fail(f"{value} is not a date like 2026-04-03", param, ctx)


DAY = _Day()
FOLDER = click.Path(path_type=Path)


def _settings(**given: Any) -> Settings:
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _progress() -> Callable[[str], None]:
    """Prints each line with the seconds since the start, at once, so that long work is seen to move."""
    started = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {line}")

    return tell


home_option = click.option("--home", type=FOLDER, help="Where state lives (default: home/, or BILLING_HOME).")


class _Billing(click.Group):
    """Says what a user can act on in one line; only a defect shows a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Billing, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Order to cash for usage-billed products: from landed files to issued invoices.

    Start with `billing run`; read HOME/reports; ask `billing explain` how a figure came about and
    `billing close status` what still stands between a month and its lock.
    """


@main.command()
@click.option(
    "--landing", help="Folder of landed files, or s3://bucket/prefix (default: the sample, or BILLING_LANDING)."
)
@home_option
@click.option("--as-of", type=DAY, help="Business date (default: the ledger's last one).")
@click.option("--threads", type=int, help="Threads for DuckDB and dbt (default: all cores). Never changes a figure.")
def run(landing: str | None, home: Path | None, as_of: date | None, threads: int | None) -> None:
    """Do the whole nightly job: land, meter, rate, draft, control, issue, publish, report."""
    from billing_assets.automation.nightly import Nightly

    Nightly(_settings(landing=landing, home=home, as_of=as_of, threads=threads), _progress()).run()


@main.command()
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same bytes.")
@click.option("--months", type=int, default=3, show_default=True)
@click.option("--accounts", type=int, default=40, show_default=True)
@click.option("--scale", type=int, default=112_740, show_default=True, help="Usage events; beyond 500,000 as Parquet.")
@click.option("--feeds", type=int, default=0, help="Only a year of AWS Marketplace feeds with so many billing events.")
@click.option("--as-of", type=DAY, default=date(2026, 4, 3), show_default=True)
@click.option("--out", type=FOLDER, required=True, help="Folder to write landing/ and truth/ into.")
def simulate(seed: int, months: int, accounts: int, scale: int, feeds: int, as_of: date, out: Path) -> None:
    """Make a seller's landing zone from the public LLM traces, with planted faults and their ground truth."""
    from billing_assets.simulation.simulate import SimulationOptions
    from billing_assets.simulation.simulate import simulate as make

    options = SimulationOptions(
        seed=seed, months=months, accounts=accounts, scale=scale, feeds=feeds, as_of=as_of, out=out
    )
    click.echo(str(make(options, _progress())))


@main.command()
@home_option
@click.option("--truth", type=FOLDER, required=True, help="The truth/ folder the simulator wrote.")
def score(home: Path | None, truth: Path) -> None:
    """Compare what a run found with what the simulator planted: precision and recall, with money."""
    from billing_assets.simulation.score import score as compare

    click.echo(compare(_settings(home=home).home, truth).render())


@main.command()
@click.argument("document")
@click.argument("line", type=int, required=False)
@home_option
def explain(document: str, line: int | None, home: Path | None) -> None:
    """Walk a document's figure (its number or id) back to clause, price version, usage hours and files."""
    from billing_assets.documents.explain import explain as walk

    click.echo(walk(_settings(home=home), document, line))


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8321, show_default=True)
@home_option
def dashboard(port: int, home: Path | None) -> None:
    """Show the close on web pages at http://127.0.0.1:PORT, also while a run writes."""
    from billing_assets.dashboard.server import serve

    serve(_settings(home=home), port, click.echo)


@main.command()
@click.argument("feed")
@click.option("--known-on", type=DAY, required=True, help="What had landed by the end of this business date.")
@click.option("--key", help="Only rows with this id in their key.")
@home_option
def feed(feed: str, known_on: date, key: str | None, home: Path | None) -> None:
    """Print a marketplace feed as CSV as it was known on a day, corrections landed later left out."""
    import csv

    from billing_assets.landing.marketplace_history import known_on as look_up
    from billing_assets.warehouse import Warehouse

    with Warehouse(_settings(home=home).warehouse_path).reader() as connection:
        found = look_up(connection, feed, known_on, key)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows(found.rows)


@main.group()
def close() -> None:
    """Closing a month."""


@close.command("status")
@click.option("--period", required=True, help="Month to close, YYYY-MM.")
@home_option
def close_status(period: str, home: Path | None) -> None:
    """Print what is open for a month, with counts and money; exit 1 while it is not ready."""
    from billing_assets.close.status import render, status

    result = status(_settings(home=home), period)
    click.echo(render(result))
    sys.exit(0 if result.is_ready else 1)


@main.group()
def audit() -> None:
    """Proving the record."""


@audit.command("verify")
@home_option
def audit_verify(home: Path | None) -> None:
    """Recompute the ledger's hash chain; exit 1 and name every row that does not fit."""
    from billing_assets.ledger import Ledger

    url = _settings(home=home).resolved_ledger_url
    faults = Ledger.audit(url)
    for fault in faults:
        click.echo(f"FAULT  {fault}")
    click.echo(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)
