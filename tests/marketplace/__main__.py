"""The subledger against the oracle at any size: how many lines and months differ, which none may.

.venv/bin/python -m tests.marketplace --agreements 200 --months 24
"""

import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import click
import duckdb

from billing_assets.automation.nightly import Nightly
from billing_assets.settings import Settings
from tests.marketplace.compare import line_differences, rollforward_differences
from tests.marketplace.oracle import Oracle
from tests.marketplace.simulated import Simulation

AS_OF = date(2026, 4, 3)
SHOWN = 10
MODELS = (
    "path:models/staging/landing", "path:models/staging/aws_marketplace", "path:models/intermediate/marketplace",
    "path:models/marts/marketplace", "rpt_finance__marketplace_lines", "stg_contracts__versions",
)  # fmt: skip


@click.command()
@click.option("--agreements", default=200, show_default=True, help="Of three AWS entities in turn.")
@click.option("--months", default=24, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the temporary files go.")
def main(agreements: int, months: int, folder: Path | None) -> None:
    """Simulate, land and build; exit with 1 where a line or a month is not what the oracle says."""
    with tempfile.TemporaryDirectory(prefix="marketplace-oracle-", dir=folder) as scratch:
        feeds = Simulation(agreements, months).run()
        landing = feeds.write(Path(scratch) / "landing")
        night = Nightly(Settings(landing=landing, home=Path(scratch) / "home", as_of=AS_OF))
        started = perf_counter()
        night.land()
        night.prepare()
        broken = [node for node in night.dbt.run(["run", "--select", *MODELS]) if node.status != "success"]
        if broken:
            raise click.ClickException(f"{broken[0].unique_id}: {broken[0].message}")
        seconds = perf_counter() - started
        oracle = Oracle(feeds.rows["billingeventfeed"], feeds.rows["agreementfeed"])
        with duckdb.connect(str(night.settings.warehouse_path), read_only=True) as connection:
            found = [*line_differences(connection, oracle), *rollforward_differences(connection, oracle, AS_OF)]
    click.echo(
        f"{len(feeds.rows['billingeventfeed']):,} billing events in {seconds:.0f} s: {len(oracle.lines):,} lines and "
        f"{len(oracle.rollforward(AS_OF)):,} months, {len(found)} differences"
    )
    if found:
        click.echo("\n".join(sorted(found)[:SHOWN]))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
