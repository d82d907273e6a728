"""`billing simulate`: a landing zone and, beside it, the truth about what was planted in it.

Up to EVENTS_IN_ROWS usage events are made row by row, with every format and fault; more are made set-based
by `volume`, as Parquet, for measuring.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from billing_assets.errors import OperatorError
from billing_assets.simulation import bank, faults, feed_volume, market_faults, volume
from billing_assets.simulation.billing_events import Bookkeeper, Money
from billing_assets.simulation.delivery import Fate, pack, write_json, write_rows, write_usage
from billing_assets.simulation.faults import Fault, HeldDocument
from billing_assets.simulation.feeds import FeedWriter, Written, write_feeds
from billing_assets.simulation.market import Market, build_market, direct_copies, market_events
from billing_assets.simulation.market_faults import CleanAgreement, MarketPlan, Teller
from billing_assets.simulation.metered import Metering
from billing_assets.simulation.traces import read_traces
from billing_assets.simulation.usage import Event, corrections, events, storage_levels
from billing_assets.simulation.world import Options, World, build

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Above this a world in Python rows takes minutes and memory; the set-based one takes seconds.
EVENTS_IN_ROWS = 500_000
ENTITLEMENT_COLUMNS = (
    "organization_id", "account_id", "contract_id", "product", "status", "quantity", "valid_from", "valid_to",
)  # fmt: skip
RATE_COLUMNS = ("rate_date", "base_currency", "quote_currency", "rate", "rate_type", "source")
SCOPE_COLUMNS = ("period", "selling_entity", "channel")
YEN_RATE = ("USD", "JPY")


class NoWorld(OperatorError, ValueError):
    """The options describe no world."""


class NotOurs(OperatorError, FileExistsError):
    """The folder holds something the simulator did not make."""


@dataclass(frozen=True)
class SimulationOptions(Options):
    """`Options` of the world and where it goes: OUT/landing and OUT/truth (both are replaced). With `feeds` it is
    nothing but a year of AWS's feeds with about so many billing events."""

    out: Path = Path("simulated")
    feeds: int = 0


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
    billing_events: int = 0

    def __str__(self) -> str:
        if self.billing_events:
            return f"{self.landing}: a year of feeds with {self.billing_events} billing events"
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
    if options.months < 1 or options.accounts < 1 or options.scale < 2 or options.seed < 0 or options.feeds < 0:
        raise NoWorld("months and accounts must be 1 or more, scale 2 or more, seed and feeds 0 or more")
    landing, truth = _empty_folders(options.out)
    if options.feeds:
        write_records(truth / "planted.csv", [], Fault)
        rows = feed_volume.write_feeds(landing, options.feeds, options.as_of, options.seed, progress=progress)
        return SimulationSummary(landing, truth, 0, 0, 0, 0, 0, billing_events=rows)
    is_large = options.scale > EVENTS_IN_ROWS
    world = build(options, with_stories=not is_large)
    market = build_market(options, with_stories=world.has_stories)
    documents = _write_seller(landing, world, market)
    planted: list[Fault] = []
    held: list[HeldDocument] = []
    clean: list[dict[str, str]] = []
    agreements: list[CleanAgreement] = []
    if is_large:
        files, rows = volume.write_usage(landing, world, progress)
    else:
        files, rows, planted, held, sold = _write_rows_of_usage(landing, world, market)
        clean = faults.clean_scopes(world, planted, held)
        told = _write_marketplace(landing, world, sold)
        planted = sorted([*planted, *told[0]], key=lambda fault: fault.fault_id)
        agreements = told[1]
    write_records(truth / "planted.csv", planted, Fault)
    write_records(truth / "held_documents.csv", held, HeldDocument)
    write_records(truth / "clean_agreements.csv", agreements, CleanAgreement)
    write_rows(truth / "clean_scopes.csv", clean, SCOPE_COLUMNS)
    accounts = {account.account_id for account in [*world.accounts, *market.accounts]}
    return SimulationSummary(landing, truth, len(accounts), documents, files, rows, len(planted))


