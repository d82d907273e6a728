"""`billing simulate`: a landing zone and, beside it, the truth about what was planted in it.

Up to EVENTS_IN_ROWS usage events are made row by row, with every format and fault; more are made set-based
by `volume`, as Parquet, for measuring.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from billing_assets.errors import OperatorError
from billing_assets.simulation import faults, volume
from billing_assets.simulation.delivery import Fate, pack, write_json, write_rows, write_usage
from billing_assets.simulation.faults import Fault, HeldDocument
from billing_assets.simulation.traces import read_traces
from billing_assets.simulation.usage import Event, corrections, events, storage_levels
from billing_assets.simulation.world import Options, World, build

# Above this a world in Python rows takes minutes and memory; the set-based one takes seconds.
EVENTS_IN_ROWS = 500_000
ENTITLEMENT_COLUMNS = (
    "organization_id", "account_id", "contract_id", "product", "status", "quantity", "valid_from", "valid_to",
)  # fmt: skip
RATE_COLUMNS = ("rate_date", "base_currency", "quote_currency", "rate", "rate_type", "source")
SCOPE_COLUMNS = ("period", "selling_entity", "channel")


class NoWorld(OperatorError, ValueError):
    """The options describe no world."""


class NotOurs(OperatorError, FileExistsError):
    """The folder holds something the simulator did not make."""


@dataclass(frozen=True)
class SimulationOptions(Options):
    """`Options` of the world and where it goes: OUT/landing and OUT/truth (both are replaced)."""

    out: Path = Path("simulated")


@dataclass(frozen=True)
class SimulationSummary:
    """What was written. `usage_events` counts rows in files, repeated ones included."""

    landing: Path
    truth: Path
    accounts: int
    contracts: int
    usage_files: int
    usage_events: int
    planted_faults: int

    def __str__(self) -> str:
        return (
            f"{self.landing}: {self.accounts} accounts, {self.contracts} contract documents, "
            f"{self.usage_events} usage events in {self.usage_files} files; "
            f"{self.planted_faults} planted faults, their truth in {self.truth}"
        )


def simulate(options: SimulationOptions, progress: Callable[[str], None] = lambda _: None) -> SimulationSummary:
    """Write the landing zone and the truth. The same options give the same rows on every machine.

    `progress` is told a line now and then when the work is long. Raises
    ValueError for options that describe no world, FileExistsError rather than replace what it did not make.
    """
    if options.months < 1 or options.accounts < 1 or options.scale < 2 or options.seed < 0:
        raise NoWorld("months and accounts must be 1 or more, scale 2 or more, seed 0 or more")
    landing, truth = _empty_folders(options.out)
    is_large = options.scale > EVENTS_IN_ROWS
    world = build(options, with_stories=not is_large)
    documents = _write_seller(landing, world)
    planted: list[Fault] = []
    held: list[HeldDocument] = []
    clean: list[dict[str, str]] = []
    if is_large:
        files, rows = volume.write_usage(landing, world, progress)
    else:
        files, rows, planted, held = _write_rows_of_usage(landing, world)
        clean = faults.clean_scopes(world, planted, held)
    write_rows(truth / "planted.csv", [faults.as_row(f) for f in planted], [f.name for f in fields(Fault)])
    write_rows(truth / "held_documents.csv", [faults.as_row(d) for d in held], [f.name for f in fields(HeldDocument)])
    write_rows(truth / "clean_scopes.csv", clean, SCOPE_COLUMNS)
    return SimulationSummary(landing, truth, len(world.accounts), documents, files, rows, len(planted))


def _empty_folders(out: Path) -> tuple[Path, Path]:
    """OUT/landing and OUT/truth, new. Only a landing zone that has its truth beside it was simulated: others stay."""
    landing, truth = out / "landing", out / "truth"
    if landing.exists() and not (truth / "planted.csv").exists():
        raise NotOurs(f"{landing} was not made by the simulator; choose another folder or remove it")
    for folder in (landing, truth):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    return landing, truth


def _write_seller(landing: Path, world: World) -> int:
    """Contracts, provisioning and exchange rates; returns the number of contract documents."""
    documents = [doc for account in world.accounts for doc in account.contracts]
    for document in documents:
        write_json(landing, f"contracts/{document['contract_id']}.v{document['version']}.json", document)
    entitlements = [row for account in [*world.accounts, *world.strangers] for row in account.entitlements]
    write_rows(landing / "provisioning" / "entitlements.csv", entitlements, ENTITLEMENT_COLUMNS)
    write_rows(landing / "fx" / "rates.csv", world.fx, RATE_COLUMNS)
    return len(documents)


def _write_rows_of_usage(landing: Path, world: World) -> tuple[int, int, list[Fault], list[HeldDocument]]:
    """Usage made row by row, with its faults: number of files and rows, the truth."""
    plan = faults.plan_files(world)
    sent = sent_events(world, plan)
    faults.plant_rows(world, plan, sent)
    files = pack([*sent, *plan.rows], world.options.first_day, plan.fates, plan.retold)
    rows = write_usage(landing, files, plan.resent)
    whole = [event for file in files if file.fate is Fate.ARRIVED for event in file.rows]
    keys = {(event.gateway, event.event_id) for event in whole if not event.fault_id}
    arrived = [event for event in sent if (event.gateway, event.event_id) in keys]
    faults.tell_stories(world, plan, arrived)
    faults.tell_files(world, plan, rows, keys)
    planted = faults.locate(plan.faults, rows)
    landed = [file for file in files if file.fate is not Fate.LOST]
    held = sorted(plan.held, key=lambda document: (document.document_id, document.fault_id))
    return len(landed), sum(len(file.rows) for file in landed), planted, held


def sent_events(world: World, plan: faults.Plan) -> list[Event]:
    """Everything the gateways send that is in order: the trace's events, corrections, stored levels."""
    from_trace = list(events(world, read_traces()))
    return [*from_trace, *corrections(world, from_trace, set(plan.fates)), *storage_levels(world)]
