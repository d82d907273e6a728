"""Twins: the same contract with one thing changed, billed in the same run. A property compares it with its base.

Belongs here: what is changed, and to which contracts the change applies. What must then hold is in `test_properties`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from tests.oracle.terms import Contract
from tests.pricing.contracts import AS_OF, Case, Json, Use, dearer

# A reading that stays as it is when an event is sent again as another event, or moved within what it is counted over.
_REPEATABLE = {"max", "min", "average", "unique_count"}
_MOVABLE = {"sum", "count", "max", "min", "average", "unique_count"}
_HALF = Decimal(2)
# Terms of a percentage by which two halves cost something else than the whole.
_PER_EVENT = {"fixed_per_event", "free_events", "min_per_event", "max_per_event"}


def twins_of(case: Case, place: int) -> Iterator[tuple[str, Case]]:
    """The twins of the contract at a place of its batch, by kind; the kinds take turns so that all are in a batch."""
    if case.usage:
        for kinds in (("files", "duplicates", "late"), ("events", "hours", "days")):
            kind = kinds[place % 3]
            yield kind, _twin(case, kind, usage=SPLITS.get(kind, _as_it_is)(case))
        yield "more", _twin(case, "more", usage=_more(case))
    yield "tenfold", _twin(case, "tenfold", lambda document: document | {"charges": [
        _tenfold(charge) for charge in document["charges"]
    ]}, [_with_amount(use, Decimal(10)) for use in case.usage])  # fmt: skip
    if case.document["taxes"]:
        yield "untaxed", _twin(case, "untaxed", lambda document: document | {"taxes": []})
    if place % 3 == 0:
        yield "idle", _twin(case, "idle", usage=[])
    if place % 3 == 1 and len(case.versions) == 1:
        twin = _twin(case, "restated")
        later = twin.document | {"version": 2, "effective_from": _inside(twin.document)}
        yield "restated", replace(twin, versions=(twin.document, later))
    billing = case.document["billing"]
    if case.charges("recurring") and billing["proration"] != "none" and not billing["trial_days"]:
        cut = _inside(case.document)
        bare: Json = {"commitments": [], "credit_grants": []}
        ended = [version for version in case.versions if version["effective_from"] < cut]
        for kind, versions, terms in (
            ("first part", tuple(ended), {"ends_on": cut}),
            ("second part", case.versions, {"starts_on": cut}),
        ):
            changed = tuple(document | bare | terms for document in versions)
            yield kind, _twin(replace(case, versions=changed), kind, usage=[])


def _tenfold(charge: Json) -> Json:
    dear = charge | {"price": dearer(charge["price"], Decimal(10))}
    return dear | {"maximum": str(Decimal(charge["maximum"]) * 10)} if "maximum" in charge else dear


def _twin(
    case: Case,
    kind: str,
    change: Callable[[Json], Json] = lambda document: document,
    usage: Sequence[Use] | None = None,
) -> Case:
    name = f"{case.contract_id}.{kind.replace(' ', '-')}"
    versions = [
        change(document) | {"contract_id": name, "account": document["account"] | {"account_id": f"A-{name}"}}
        for document in case.versions
    ]
    return Case(name, case.model, tuple(versions), tuple(case.usage if usage is None else usage))


def _inside(document: Json) -> str:
    """A day inside most billing periods, and inside the contract."""
    return "2026-03-19" if document["starts_on"] > "2026-03-01" else "2026-02-11"


def _as_it_is(case: Case) -> list[Use]:
    return list(case.usage)


def _split(case: Case, moved: Callable[[Use], datetime | None]) -> list[Use]:
    """Each event as two: halves where it is summed, itself twice where that is the same; `moved` says when the other.

    A count cannot be in halves: its event is moved as a whole. `moved` gives none where no other moment is as good, as
    where credit or free events are used up in order of time.
    """
    found = []
    units = {grant["unit"] for grant in case.document["credit_grants"]}
    is_divided = _is_divided(case.document["credit_grants"])
    for use in case.usage:
        charge = case.charges("usage")[use.charge_id]
        price, reading = charge["price"], charge["aggregation"]
        moment = use.moment if is_divided else moved(use)
        is_counted = reading == "count" or not price.keys().isdisjoint(_PER_EVENT)
        is_in_turn = use.meter in units or "free_events" in price
        if moment is None or (moment != use.moment and (is_in_turn or reading not in _MOVABLE)):
            found.append(use)
        elif is_counted:
            found.append(replace(use, moment=moment))
        elif reading in _REPEATABLE or price["model"] == "capacity":
            found += [use, replace(use, number=f"{use.number}b", moment=moment)]
        elif reading == "latest":
            found += [use, replace(use, number=f"{use.number}b")]
        else:
            part = Decimal(use.quantity) / _HALF
            first, second = (_with_amount(replace(use, quantity=f"{part:f}"), 1 / _HALF) for _ in range(2))
            found += [first, replace(second, number=f"{use.number}b", moment=moment)]
    return found


def _is_divided(grants: Sequence[Json]) -> bool:
    """Whether credit of money asks when usage happened: it begins or ends meanwhile, or pays for some of it only."""
    of_money = [grant for grant in grants if grant["unit"] == "currency"]
    return len({str(grant["applies_to"]) for grant in of_money}) > 1 or any(
        "recurrence" in grant
        or grant["effective_at"] > "2026"
        or (grant["expires_at"] and grant["expires_at"] < "2028")
        for grant in of_money
    )


def _with_amount(use: Use, factor: Decimal) -> Use:
    """The event with the amount it brings, if it brings one, times `factor`."""
    return replace(use, properties=tuple(
        (name, f"{Decimal(value) * factor:f}" if name == "amount" else value) for name, value in use.properties
    ))  # fmt: skip


def _other_hour(use: Use) -> datetime:
    return use.moment.replace(hour=(use.moment.hour + 7) % 24)


def _over_days(case: Case) -> list[Use]:
    """The other half goes to the last day of the stretch of days that its charge is priced over as one."""
    contract = Contract(list(case.versions), AS_OF)

    def last_day(use: Use) -> datetime | None:
        on = use.moment.date()
        for period in contract.periods:
            if period.start <= on < period.end:
                for start, end, _ in contract.stretches(use.charge_id, period):
                    if start <= on < end:
                        last = min(end, AS_OF) - timedelta(days=1)
                        return use.moment + timedelta(days=(last - on).days) if last >= on else None
        return None

    return _split(case, last_day)


def _more(case: Case) -> list[Use]:
    """A quarter more in every event, and for every event that is counted another, of a user not seen before."""
    found = []
    for use in case.usage:
        found.append(replace(use, quantity=f"{Decimal(use.quantity) * Decimal('1.25'):f}"))
        found[-1] = _with_amount(found[-1], Decimal("1.25"))
        if case.charges("usage")[use.charge_id]["aggregation"] in ("count", "unique_count"):
            other = tuple((name, f"{value} more" if name == "user" else value) for name, value in use.properties)
            found.append(replace(use, number=f"{use.number}b", properties=other))
    return found


SPLITS: dict[str, Callable[[Case], list[Use]]] = {
    "events": lambda case: _split(case, lambda use: use.moment),
    "hours": lambda case: _split(case, _other_hour),
    "days": _over_days,
}
