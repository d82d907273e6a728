"""How fast a year of AWS's feeds is landed, turned into the subledger and reconciled, and what a further night costs.

    .venv/bin/python -m bench.marketplace --events 1000000

The feeds are made by the simulator (`billing simulate --feeds`). Measured are landing, matching with the bank lines and
dbt's marketplace models; the models of other rooms are built empty before, as they have nothing to read here. The last
night is landed after the year, so that its cost stands alone.
"""

import os
import resource
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import click
import duckdb

from billing_assets.automation.nightly import Nightly
from billing_assets.controls.evaluate import create_verdicts
from billing_assets.settings import Settings
from billing_assets.simulation.feed_volume import write_feeds
from billing_assets.simulation.feeds import COLUMNS

# Usage is invoiced on the second and third of a month: the last night is one of the two busiest of its month.
AS_OF = date(2026, 4, 3)
ROOMS = (
    "staging.landing", "staging.aws_marketplace", "staging.bank", "staging.match", "intermediate.marketplace",
    "marts.marketplace", "intermediate.reconciliation", "marts.reconciliation",
)  # fmt: skip


def measure(landing: Path, home: Path, as_of: date, threads: int, *, is_first: bool) -> dict[str, float]:
    """One night over `landing`: seconds of each step."""
    night = Nightly(Settings(landing=landing, home=home, as_of=as_of, threads=threads))
    seconds = {"landed": _timed(night.land)}
    night.prepare()
    if is_first:
        with night.warehouse().writer() as connection:
            create_verdicts(connection)
        night.match()
        _dbt(night, ["build", "--empty", "--resource-type", "model", "--resource-type", "seed"])
    seconds["matched with the bank"] = _timed(night.match)
    seconds["subledger and reconciliation"] = _timed(lambda: night.dbt.follow(["run", "--select", *ROOMS]))
    return seconds


def _dbt(night: Nightly, arguments: list[str]) -> None:
    failed = [node for node in night.dbt.run(arguments) if node.status in ("error", "fail", "runtime error")]
    if failed:
        raise RuntimeError(f"{failed[0].unique_id}: {failed[0].message}")


def _timed(step: Callable[[], object]) -> float:
    started = perf_counter()
    step()
    return perf_counter() - started


def scan(landing: Path, threads: int) -> float:
    """Seconds of the least any program can do with these files: count and sum the billing events."""
    files = [str(path) for path in sorted((landing / "aws_marketplace" / "billingeventfeed_v1").rglob("data.csv"))]
    columns = dict.fromkeys(COLUMNS["billingeventfeed"], "varchar") | {"amount": "decimal(18, 2)"}
    with duckdb.connect(config={"threads": str(threads)}) as connection:
        started = perf_counter()
        connection.execute(
            f"select count(*), sum(amount), max(update_date) from read_csv(?, header = true, columns = {columns},"
            " auto_detect = false, hive_partitioning = false)",
            [files],
        ).fetchall()
        return perf_counter() - started


def rows_of(home: Path) -> int:
    """Billing events that landed, every version of a row counted once."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        row = connection.execute("select count(*) from raw_marketplace.billingeventfeed").fetchone()
    return int(row[0]) if row else 0


def _report(title: str, seconds: dict[str, float], rows: int, plain: float | None) -> None:
    total = sum(seconds.values())
    click.echo(f"\n{title}: {rows:,} billing events in {total:.1f} s")
    for step, of_step in seconds.items():
        click.echo(f"  {step:34}{of_step:.1f} s")
    if plain is not None:
        click.echo(f"  {'ratio to a plain scan':34}{total / plain:.1f} (scan {plain:.2f} s)")


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="Billing events of the year, about.")
@click.option("--threads", default=os.cpu_count() or 2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the temporary files go.")
def main(events: int, threads: int, folder: Path | None) -> None:
    """Measure a year of feeds, then one more night."""
    with tempfile.TemporaryDirectory(prefix="bench-marketplace-", dir=folder) as scratch:
        landing, home = Path(scratch) / "landing", Path(scratch) / "home"
        before = AS_OF - timedelta(days=1)
        made = _timed(lambda: write_feeds(landing, events, AS_OF, until=before))
        click.echo(f"a year of feeds made in {made:.0f} s; {threads} threads")
        plain = scan(landing, threads)
        year = measure(landing, home, before, threads, is_first=True)
        rows = rows_of(home)
        _report("the year", year, rows, plain)
        write_feeds(landing, events, AS_OF)
        night = measure(landing, home, AS_OF, threads, is_first=False)
        _report("one more night", night, rows_of(home) - rows, None)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        click.echo(f"\npeak memory {peak * 1024 / 2**30:.2f} GB")


if __name__ == "__main__":
    main()
