"""How long pricing takes: thousands of generated contracts over three months, then a night with usage of a few of them.

    .venv/bin/python -m bench.pricing --contracts 5000

The contracts are those of the property tests (`tests.pricing`), over every price model and term, with a fixed seed:
some hundreds are drawn and each is landed several times under ids of its own. Measured are dbt's seconds by model; a
second of a model is a second of one of dbt's threads. The run has a process of its own so that peak memory is its own.
Where other programs share the machine, CPU seconds tell more than the clock: the load average is printed with them.
"""

import json
import multiprocessing
import os
import resource
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from billing_assets.automation.nightly import Nightly
from billing_assets.transformation.resources import Dbt, NodeResult
from tests.pricing import delivery
from tests.pricing.batch import draw_cases, named
from tests.pricing.bills import night
from tests.pricing.contracts import AS_OF, MODELS, Case

SEED = 20260403
COPIES = 8
# Contracts that have usage on the further night.
FEW = 5
# Seconds of SQL of the models below, on two cores, for 5,000 contracts.
AIM_SECONDS = 60
ROOMS = ("contracts", "rating", "recurring", "commitments", "invoicing")
_SCAN = "select meter, count(*), sum(quantity_sum), max(latest_at) from raw_metering.usage_buckets group by meter"


@dataclass(frozen=True)
class Night:
    """What one night took; `models` are (room, name, seconds) of everything that pricing needs."""

    models: list[tuple[str, str, float]]
    seconds: float  # of the clock: landing and all models
    cpu_seconds: float
    rated_rows: int
    touched_rows: int  # of those, computed anew; a full build computes all
    lines: int

    def of_pricing(self) -> float:
        return sum(seconds for room, _, seconds in self.models if room in ROOMS)


@dataclass(frozen=True)
class Result:
    """Both nights, and a plain scan of the partials that the first one rated."""

    first: Night
    next: Night
    partials: int
    scan_seconds: float
    peak_bytes: int


def generate(folder: str, contracts: int) -> tuple[int, int]:
    """Land the contracts with their usage, and beside it what arrives on the further night: contracts and events."""
    drawn = draw_cases(SEED, max(1, round(contracts / COPIES / len(MODELS))))
    cases = [named(case, f"{case.contract_id}-{copy}") for case in drawn for copy in range(COPIES)]
    delivery.write(Path(folder) / "landing", [("base", case) for case in cases])
    open_ended = [case for case in cases if case.usage and case.document["ends_on"] is None]
    later = [_used_again(case) for case in open_ended[:: max(1, len(open_ended) // FEW)][:FEW]]
    delivery.write(Path(folder) / "later", [("base", case) for case in later])
    (Path(folder) / "later" / "contracts" / "all.json").unlink()
    return len(cases), sum(len(case.usage) for case in cases)


def _used_again(case: Case) -> Case:
    last = max(case.usage, key=lambda use: use.moment)
    moment = last.moment.replace(year=AS_OF.year, month=AS_OF.month, day=AS_OF.day)
    return replace(case, usage=(replace(last, number="again", moment=moment),))


def run(folder: str, threads: int) -> Result:
    """The two nights over what `generate` landed."""
    landing, home = Path(folder) / "landing", Path(folder) / "home"
    first, step = _night(landing, home, None, 0, threads)
    with step.warehouse().reader() as connection:
        started = perf_counter()
        partials = sum(row[1] for row in connection.execute(_SCAN).fetchall())
        scan_seconds = perf_counter() - started
    for path in (Path(folder) / "later" / "usage").rglob("*.jsonl"):
        target = landing / "usage" / "later" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    following, _ = _night(landing, home, step.dbt, 1, threads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Result(first, following, partials, scan_seconds, peak)


def _night(landing: Path, home: Path, dbt: Dbt | None, days: int, threads: int) -> tuple[Night, Nightly]:
    started, cpu_before = perf_counter(), _cpu_seconds()
    step, nodes = night(landing, home, dbt, AS_OF + timedelta(days=days), threads)
    seconds, cpu = perf_counter() - started, _cpu_seconds() - cpu_before
    with step.warehouse().reader() as connection:
        [(rated, touched, lines)] = connection.execute(
            "select (select count(*) from intermediate.int_usage__rated), "
            "(select count(*) from intermediate.int_usage__rated where (contract_id, charge_id, service_from) in "
            "(select contract_id, charge_id, service_from from intermediate.int_charge_periods__touched)), "
            "(select count(*) from marts.fct_draft_invoice_lines)"
        ).fetchall()
    return Night(_by_room(step.dbt, nodes), seconds, cpu, rated, touched if days else rated, lines), step


def _by_room(dbt: Dbt, nodes: list[NodeResult]) -> list[tuple[str, str, float]]:
    known = dbt.nodes()
    return [(known[node.unique_id]["fqn"][-2], known[node.unique_id]["name"], node.seconds) for node in nodes
            if node.unique_id in known]  # fmt: skip


def _cpu_seconds() -> float:
    """User and system time of this process: unlike the clock, little moved by what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _report(title: str, of: Night) -> None:
    click.echo(
        f"\n{title}: {of.touched_rows:,} of {of.rated_rows:,} rows of usage rated, {of.lines:,} lines in "
        f"{of.seconds:.1f} s of the clock, {of.cpu_seconds:.1f} s of the CPU (load average {os.getloadavg()[0]:.1f})"
    )
    by_room: defaultdict[str, float] = defaultdict(float)
    for room, _, seconds in of.models:
        by_room[room] += seconds
    for room in ROOMS:
        click.echo(f"  {room:44}{by_room[room]:.1f} s")
    click.echo(f"  {'SQL of pricing':44}{of.of_pricing():.1f} s (aim under {AIM_SECONDS} s)")
    click.echo(f"  {'SQL of all that pricing reads':44}{sum(by_room.values()):.1f} s")
    for room, name, seconds in sorted(of.models, key=lambda model: -model[2])[:10]:
        click.echo(f"    {room}.{name:40}{seconds:.2f} s")


@click.command()
@click.option("--contracts", default=5_000, show_default=True, help="About: whole multiples of the price models.")
@click.option("--threads", default=os.cpu_count() or 2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the temporary files go.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write the seconds of every model here.")
def main(contracts: int, threads: int, folder: Path | None, as_json: Path | None) -> None:
    """Measure the rating and invoicing of three months, then one more night."""
    with tempfile.TemporaryDirectory(prefix="bench-pricing-", dir=folder) as scratch:
        started = perf_counter()
        made, events = _in_a_process(generate, scratch, contracts)
        click.echo(f"{made:,} contracts, {events:,} events made in {perf_counter() - started:.0f} s; {threads} threads")
        result: Result = _in_a_process(run, scratch, threads)
    _report("three months", result.first)
    ratio = result.first.of_pricing() / result.scan_seconds
    click.echo(
        f"  {'ratio to a plain scan':44}{ratio:,.0f} ({result.partials:,} partials in {result.scan_seconds:.3f} s)"
    )
    _report(f"a further night with usage of {FEW} contracts", result.next)
    click.echo(f"\npeak memory {result.peak_bytes / 2**30:.2f} GB")
    if as_json:
        as_json.write_text(json.dumps({"three months": result.first.models, "a further night": result.next.models}))


if __name__ == "__main__":
    main()
