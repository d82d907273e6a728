"""What goes wrong in the simulated world, and the truth about it, with the money where rows and terms give it.

Faults that close a scope (a lost, cut, miscounted or garbled file) sit in the middle month of the US entity and the
last month of the European one. Faults of one customer hold that customer's documents and no other. Small row
faults sit in the two largest accounts, where they stay below the quarantine share; one account passes it.
The amounts here are computed from events and prices in plain Python, never with production code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from billing_assets.periods import add_months, month_of
from billing_assets.simulation.arrivals import at
from billing_assets.simulation.delivery import Fate
from billing_assets.simulation.usage import Event, subjects
from billing_assets.simulation.world import GATEWAYS, Account, World

MILLION = Decimal(1_000_000)
CENT = Decimal("0.01")
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Fault:
    """One planted fault. Ids of alternatives are separated by `|`; an empty field is not known or does not apply."""

    fault_id: str
    fault: str
    control_ids: str
    period: str = ""
    selling_entity: str = ""
    channel: str = "direct"
    account_id: str = ""
    contract_id: str = ""
    path: str = ""
    line: str = ""
    event_id: str = ""
    quarantine_code: str = ""
    quantity: str = ""
    unit: str = ""
    amount: str = ""
    currency: str = ""
    blocks: str = "none"  # document | scope | none
    note: str = ""
    agreement_id: str = ""  # marketplace faults
    break_code: str = ""  # what reconciliation types it as


@dataclass(frozen=True)
class HeldDocument:
    """A document that a sound run holds because of a fault of its customer."""

    document_id: str
    fault_id: str
    period: str
    selling_entity: str
    total: str = ""
    currency: str = ""


@dataclass
class Plan:
    """Faults to plant: fates of files, rows to add, files sent twice; the truth fills up as they are planted."""

    fates: dict[tuple[str, date], Fate] = field(default_factory=dict)
    resent: set[tuple[str, date]] = field(default_factory=set)  # byte for byte, under another name
    retold: set[tuple[str, date]] = field(default_factory=set)  # row for row, in another format
    rows: list[Event] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    held: list[HeldDocument] = field(default_factory=list)


def plan_files(world: World) -> Plan:
    """The fates of files. Without stories every file arrives once."""
    plan = Plan()
    if not world.has_stories:
        return plan
    first, middle, last = world.months[0], world.months[-2], world.months[-1]
    plan.fates = {
        ("gateway-us", middle.replace(day=11)): Fate.LOST,
        ("gateway-us", middle.replace(day=18)): Fate.TRUNCATED,
        ("gateway-eu", last.replace(day=11)): Fate.MISCOUNTED,
        ("gateway-eu", last.replace(day=18)): Fate.LATIN_1,
    }
    plan.resent = {("gateway-us", first.replace(day=14))}
    plan.retold = {("gateway-us", first.replace(day=21))}
    return plan


def plant_rows(world: World, plan: Plan, sent: list[Event]) -> None:
    """Add the faulty rows to `plan.rows`, with their truth. All of them are extra rows: the trace's stay whole."""
    if not world.has_stories:
        return
    first, middle, last = world.months[0], world.months[-2], world.months[-1]
    planter = _Planter(world, plan, sent)
    us, eu = world.largest("US01"), world.largest("EU01")
    quarantined, conflicting = "USG-06", "USG-04"
    planter.bad_row("R01", "quantity is NaN", quarantined, us, first.replace(day=12), "number", quantity="NaN")
    planter.bad_row(
        "R02", "quantity has 13 decimals", quarantined, us, last.replace(day=5), "number", quantity="1.0000000000001"
    )
    planter.bad_row("R03", "nested property", quarantined, eu, first.replace(day=9), "nested",
                    properties={"model": "atlas-large", "region": "eu-central", "client": {"name": "sdk"}})  # fmt: skip
    planter.bad_row("R04", "event in the future", "USG-08", us, world.options.last_day, "future", days_ahead=20)
    planter.bad_row("R05", "time without zone", quarantined, eu, first.replace(day=20), "time", time="naive")
    planter.bad_row(
        "R06", "line is no JSON", quarantined, us, first.replace(day=26), "json", text='{"specversion":"1.0","id":"'
    )
    planter.bad_row("R07", "ragged CSV row", quarantined, eu, middle.replace(day=10), "csv", text="x-ragged,only,three")
    planter.bad_row(
        "R08", "negative quantity names no event", quarantined, eu, first.replace(day=27), "correction", quantity=-250
    )
    planter.bad_row("R09", "quantity missing", quarantined, eu, last.replace(day=20), "quantity_missing", quantity=None)
    planter.bad_row("R10", "quantity is 1_000", quarantined, eu, middle.replace(day=12), "number", quantity="1_000")
    planter.bad_row("R11", "quantity is 1e400", quarantined, eu, last.replace(day=24), "number", quantity="1e400")
    planter.conflict("R12", "same key, other quantity", conflicting, us, first.replace(day=8), days_on=0)
    planter.conflict("R13", "same key, other date", conflicting, us, first.replace(day=15), days_on=1)
    planter.unbilled("R14", us, last.replace(day=17))
    planter.many_bad_rows("D05", world.told("many_bad_rows"), last)
    # One character outside ASCII makes the garbled file really not UTF-8.
    garbled = planter.clean_row(eu, last.replace(day=18), "x-garbled")
    plan.rows.append(replace(garbled, properties={**garbled.properties, "region": "eu-zürich"}, fault_id="S04"))


