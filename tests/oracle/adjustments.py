"""What reduces or raises what was charged: discounts, credits, tax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial

from tests.oracle.calendar import midnight
from tests.oracle.commitments import prepaid_windows
from tests.oracle.credits import opening, step_starts
from tests.oracle.figures import settle, spread, total
from tests.oracle.prices import number
from tests.oracle.terms import REDUCIBLE, Contract, Json, Line, applies
from tests.oracle.usage import in_time


def adjusting(kind: str, parent: Line, reference: str, amount: Fraction) -> Line:
    """A discount or credit line of the line it belongs to."""
    line = Line(kind, parent.charge, parent.bill_date, parent.start, parent.end, amount, parent.group, parent.product)
    line.reference, line.amount, line.parent = reference, amount, parent
    return line


def _ordered(discounts: Sequence[Json]) -> list[Json]:
    """By `order`; where none is given percentages come before amounts."""
    return sorted(discounts, key=lambda d: (d.get("order") or 0, d["kind"] != "percent"))


def discount_lines(contract: Contract, bill: Sequence[Line], taken: dict[str, int]) -> list[Line]:
    """Discounts of one bill, charge by charge and then the contract's; `taken` counts the bills each was used on."""
    found: list[Line] = []
    charged = [line for line in bill if line.kind in REDUCIBLE]
    for charge_id in dict.fromkeys(line.charge for line in charged):
        lines = [line for line in charged if line.charge == charge_id]
        charge = contract.charge_on(charge_id, lines[-1].start)
        for terms in _ordered([d for d in (charge or {}).get("discounts") or [] if d["kind"] != "free_quantity"]):
            found += _discount(contract, terms, lines, taken)
    for terms in _ordered([d for d in contract.versions[-1].get("discounts") or [] if d["kind"] != "free_quantity"]):
        found += _discount(contract, terms, [line for line in charged if applies(terms, line)], taken)
    return found


def _discount(contract: Contract, terms: Json, lines: list[Line], taken: dict[str, int]) -> list[Line]:
    duration = terms.get("duration") or {"kind": "forever"}
    most = {"once": 1, "periods": duration.get("periods")}.get(duration["kind"])
    lines = [line for line in lines if in_time(terms, line.start)]
    if not lines or (most is not None and taken.get(terms["discount_id"], 0) >= most):
        return []
    if terms["kind"] == "percent":
        exact = [line.left * number(terms["value"]) / 100 for line in lines]
        offs = [contract.round(off) for off in exact]
        if contract.stage == "total":
            offs = settle(contract.round(total(exact)), exact, contract.places)
    else:
        left = [line.left for line in lines]
        offs = spread(min(contract.round(number(terms["value"])), total(left)), left, contract.places)
    found = []
    for line, off in zip(lines, offs, strict=True):
        if off:
            line.left -= off
            found.append(adjusting("discount", line, terms["discount_id"], -off))
    if found:
        taken[terms["discount_id"]] = taken.get(terms["discount_id"], 0) + 1
    return found


@dataclass
class Grant:
    grant_id: str
    pays: bool  # purchased and commit grants pay a bill; the others reduce it
    balance: Fraction
    opens: datetime
    closes: datetime | None
    rank: tuple[object, ...]
    terms: Json
    # Later beginnings of the balance: when, and what of the balance it had makes the new one.
    steps: list[tuple[datetime, Callable[[Fraction], Fraction]]] = field(default_factory=list)

    def turn_to(self, at: datetime) -> None:
        while self.steps and self.steps[0][0] <= at:
            self.balance = self.steps.pop(0)[1](self.balance)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def grants_of(contract: Contract, until: datetime) -> list[Grant]:
    """Money grants, first to burn first."""
    found = []
    late = datetime.max.replace(tzinfo=UTC)
    for terms in contract.versions[-1].get("credit_grants") or []:
        if terms["unit"] == "currency":
            opens, ends = _instant(terms["effective_at"]), _instant(terms.get("expires_at"))
            assert opens
            rank = (terms.get("priority") or 0, ends or late, opens, terms["grant_id"])
            pays = terms["kind"] in {"purchased", "commit"}
            grant = Grant(terms["grant_id"], pays, number(terms["amount"]), opens, ends, rank, terms)
            for at in step_starts(terms, opens, ends or late, contract.zone, until)[1:]:
                grant.steps.append((at, partial(opening, terms, 1)))
            found.append(grant)
    for commitment in contract.versions[0].get("commitments") or []:
        if commitment["kind"] == "prepaid":
            found.append(_prepaid(contract, commitment["commitment_id"]))
    return sorted(found, key=lambda grant: grant.rank)


