"""Ops of credit grants: credit in units of a meter, burned by usage; balances and overage read from the roll-forward.

A source asks for balances at the end of a stretch of its own years; a run knows them at the end of its business date.
So a vector's times are moved, all by the same hours, to end with the first night: nothing here depends on a calendar.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from tests.vectors.case import Case, Night, Read, business_date
from tests.vectors.nights import Figures
from tests.vectors.terms import NotSaid, Span, Usage, charge_of, contract, moment, number, plain, zone_of
from tests.vectors.vector import Actual, Json, Vector

_CLOSE = datetime.combine(business_date(0) + timedelta(days=1), time(), UTC)
_RESET_AFTER = 7  # days; a reset "at the end of the period" needs a length, and any will do
_PRICE = {"model": "unit", "unit_price": "1"}
_METER = "usage_sum"


def grant_burndown(vector: Vector, contract_id: str) -> Case:
    """Usage without balance waits for the next grant: `preserve_overage` on every grant."""
    zone = zone_of(vector)
    if not vector.period:
        raise NotSaid("the stretch of time that balances are asked for")
    shift = _CLOSE - moment(vector.period["to"], zone)
    opens = moment(vector.period["from"], zone)
    grants = [part for grant in vector.inputs.get("grants") or [] for part in _grant(grant, opens, shift, zone)]
    usage = [
        Usage((moment(event["timestamp"], zone) if event.get("timestamp") else opens) + shift, str(event["quantity"]),
              _METER, event.get("properties") or {})
        for event in vector.usage
    ]  # fmt: skip
    starts = [opens + shift, *(datetime.fromisoformat(grant["effective_at"]) for grant in grants)]
    return _case(vector, contract_id, min(starts), grants, usage, keeps_overage=True)


def rollover(vector: Vector, contract_id: str) -> Case:
    """Every grant recurs once with its rollover, on the business date; the usage lies before."""
    resets = _CLOSE - timedelta(days=1)
    opens = resets - timedelta(days=_RESET_AFTER)
    kept = bool(vector.inputs.get("preserve_overage"))
    grants = [
        _term(grant["id"], number(grant["amount"]), opens, grant.get("priority"), preserve_overage=kept, recurrence={
            "every_days": _RESET_AFTER, "anchor": opens.isoformat(), "reset": True,
            "rollover_min": str(grant.get("min_rollover") or "0"), "rollover_max": _text(grant.get("max_rollover")),
        })
        for grant in vector.inputs.get("grants") or []
    ]  # fmt: skip
    usage = [Usage(opens + timedelta(hours=1 + place), str(event["quantity"]), _METER)
             for place, event in enumerate(vector.usage)]  # fmt: skip
    return _case(vector, contract_id, opens, grants, usage, keeps_overage=kept)


def _grant(grant: Json, opens: datetime, shift: timedelta, zone: str) -> list[Json]:
    """A grant's terms. One that opens with another balance than its amount was used before: what is left is granted,
    and where it recurs, the amount from the first recurrence on."""
    effective = max(moment(grant["effective_at"], zone), opens) if grant.get("effective_at") else opens
    begun_before = not grant.get("effective_at") or moment(grant["effective_at"], zone) <= opens
    amount = number(grant["amount"])
    opening = number(grant["opening_balance"]) if grant.get("opening_balance") is not None else amount
    recurrence = grant.get("recurrence")
    ends = {name: (moment(grant[name], zone) + shift).isoformat()
            for name in ("expires_at", "voided_at") if grant.get(name)}  # fmt: skip
    if recurrence:
        anchor = moment(recurrence["anchor"], zone) if recurrence.get("anchor") else effective
        recurs = {"every_days": int(number(recurrence["every_days"])), "anchor": (anchor + shift).isoformat(),
                  "reset": True}  # fmt: skip
    if not begun_before or opening == amount:
        more = {"recurrence": recurs} if recurrence else {}
        return [_term(grant["id"], amount, effective + shift, grant.get("priority"), **ends, **more)]
    if not recurrence:
        return [_term(grant["id"], opening, effective + shift, grant.get("priority"), **ends)]
    every = timedelta(days=int(number(recurrence["every_days"])))
    first = anchor + every * (1 + (opens - anchor) // every)
    until = {"expires_at": min([(first + shift).isoformat(), *([ends["expires_at"]] if "expires_at" in ends else [])])}
    return [
        _term(f"{grant['id']}{_FIRST}", opening, effective + shift, grant.get("priority"), **(ends | until)),
        _term(grant["id"], amount, first + shift, grant.get("priority"), **ends, recurrence=recurs),
    ]


_FIRST = " until it recurs"


def _term(name: str, amount: Decimal, effective: datetime, priority: object, **more: object) -> Json:
    return {"grant_id": name, "amount": plain(amount), "unit": _METER, "kind": "promotional",
            "effective_at": effective.isoformat(), "priority": None if priority is None else int(str(priority)),
            "preserve_overage": True} | more  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _case(
    vector: Vector, contract_id: str, opens: datetime, grants: list[Json], usage: list[Usage], *, keeps_overage: bool
) -> Case:
    span = Span(opens.date(), opens.date() + timedelta(days=365), "UTC")
    charge = charge_of(vector, _PRICE, span)
    document = contract(vector, contract_id, span, [charge], credit_grants=grants, ends_on=None)
    names = [str(grant["id"]) for grant in vector.inputs.get("grants") or []]
    return Case(contract_id, [Night([document], usage)], _read(names, keeps_overage=keeps_overage))


def _read(names: list[str], *, keeps_overage: bool) -> Read:
    """Closing balances; overage is usage that no grant has paid for, and ends with a reset that does not keep it."""

    def read(figures: list[Figures]) -> Actual:
        closing: dict[str, Decimal] = {}
        for row in sorted(figures[-1].balances, key=lambda row: str(row["period"])):
            closing[row["grant_id"]] = Decimal(row["closing"])
        balances = {name: closing.get(name, Decimal(0)) + closing.get(name + _FIRST, Decimal(0)) for name in names}
        unpaid = sum((Decimal(row["billable_quantity"]) for row in figures[-1].rated), Decimal(0))
        return {"balances": balances, "overage": unpaid if keeps_overage else Decimal(0)}

    return read