class _Planter:
    """Makes faulty rows out of the account's own shape of events."""

    def __init__(self, world: World, plan: Plan, sent: list[Event]) -> None:
        self.world, self.plan, self.sent = world, plan, sent

    def clean_row(self, account: Account, day: date, event_id: str, hour: int = 13) -> Event:
        """A good event of the account, with an id of its own."""
        gateway = GATEWAYS[account.selling_entity]
        region = "us-east" if gateway == "gateway-us" else "eu-central"
        return Event(
            event_id=event_id,
            gateway=gateway,
            meter="tokens.input",
            subject=subjects(account)[0],
            day=day,
            ms=hour * HOUR_MS + 123,
            quantity=512,
            properties={"model": "atlas-large", "region": region, "endpoint": "chat"},
            delivered=day,
            extra=True,
        )

    def add(self, fault_id: str, row: Event) -> Event:
        row = replace(row, fault_id=fault_id)
        self.plan.rows.append(row)
        return row

    def tell(
        self, fault_id: str, fault: str, controls: str, account: Account, day: date, row: Event, **more: str
    ) -> None:
        truth = Fault(
            fault_id=fault_id,
            fault=fault,
            control_ids=controls,
            period=month_of(day),
            selling_entity=account.selling_entity,
            account_id=account.account_id,
            contract_id=account.contract_id,
            event_id=row.event_id,
        )
        self.plan.faults.append(replace(truth, **more))

    def bad_row(
        self, fault_id: str, fault: str, controls: str, account: Account, day: date, code: str, *,
        quantity: int | str | None = 512, properties: dict[str, object] | None = None, time: str | None = None,
        text: str | None = None, days_ahead: int = 0,
    ) -> None:  # fmt: skip
        row = self.clean_row(account, day, f"x-{fault_id.lower()}")
        moment = row.day + timedelta(days=days_ahead)
        if time == "naive":
            time = f"{day.isoformat()}T13:00:00"
        row = replace(
            row,
            quantity=quantity,
            properties=row.properties if properties is None else properties,
            day=moment,
            time=time,
            text=text,
        )
        self.add(fault_id, row)
        more = {"quarantine_code": code}
        if text is not None:
            more |= {"account_id": "", "contract_id": "", "event_id": ""}
        if text is not None or time is not None:
            moment = self.world.options.as_of  # a row without a readable time belongs to the month of `as_of`
        self.tell(fault_id, fault, controls, account, moment, row, **more)

    def conflict(self, fault_id: str, fault: str, controls: str, account: Account, day: date, days_on: int) -> None:
        """A second row under the key of an accepted one, in the next day's file: the first stands."""
        first = next(
            event
            for event in self.sent
            if event.day == event.delivered == day and event.subject in subjects(account) and not event.again
        )
        again = replace(first, delivered=day + timedelta(days=1), day=day + timedelta(days=days_on), extra=True)
        if not days_on and isinstance(first.quantity, int):
            again = replace(again, quantity=first.quantity + 1000)
        self.tell(
            fault_id,
            fault,
            controls,
            account,
            again.day,
            self.add(fault_id, again),
            quarantine_code="conflict",
        )

    def unbilled(self, fault_id: str, account: Account, day: date) -> None:
        """Two events on a meter that no charge of the contract prices."""
        for n, images in enumerate((3, 4)):
            row = self.clean_row(account, day, f"x-{fault_id.lower()}-{n}", hour=9 + n)
            row = self.add(fault_id, replace(row, meter="images.generated", quantity=images))
        self.tell(
            fault_id,
            "usage on a meter that no charge prices",
            "USG-07",
            account,
            day,
            row,
            event_id="",
            quantity="7",
            unit="images.generated",
        )

    def many_bad_rows(self, fault_id: str, account: Account, month: date) -> None:
        """Twelve unreadable quantities: about two in a hundred of the account's rows of the month."""
        for n in range(12):
            row = self.clean_row(account, month.replace(day=3 + 2 * n), f"x-{fault_id.lower()}-{n:02d}", hour=15)
            row = self.add(fault_id, replace(row, quantity="NaN"))
        self.tell(
            fault_id,
            "unreadable rows above the quarantine share",
            "USG-06",
            account,
            month,
            row,
            event_id="",
            quarantine_code="number",
            quantity="12",
            unit="rows",
            blocks="document",
        )
        self.plan.held.append(held(account, month, fault_id))


