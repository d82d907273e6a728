"""`billing run`, `simulate`, `score`, `dashboard`, `feed`: the nightly job and looking at what it made."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from billing_assets.cli.options import DAY, FOLDER, home_option, progress, settings


@click.command()
@click.option(
    "--landing", help="Folder of landed files, or s3://bucket/prefix (default: the sample, or BILLING_LANDING)."
)
@home_option
@click.option("--as-of", type=DAY, help="Business date (default: the ledger's last one).")
@click.option("--threads", type=int, help="Threads for DuckDB and dbt (default: all cores). Never changes a figure.")
def run(landing: str | None, home: Path | None, as_of: date | None, threads: int | None) -> None:
    """Do the whole nightly job: land, meter, rate, draft, control, issue, publish, report."""
    from billing_assets.automation.nightly import Nightly

    Nightly(settings(landing=landing, home=home, as_of=as_of, threads=threads), progress()).run()


@click.command()
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
    click.echo(str(make(options, progress())))


@click.command()
@home_option
@click.option("--truth", type=FOLDER, required=True, help="The truth/ folder the simulator wrote.")
def score(home: Path | None, truth: Path) -> None:
    """Compare what a run found with what the simulator planted: precision and recall, with money."""
    from billing_assets.simulation.score import score as compare

    click.echo(compare(settings(home=home).home, truth).render())


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8321, show_default=True)
@home_option
def dashboard(port: int, home: Path | None) -> None:
    """Show the close on web pages at http://127.0.0.1:PORT, also while a run writes."""
    from billing_assets.dashboard.server import serve

    serve(settings(home=home), port, click.echo)


@click.command()
@click.argument("feed")
@click.option("--known-on", type=DAY, required=True, help="What had landed by the end of this business date.")
@click.option("--key", help="Only rows with this id in their key.")
@home_option
def feed(feed: str, known_on: date, key: str | None, home: Path | None) -> None:
    """Print a marketplace feed as CSV as it was known on a day, corrections landed later left out."""
    import csv

    from billing_assets.landing.marketplace_history import known_on as look_up
    from billing_assets.warehouse import Warehouse

    with Warehouse(settings(home=home).warehouse_path).reader() as connection:
        found = look_up(connection, feed, known_on, key)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows(found.rows)
