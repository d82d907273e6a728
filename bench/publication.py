"""How fast documents are issued and published to the file target: numbers, lines, chain, outbox, files, read-back.

    .venv/bin/python -m bench.publication --documents 50000

Each engine runs in a process of its own so that peak memory is its own. Commits wait for the disk, as in production.
PostgreSQL is measured where its server is installed (the development wheel). Where other programs share the machine,
CPU seconds tell more than the clock: the load average is printed with them.
"""

import multiprocessing
import os
import resource
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from billing_assets.ledger import IssueLine, IssueRequest, Ledger, RunIdentity
from billing_assets.publication import relay
from billing_assets.publication.targets.file import FileTarget

# What the issue asks for, on SQLite and two cores.
AIM_DOCUMENTS, AIM_SECONDS = 50_000, 120
LINES = 5
AS_OF = date(2026, 4, 3)
RUN = RunIdentity(register_sequence=1, decision_sequence=0, as_of=AS_OF, code_hash="bench")


@dataclass(frozen=True)
class Open:
    """A gate verdict that lets everything of the bench pass."""

    level: str = "scope"
    key: str | None = "2026-03/US01/direct"
    period: str | None = "2026-03"
    selling_entity: str | None = "US01"
    channel: str | None = "direct"
    verdict: str = "open"
    reasons: tuple[str, ...] = ()
    scope_hash: str | None = "bench"


@dataclass(frozen=True)
class Result:
    """What one engine took: seconds of the clock and of this process's CPU, for issuing and for delivering."""

    issue: float
    issue_cpu: float
    deliver: float
    deliver_cpu: float
    base_bytes: int  # before issuing: the requests themselves
    peak_bytes: int


def requests(count: int) -> list[IssueRequest]:
    """`count` invoices of LINES lines each, as a month of drafts brings them."""
    result = []
    for number in range(count):
        amounts = [Decimal(number % 1_000 + position) / 100 for position in range(LINES)]
        total = sum(amounts, Decimal(0))
        lines = tuple(
            IssueLine(
                line_no=position,
                line_kind="usage",
                amount=amount,
                currency="USD",
                charge_id=f"charge-{position}",
                product=f"model-{position}",
                meter="tokens",
                group_key='{"region":"eu"}',
                service_from=date(2026, 3, 1),
                service_to=date(2026, 4, 1),
                quantity=amount * 1_000,
                unit="tokens",
                unrounded_amount=amount,
                price_version=1,
            )
            for position, amount in enumerate(amounts, start=1)
        )
        result.append(
            IssueRequest(
                kind="invoice",
                contract_id=f"C-{number:06d}",
                account_id=f"A-{number:06d}",
                channel="direct",
                selling_entity="US01",
                currency="USD",
                bill_date=date(2026, 4, 1),
                period_from=date(2026, 3, 1),
                period_to=date(2026, 4, 1),
                close_period="2026-03",
                payment_terms_days=30,
                subtotal=total,
                discount=Decimal(0),
                credit_applied=Decimal(0),
                tax=Decimal(0),
                total=total,
                paid_from_credits=Decimal(0),
                content_hash=f"{number:064d}",
                lines=lines,
            )
        )
    return result


def run(folder: str, url: str, count: int) -> Result:
    """Issue and deliver `count` documents in a new ledger at `url`."""
    asked = requests(count)
    base = _memory()
    with Ledger.open(url, Path(folder) / "seal") as ledger:
        started, cpu = perf_counter(), _cpu()
        ledger.issue(asked, ["file"], [Open()], RUN)
        issued, issued_cpu = perf_counter(), _cpu()
        [summary] = relay.deliver(ledger, [FileTarget(Path(folder) / "published")], AS_OF, RUN)
        delivered, delivered_cpu = perf_counter(), _cpu()
    if (summary.confirmed, summary.differences) != (count, ()):
        raise RuntimeError(f"not everything arrived: {summary}")
    return Result(issued - started, issued_cpu - cpu, delivered - issued, delivered_cpu - issued_cpu, base, _memory())


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _in_a_process(*arguments: Any) -> Result:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


@contextmanager
def _postgres(folder: Path) -> Iterator[str | None]:
    """The URL of a PostgreSQL server that lives as long as the block; None where none is installed."""
    try:
        import pgserver
    except ImportError:
        yield None
        return
    server = pgserver.get_server(folder / "postgres")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


def _report(name: str, count: int, result: Result, aim: int | None) -> None:
    seconds, cpu = result.issue + result.deliver, result.issue_cpu + result.deliver_cpu
    click.echo(
        f"\n{name}: {count:,} documents of {LINES} lines in {seconds:.1f} s of the clock, {cpu:.1f} s of the CPU"
        f" (load average {os.getloadavg()[0]:.1f})" + (f"; aim {aim} s" if aim else "")
    )
    click.echo(f"  issued      {result.issue:7.1f} s, CPU {result.issue_cpu:7.1f} s")
    click.echo(f"  delivered   {result.deliver:7.1f} s, CPU {result.deliver_cpu:7.1f} s")
    click.echo(f"  peak memory {result.peak_bytes / 2**30:.2f} GB, of it {result.base_bytes / 2**30:.2f} GB requests")


@click.command()
@click.option("--documents", default=AIM_DOCUMENTS, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the temporary files go.")
@click.option("--postgres/--no-postgres", default=True, show_default=True)
def main(documents: int, folder: Path | None, postgres: bool) -> None:
    """Measure issuing and publishing on documents made for it."""
    aim = AIM_SECONDS if documents == AIM_DOCUMENTS else None
    with tempfile.TemporaryDirectory(prefix="bench-publication-", dir=folder) as scratch:
        (Path(scratch) / "sqlite").mkdir()
        url = f"sqlite:///{scratch}/sqlite/ledger.sqlite"
        _report("SQLite", documents, _in_a_process(f"{scratch}/sqlite", url, documents), aim)
        if postgres:
            with _postgres(Path(scratch)) as server:
                if server is None:
                    click.echo("\nPostgreSQL: no server installed")
                else:
                    _report("PostgreSQL", documents, _in_a_process(f"{scratch}/pg", server, documents), None)


if __name__ == "__main__":
    main()