def held(account: Account, month: date, fault_id: str, contract_id: str = "", total: str = "") -> HeldDocument:
    """The arrears document of `month`: billed on the first of the next."""
    bill_date = add_months(month, 1)
    return HeldDocument(
        document_id=f"{contract_id or account.contract_id}/{bill_date.isoformat()}/invoice/0",
        fault_id=fault_id,
        period=month_of(month),
        selling_entity=account.selling_entity,
        total=total,
        currency=account.currency if total else "",
    )


def tell_stories(world: World, plan: Plan, arrived: list[Event]) -> None:
    """Truth of the customers' stories, with money from the events that `arrived` whole."""
    if not world.has_stories:
        return
    middle, last = world.months[-2], world.months[-1]

    def story(fault_id: str, name: str, fault: str, controls: str, month: date, **more: str) -> Fault:
        account = world.told(name)
        truth = Fault(
            fault_id=fault_id,
            fault=fault,
            control_ids=controls,
            period=month_of(month),
            selling_entity=account.selling_entity,
            account_id=account.account_id,
            contract_id=account.contract_id if account.contracts else "",
            blocks="document",
        )
        truth = replace(truth, **more)
        plan.faults.append(truth)
        return truth

    for fault_id, name, note in (
        ("D01", "unapproved_price_cut", "input tokens 300 -> 270 per million from the 11th; no approval at all"),
        ("D02", "claimed_price_cut", "as D01; the contract file claims an approval that the ledger does not have"),
    ):
        account = world.told(name)
        used = tokens(account, arrived, "tokens.input", last.replace(day=11), add_months(last, 1))
        effect = (used * 300 / MILLION).quantize(CENT, ROUND_HALF_UP) - (used * 270 / MILLION).quantize(
            CENT, ROUND_HALF_UP
        )
        story(fault_id, name, "price cut without approval", "RAT-03", last, quantity=str(used),
              unit="tokens.input", amount=str(effect), currency="USD", note=note)  # fmt: skip
        plan.held.append(held(account, last, fault_id))

    account = world.told("usage_after_deprovisioning")
    inputs, outputs = (
        tokens(account, arrived, m, last, add_months(last, 1)) for m in ("tokens.input", "tokens.output")
    )
    billed = sum(
        ((used * price / MILLION).quantize(CENT, ROUND_HALF_UP) for used, price in ((inputs, 300), (outputs, 1200))),
        Decimal(0),
    )
    story("D03", account.story or "", "usage billed after deprovisioning", "PRV-03", last, amount=str(billed),
          currency="USD", note="deprovisioned on the first of the month; the gateway went on serving")  # fmt: skip
    plan.held.append(held(account, last, "D03", total=str(billed)))

    account = world.told("duplicate_contract")
    story("D04", account.story or "", "the same order entered as two contracts", "INV-07", last,
          amount="1200.00", currency="USD", note=f"{account.contract_id} and {account.contract_id}-R")  # fmt: skip
    # The first of two like documents stands; the second is the one too many.
    plan.held.append(held(account, last, "D04", f"{account.contract_id}-R", total="1200.00"))

    account = world.told("version_gap")
    story("D06", account.story or "", "amendment chain has a gap: version 1, then 3", "CON-04", middle,
          blocks="none", note="a warning: the terms that are known stay in force")  # fmt: skip
    account = world.told("account_currency")
    story("D07", account.story or "", "account currency USD, contract currency EUR", "CON-02", middle,
          amount="640.00", currency="EUR", blocks="none", note="the contract's currency rules the bill")  # fmt: skip
    account = world.told("billed_after_deprovisioning")
    story("D08", account.story or "", "licence billed after deprovisioning", "PRV-03", middle, amount="900.00",
          currency="EUR")  # fmt: skip
    for month in (middle, last):
        plan.held.append(held(account, month, "D08", total="900.00"))

    for fault_id, name, fault, controls, month in (
        ("U01", "unknown_organization", "usage of an organization nobody knows", "USG-07", middle),
        ("U02", "usage_without_contract", "provisioned and used, no contract", "PRV-02", last),
    ):
        stranger = world.told(name)
        used = sum((Decimal(e.quantity) for e in arrived if e.subject in stranger.organizations
                    and isinstance(e.quantity, int)), Decimal(0))  # fmt: skip
        story(fault_id, name, fault, controls, month, quantity=str(used), unit="tokens", blocks="none",
              account_id=stranger.organizations[0] if name == "unknown_organization" else stranger.account_id,
              note=f"usage arrives under {stranger.organizations[0]}")  # fmt: skip