def _prepaid(contract: Contract, commitment_id: str) -> Grant:
    """The credit of a prepaid commitment; bought again, each window adds what it paid to what rolls over."""
    (start, _, terms), *later = prepaid_windows(contract, commitment_id)
    opens, ends = midnight(start, contract.zone), _instant(terms.get("expires_at"))
    rank = (terms.get("priority") or 0, ends or datetime.max.replace(tzinfo=UTC), opens, commitment_id)
    grant = Grant(commitment_id, True, number(terms["amount"]), opens, ends, rank, terms)
    for start, _, again in later:
        grant.steps.append((midnight(start, contract.zone), partial(_bought_again, again)))
    return grant


def _bought_again(terms: Json, left: Fraction) -> Fraction:
    rollover = terms.get("rollover")
    kept = min(max(left, number(rollover.get("min"))), number(rollover["max"])) if rollover else Fraction(0)
    return number(terms["amount"]) + kept


def draw(contract: Contract, bill: Sequence[Line], grants: Sequence[Grant]) -> list[Line]:
    """Draw on what is left of the bill's lines, by the moment it arose; one credit line per line and grant."""
    atoms = []
    for place, line in enumerate(bill):
        for at, part in line.shares or [(midnight(line.start, contract.zone), Fraction(1))]:
            if line.kind in REDUCIBLE and line.left > 0:
                atoms.append((at, place, line, line.left * part))
    atoms.sort(key=lambda atom: atom[:2])
    drawn: dict[tuple[str, int], Fraction] = {}
    for at, place, line, value in atoms:
        rest = value
        for grant in grants:
            grant.turn_to(at)
            if grant.opens <= at and (grant.closes is None or at < grant.closes) and applies(grant.terms, line):
                part = min(rest, grant.balance)
                grant.balance -= part
                rest -= part
                drawn[grant.grant_id, place] = drawn.get((grant.grant_id, place), Fraction(0)) + part
    # A grant is drawn in whole money: what it gives to a bill is rounded once and shared by its lines.
    lines = []
    for grant in grants:
        exact = {place: part for (grant_id, place), part in drawn.items() if grant_id == grant.grant_id}
        whole = contract.round(total(exact.values()))
        for place, amount in zip(exact, settle(whole, list(exact.values()), contract.places), strict=True):
            if amount:
                parent = bill[place]
                parent.left -= amount
                lines.append(adjusting("credit", parent, grant.grant_id, -amount))
    return lines


def tax_lines(contract: Contract, bill: Sequence[Line]) -> list[Line]:
    """Tax on what is left of each line, one line per tax code, rounded as the contract says.

    An added tax stays with what is left of its line: a credit that pays a bill pays its tax too. An inclusive one is
    taken out of its line's amount.
    """
    codes = {terms["tax_code"]: terms for terms in contract.versions[-1].get("taxes") or []}
    taxed = [line for line in bill if line.kind in REDUCIBLE]
    exact: dict[tuple[int, str], Fraction] = {}
    for place, line in enumerate(taxed):
        own = [terms for terms in codes.values() if applies(terms, line)]
        gross = 100 + total(number(terms["rate_percent"]) for terms in own if terms.get("inclusive"))
        for terms in own:
            exact[place, terms["tax_code"]] = line.left * number(terms["rate_percent"]) / gross
    together: dict[object, list[tuple[int, str]]] = {}
    how = contract.billing.get("tax_rounding") or "line"
    for place, code in exact:
        pot = {"rate": (place, code), "line": place, "by_tax": code, "total": None}[how]
        together.setdefault(pot, []).append((place, code))
    by_code: dict[str, Fraction] = {}
    for keys in together.values():
        values = [exact[key] for key in keys]
        whole = contract.round(total(values))
        for (place, code), amount in zip(keys, settle(whole, values, contract.places), strict=True):
            by_code[code] = by_code.get(code, Fraction(0)) + amount
            if codes[code].get("inclusive"):
                taxed[place].amount -= amount
            else:
                taxed[place].left += amount
    return [
        Line("tax", code, bill[0].bill_date, bill[0].start, bill[0].end, amount, reference=code, amount=amount)
        for code, amount in by_code.items()
    ]