def write_records(target: Path, records: Sequence[DataclassInstance], kind: type[DataclassInstance]) -> None:
    rows = [{key: str(value) for key, value in asdict(record).items()} for record in records]
    write_rows(target, rows, [column.name for column in fields(kind)])


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


def _write_seller(landing: Path, world: World, market: Market) -> int:
    """Contracts, provisioning and exchange rates; returns the number of contract documents."""
    documents = [doc for account in [*world.accounts, *market.accounts] for doc in account.contracts]
    for document in documents:
        write_json(landing, f"contracts/{document['contract_id']}.v{document['version']}.json", document)
    entitlements = [row for account in [*world.accounts, *world.strangers] for row in account.entitlements]
    write_rows(landing / "provisioning" / "entitlements.csv", entitlements, ENTITLEMENT_COLUMNS)
    if market.deals:
        bought = [row for account in market.accounts for row in account.entitlements]
        write_rows(landing / "provisioning" / "marketplace.csv", bought, ENTITLEMENT_COLUMNS)
    write_rows(landing / "fx" / "rates.csv", world.fx, RATE_COLUMNS)
    return len(documents)


def _write_rows_of_usage(
    landing: Path, world: World, market: Market
) -> tuple[int, int, list[Fault], list[HeldDocument], Sold]:
    """Usage made row by row, with its faults: number of files and rows, the truth, what AWS's buyers used."""
    plan = faults.plan_files(world)
    sold = sell(market)
    sent = [*sent_events(world, plan), *sold.events, *sold.copies]
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
    return len(landed), sum(len(file.rows) for file in landed), planted, held, replace(sold, arrived=arrived)


def _write_marketplace(landing: Path, world: World, sold: Sold) -> tuple[list[Fault], list[CleanAgreement]]:
    """Feeds and bank statements; returns what was planted in them and the agreements that are in order."""
    market, plan = sold.market, sold.plan
    if not market.deals:
        return [], []
    books = keep_books(world, sold)
    write_feeds(landing, market, books.feed_rows, market.options.as_of)
    short, missing = market_faults.faulty_lines(plan, books.money)
    receipts, advances = bank.receipts(world, sold.arrived)
    lines = [*bank.payout_lines(market, books.money.payouts, short, missing), *bank.other_lines(market), *receipts]
    bank.write_statements(landing, market, lines)
    teller = Teller(market, plan, books.money, books.meterings)
    return [*teller.tell(sold.events, sold.copies), *advances], teller.clean_agreements()


@dataclass(frozen=True)
class Sold:
    """What AWS's buyers used, and what is to go wrong with it."""

    market: Market
    plan: MarketPlan
    events: list[Event]
    copies: list[Event]  # the same usage, sent for a direct contract too
    arrived: list[Event] = field(default_factory=list)  # of all customers


@dataclass(frozen=True)
class Books:
    """What AWS tells of it."""

    meterings: dict[int, Metering]
    money: Money
    feed_rows: list[Written]


def sell(market: Market) -> Sold:
    """The buyers' usage; without deals there is none."""
    used = market_events(market, read_traces()) if market.deals else []
    plan = market_faults.plan_market(market, used)
    return Sold(market, plan, used, direct_copies(market, used) if market.deals else [])


def keep_books(world: World, sold: Sold) -> Books:
    """Metering, billing events and the rows of every feed."""
    market, plan = sold.market, sold.plan
    meterings = market_faults.measure(market, sold.events, plan)
    usage = {n: {month: m.reported_in(month) for month in market.months} for n, m in meterings.items()}
    yen = next(Decimal(row["rate"]) for row in world.fx if (row["base_currency"], row["quote_currency"]) == YEN_RATE)
    money = Bookkeeper(market, plan.mishaps, yen).write(usage)
    return Books(meterings, money, FeedWriter(market, plan.feeds).write(money, meterings))


def sent_events(world: World, plan: faults.Plan) -> list[Event]:
    """Everything the gateways send that is in order: the trace's events, corrections, stored levels."""
    from_trace = list(events(world, read_traces()))
    return [*from_trace, *corrections(world, from_trace, set(plan.fates)), *storage_levels(world)]
