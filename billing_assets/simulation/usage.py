"""Usage events of a world, as rows in Python: the trace's requests with a customer, a model and a day.

Every request of the trace becomes two events, one for its input tokens and one for its output tokens. Besides them
there are a few corrections and, for plans that store, changes of the stored level: those are invented. What goes
wrong is planted in `faults`; how events travel in files is `delivery`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from billing_assets.simulation.arrivals import arrival_ms, spread_over_days
from billing_assets.simulation.mixing import mix
from billing_assets.simulation.plans import MODELS
from billing_assets.simulation.traces import TraceRequest
from billing_assets.simulation.world import GATEWAYS, REGIONS, Account, World

# One salt per decision, so that decisions about a request are independent of each other.
SALTS = {name: n for n, name in enumerate(("account", "subject", "model", "region", "late", "lag", "again", "fix"), 1)}
# Seven requests of ten go to the large model.
LARGE_SHARE = 70
# Per thousand requests: delivered late, and delivered twice (issue: a few percent of exact duplicates, 1 % late).
LATE_PER_MILLE, AGAIN_PER_MILLE = 10, 20
# A late event comes two days to eight days after its own.
LATE_DAYS = (2, 7)
# One request of so many is corrected afterwards.
CORRECTED_EVERY = 4000
MINUTE_MS = 60_000


@dataclass(slots=True)
class Event:
    """One usage event as a gateway sends it; `text` overrides the whole line where a fault needs it."""

    event_id: str
    gateway: str
    meter: str
    subject: str
    day: date
    ms: int  # after the day's midnight UTC
    quantity: int | str | None
    properties: dict[str, Any]
    delivered: date
    again: date | None = None  # the day whose file repeats it
    time: str | None = None  # overrides the time's text
    text: str | None = None
    fault_id: str | None = None
    extra: bool = field(default=False)  # not from the trace


def source_of(gateway: str) -> str:
    """The CloudEvents source of a gateway."""
    return f"https://{gateway}.atlas.example/usage"


def salted(world: World, decision: str) -> int:
    """The mixer's salt for one decision in this world."""
    return (world.options.seed * 97 + SALTS[decision]) % 2**31


def users_on(world: World, day: date) -> list[Account]:
    """Accounts that use the product on a UTC day, in a fixed order."""
    return [a for a in [*world.accounts, *world.strangers] if a.weight > 0 and a.active_on(day)]


def subjects(account: Account) -> list[str]:
    """The ids an account's usage arrives under. One account in seven sends its account id, others organizations."""
    return [account.account_id] if account.number % 7 == 1 else account.organizations


def events(world: World, trace: list[TraceRequest]) -> Iterator[Event]:
    """All events in arrival order, input before output, before anything goes wrong."""
    options = world.options
    salt = {name: salted(world, name) for name in SALTS}
    for day_of in spread_over_days(options.first_day, options.last_day, options.scale // 2):
        users = users_on(world, day_of.day)
        edges, total = [], 0
        for user in users:
            edges.append(total)
            total += user.weight
        for k in range(day_of.first, day_of.end):
            request = trace[k % len(trace)]
            account = users[bisect_right(edges, mix(k, salt["account"]) % total) - 1]
            names, regions = subjects(account), REGIONS[account.selling_entity]
            properties = {
                "model": MODELS[0 if mix(k, salt["model"]) % 100 < LARGE_SHARE else 1],
                "region": regions[mix(k, salt["region"]) % 2],
                "endpoint": request.endpoint,
            }
            delivered = day_of.day
            if mix(k, salt["late"]) % 1000 < LATE_PER_MILLE:
                lag = LATE_DAYS[0] + mix(k, salt["lag"]) % LATE_DAYS[1]
                delivered = min(delivered + timedelta(days=lag), options.last_day)
            again = None
            if mix(k, salt["again"]) % 1000 < AGAIN_PER_MILLE and delivered < options.last_day:
                again = delivered + timedelta(days=1)
            ms = arrival_ms(k - day_of.first, day_of.end - day_of.first)
            for suffix, meter, quantity in (
                ("i", "tokens.input", request.input_tokens),
                ("o", "tokens.output", request.output_tokens),
            ):
                yield Event(
                    event_id=f"r{k:07d}-{suffix}",
                    gateway=GATEWAYS[account.selling_entity],
                    meter=meter,
                    subject=names[mix(k, salt["subject"]) % len(names)],
                    day=day_of.day,
                    ms=ms,
                    quantity=quantity,
                    properties=properties,
                    delivered=delivered,
                    again=again,
                )


def corrections(world: World, sent: list[Event], spared: set[tuple[str, date]]) -> list[Event]:
    """Negative events that take back all or half of an earlier one, ten minutes after it.

    Not for events of the `spared` files (gateway, day), which never arrive whole, nor for strangers'.
    """
    salt = salted(world, "fix")
    strangers = {name for account in world.strangers for name in account.organizations}
    result = []
    for n, event in enumerate(sent):
        if mix(n, salt) % (2 * CORRECTED_EVERY) or event.subject in strangers:
            continue
        latest = 24 * 60 * MINUTE_MS - 11 * MINUTE_MS
        if (event.gateway, event.delivered) in spared or event.ms > latest or not isinstance(event.quantity, int):
            continue
        taken_back = event.quantity if n % 2 else max(1, event.quantity // 2)
        result.append(
            Event(
                event_id=f"{event.event_id}-c",
                gateway=event.gateway,
                meter=event.meter,
                subject=event.subject,
                day=event.day,
                ms=event.ms + 10 * MINUTE_MS,
                quantity=-taken_back,
                properties={**event.properties, "corrects": event.event_id},
                delivered=event.delivered,
                extra=True,
            )
        )
    return result


def storage_levels(world: World) -> list[Event]:
    """Changes of the stored gigabytes of every account whose plan stores: up at the start, then up and down."""
    result = []
    for account in world.accounts:
        if not any(c.get("meter") == "storage.gb" for doc in account.contracts for c in doc["charges"]):
            continue
        changes = ((0, 400), (13, 250), (24, -150), (40, 300), (58, -200), (73, 125))
        for n, (offset, level) in enumerate(changes):
            day = account.starts_on + timedelta(days=offset)
            if day <= world.options.last_day:
                result.append(
                    Event(
                        event_id=f"s{account.number}-{n:03d}",
                        gateway=GATEWAYS[account.selling_entity],
                        meter="storage.gb",
                        subject=subjects(account)[0],
                        day=day,
                        ms=(6 + n) * 60 * MINUTE_MS,
                        quantity=level,
                        properties={"region": REGIONS[account.selling_entity][0]},
                        delivered=day,
                        extra=True,
                    )
                )
    return result
