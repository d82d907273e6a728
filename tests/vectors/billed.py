"""Routes *pipeline* and *pipeline with cycles*: every vector a contract of one landing zone, billed night by night.

The first night is the pipeline route's only one; vectors with cycles share the later ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.vectors import cycles, pipeline
from tests.vectors.case import Build, Case, Night, business_date
from tests.vectors.nights import Figures, Nights
from tests.vectors.terms import NotSaid
from tests.vectors.vector import Failed, Inexpressible, Outcome, Vector

BUILDERS: dict[str, Build] = {**pipeline.BUILDERS, **cycles.BUILDERS}


def run(vectors: Iterable[Vector]) -> dict[str, Outcome]:
    """A vector that cannot be mapped stops no other."""
    outcomes: dict[str, Outcome] = {}
    cases: dict[str, Case] = {}
    for place, vector in enumerate(vectors):
        try:
            cases[vector.id] = BUILDERS[vector.op](vector, f"V{place:05d}")  # as nights.CONTRACT
        except NotSaid as missing:
            outcomes[vector.id] = Inexpressible(str(missing))
        except Exception as error:  # one vector's fault is that vector's failure
            outcomes[vector.id] = Failed(f"not mapped: {error!r}")
    with TemporaryDirectory(prefix="vectors-") as folder:
        after = _bill(list(cases.values()), Nights(Path(folder)))
    for name, case in cases.items():
        outcomes[name] = _answer(case, after)
    return outcomes


def _bill(cases: list[Case], nights: Nights) -> list[dict[str, Figures]]:
    """The figures after each night. The last one only drafts: nothing is billed after it."""
    after: list[dict[str, Figures]] = []
    known: dict[tuple[str, str], str] = {}
    last = max((len(case.nights) for case in cases), default=0) - 1
    for place in range(last + 1):
        for case in cases:
            if place < len(case.nights):
                _land(case, case.nights[place], nights, known)
        after.append(nights.run(business_date(place), issue=place < last))
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
    # What the platform would not issue, or has not taken in, it has not computed.
    if refused := sorted({reason for figures in own for reason in figures.quarantined}):
        return Failed("quarantined: " + "; ".join(refused))
    if own and own[-1].held:
        return Failed("held: " + "; ".join(own[-1].held))
    try:
        return case.read(own)
    except Exception as error:
        return Failed(f"not read: {error!r}")