def tokens(account: Account, arrived: list[Event], meter: str, start: date, end: date) -> Decimal:
    """The account's units on a meter over local days [start, end)."""
    zone = ZoneInfo(account.zone)
    opens, closes = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (start, end))
    return sum(
        (
            Decimal(event.quantity)
            for event in arrived
            if event.subject in subjects(account)
            and event.meter == meter
            and isinstance(event.quantity, int)
            and opens <= at(event.day, event.ms) < closes
        ),
        Decimal(0),
    )


def tell_files(world: World, plan: Plan, rows: dict[str, list[Event]], arrived_keys: set[tuple[str, str]]) -> None:
    """Truth of the files that went wrong; units are those that reach the lake by no other way."""
    kinds = {
        Fate.LOST: ("S01", "file missing: gap in the producer's sequence", "USG-02", ""),
        Fate.TRUNCATED: ("S02", "gzip stream cut short", "USG-01|USG-02", "container"),
        Fate.MISCOUNTED: ("S03", "manifest and file disagree", "USG-01", "manifest"),
        Fate.LATIN_1: ("S04", "file is not UTF-8", "USG-01|USG-02", "encoding"),
    }
    entities = {gateway: entity for entity, gateway in GATEWAYS.items()}
    for (gateway, day), fate in sorted(plan.fates.items(), key=lambda item: kinds[item[1]][0]):
        path = next(p for p in rows if f"{gateway}-{day.isoformat()}." in p)
        fault_id, fault, controls, code = kinds[fate]
        missing = {
            e.event_id: Decimal(e.quantity)
            for e in rows[path]
            if isinstance(e.quantity, int) and (e.gateway, e.event_id) not in arrived_keys
        }
        plan.faults.append(
            Fault(
                fault_id=fault_id,
                fault=fault,
                control_ids=controls,
                period=month_of(day),
                selling_entity=entities[gateway],
                path=path,
                quarantine_code=code,
                quantity=str(sum(missing.values(), Decimal(0))),
                unit="tokens",
                blocks="scope",
                note=f"{len(rows[path])} rows; {len(missing)} of them arrive in no other file",
            )
        )


def locate(faults: list[Fault], rows: dict[str, list[Event]]) -> list[Fault]:
    """Fill in path and line of the faults planted as rows (several rows: the first)."""
    places: dict[str, tuple[str, int]] = {}
    for path, events in sorted(rows.items()):
        header = 1 if ".csv" in path else 0
        for n, event in enumerate(events, start=1 + header):
            if event.fault_id and event.fault_id not in places:
                places[event.fault_id] = (path, n)
    located = []
    for fault in faults:
        if fault.path or fault.fault_id not in places:
            located.append(fault)
            continue
        path, line = places[fault.fault_id]
        located.append(replace(fault, path=path, line="" if path.endswith(".parquet") else str(line)))
    return sorted(located, key=lambda fault: fault.fault_id)


def clean_scopes(world: World, faults: list[Fault], documents: list[HeldDocument]) -> list[dict[str, str]]:
    """Scopes of the whole months in which nothing closes the scope and no document is held."""
    touched = {(f.period, f.selling_entity) for f in faults if f.blocks == "scope"}
    touched |= {(d.period, d.selling_entity) for d in documents}
    return [
        {"period": month_of(month), "selling_entity": entity, "channel": "direct"}
        for month in world.months
        for entity in GATEWAYS
        if (month_of(month), entity) not in touched
    ]
