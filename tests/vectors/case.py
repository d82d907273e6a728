"""A vector as nights of one contract: what lands before each, and how its figures answer the vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.vectors.nights import Figures, Nights
from tests.vectors.terms import NotSaid, Usage
from tests.vectors.vector import Actual, Failed, Inexpressible, Json, Outcome, Vector

Read = Callable[[list[Figures]], Actual]
# One business day after each bill date; usage of a period that lands after its own is late.
DAYS = [date(2026, 2, 3), date(2026, 3, 3), date(2026, 4, 3), date(2026, 5, 3), date(2026, 6, 3), date(2026, 7, 3),
        date(2026, 8, 3), date(2026, 9, 3)]  # fmt: skip


@dataclass
class Night:
    """What lands before one night."""

    documents: list[Json] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)


@dataclass
class Case:
    """The nights of a vector's contract; `read` is given the figures after each of them."""

    contract_id: str
    nights: list[Night]
    read: Read


Build = Callable[[Vector, str], Case]


def total(figures: Figures) -> Decimal:
    """What is due of a contract: the sum of its lines, zero where there is no document."""
    return sum((Decimal(line["amount"]) for line in figures.lines), Decimal(0))


def run(vectors: Iterable[Vector], builders: dict[str, Build], *, issue: bool) -> dict[str, Outcome]:
    """All vectors as contracts of one landing zone, night by night. A vector that cannot be mapped stops no other."""
    outcomes: dict[str, Outcome] = {}
    cases: dict[str, Case] = {}
    for place, vector in enumerate(vectors):
        try:
            cases[vector.id] = builders[vector.op](vector, f"V{place:05d}")
        except NotSaid as missing:
            outcomes[vector.id] = Inexpressible(str(missing))
        except Exception as error:  # one vector's fault is that vector's failure
            outcomes[vector.id] = Failed(f"not mapped: {error!r}")
    with TemporaryDirectory(prefix="vectors-") as folder:
        after = _bill(list(cases.values()), Nights(Path(folder)), issue)
    for name, case in cases.items():
        outcomes[name] = _answer(case, after)
    return outcomes


def _bill(cases: list[Case], nights: Nights, issue: bool) -> list[dict[str, Figures]]:
    after: list[dict[str, Figures]] = []
    known: dict[tuple[str, str], str] = {}
    for place in range(max((len(case.nights) for case in cases), default=0)):
        for case in cases:
            if place < len(case.nights):
                _land(case, case.nights[place], nights, known)
        after.append(nights.run(DAYS[place], issue=issue))
    return after


def _land(case: Case, night: Night, nights: Nights, known: dict[tuple[str, str], str]) -> None:
    """A fall of a sum is a correction and names an event; without one before it, an empty one is sent first."""
    subject = f"A-{case.contract_id}"
    nights.zone.contracts.extend(night.documents)
    for usage in night.usage:
        key, properties = (subject, usage.meter), dict(usage.properties)
        if usage.quantity is not None and Decimal(usage.quantity) < 0 and usage.meter != "usage_weighted_sum":
            if key not in known:
                known[key] = nights.zone.event(subject, usage.meter, usage.moment, "0", usage.properties)
            properties["corrects"] = known[key]
        name = nights.zone.event(subject, usage.meter, usage.moment, usage.quantity, properties)
        known.setdefault(key, name)


def _answer(case: Case, after: list[dict[str, Figures]]) -> Outcome:
    own = [figures.get(case.contract_id, Figures()) for figures in after[: len(case.nights)]]
    if own and own[-1].held:
        return Failed("held: " + "; ".join(own[-1].held))
    try:
        return case.read(own)
    except Exception as error:
        return Failed(f"not read: {error!r}")
