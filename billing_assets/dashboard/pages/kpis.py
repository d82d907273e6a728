"""KPIs: a tile each with its formula, its population and its course over the periods."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_assets.dashboard import charts, show
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.tables import Choice, Column, Table, only

KPIS = "marts.fct_kpis"


@dataclass(frozen=True)
class Meaning:
    """What a KPI is called, what stands above and below the line, and whether it is a share or a mean of days."""

    name: str
    above: str
    below: str
    is_share: bool = True


MEANINGS = {
    "automation_rate": Meaning("Touchless documents", "due documents issued without a hold", "due documents"),
    "exception_rate": Meaning("Exception rate", "due documents with an open exception", "due documents"),
    "on_time_billing": Meaning(
        "On-time billing", "due documents issued by the first business day after the bill date", "due documents"
    ),
    "usage_to_invoice_days": Meaning(
        "Usage to invoice", "days from the end of service to issue, summed", "issued documents billed in arrears", False
    ),
    "quarantine_rate": Meaning("Set-aside rate", "usage rows in conflict or quarantine", "landed usage rows"),
    "duplicate_rate": Meaning("Repeat rate", "usage rows sent again", "landed usage rows"),
    "unbilled_value": Meaning("Unbilled value", "due rated value not billed", "due rated value"),
    "auto_match_rate_count": Meaning("Receipts matched by rule", "receipts applied in full by a rule", "receipts"),
    "auto_match_rate_value": Meaning("Cash matched by rule", "received value that rules applied", "received value"),
    "unapplied_cash": Meaning("Unapplied cash", "received value not applied", "received value"),
}


def meaning(kpi_id: str, unit: str) -> Meaning:
    """A KPI's words; one that has no words here is described by its unit."""
    return MEANINGS.get(kpi_id) or Meaning(
        show.words(kpi_id).capitalize(), "numerator", f"denominator ({unit})", unit.startswith("share")
    )


def overview(ask: Ask) -> Page:
    """A tile per KPI (and currency, where it counts money) over the chosen scopes, pooled by their populations."""
    pooled = _pooled(ask)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in pooled:
        groups.setdefault((row["kpi_id"], row["unit"], row["currency"]), []).append(row)
    known = list(MEANINGS)
    ordered = sorted(groups, key=lambda group: (known.index(group[0]) if group[0] in known else len(known), group))
    tiles = [_tile(ask, group, groups[group]) for group in ordered]
    return Page("kpis.html", "KPIs", tables=(listing(),), facts={"tiles": [tile for tile in tiles if tile]})


def kpi(ask: Ask) -> Page:
    """One KPI with its course as a chart, and every scope's figures."""
    kpi_id = ask.parts["kpi_id"]
    rows = [row for row in _pooled(ask) if row["kpi_id"] == kpi_id]
    known = ask.snapshot.rows_of([KPIS], f"select unit from {KPIS} where kpi_id = $kpi limit 1", {"kpi": kpi_id})
    if not known:
        raise UnknownKey(f"There is no KPI {kpi_id}.")
    units = dict.fromkeys((row["unit"], row["currency"]) for row in rows)
    found = meaning(kpi_id, known[0]["unit"])
    drawn = [
        charts.line(
            _marks([row for row in rows if (row["unit"], row["currency"]) == (unit, currency)], found),
            f"{found.name}: {unit}",
            percent=found.is_share,
        )
        for unit, currency in units
    ]
    table = only(
        listing(), query=f"select * from ({listing().query}) where kpi_id = $kpi", values={"kpi": kpi_id}, choices=()
    )
    return Page(
        "kpi.html",
        found.name,
        crumbs=(("KPIs", "/kpis"),),
        tables=(table,),
        facts={"meaning": found, "charts": list(zip((unit for unit, _ in units), drawn, strict=True))},
    )


def _pooled(ask: Ask) -> list[Row]:
    """Numerators and denominators of the chosen scopes, added per period; never across the currency a scope names."""
    return ask.snapshot.rows_of(
        [KPIS],
        f"""
        select kpi_id, unit, split_part(scope, '/', 3) as currency, period,
            sum(numerator) as numerator, sum(denominator) as denominator, sum(sample_size)::bigint as sample_size
        from {KPIS}
        where ($entity = '' or split_part(scope, '/', 1) = $entity)
            and ($channel = '' or split_part(scope, '/', 2) = $channel)
        group by kpi_id, unit, currency, period order by kpi_id, unit, currency, period
        """,
        {name: ask.params.get(name, "") for name in ("entity", "channel")},
    )


def _value(row: Row) -> Decimal | None:
    if row["denominator"] is None or row["numerator"] is None or not row["denominator"]:
        return None
    return Decimal(row["numerator"] / row["denominator"])


def _words(value: Decimal | None, found: Meaning) -> str:
    if value is None or found.is_share:
        return show.share(value)
    return f"{value:.1f} days"


def _marks(rows: list[Row], found: Meaning) -> list[charts.Mark]:
    return [charts.Mark(row["period"], _value(row), _words(_value(row), found)) for row in rows]


def _tile(ask: Ask, group: tuple[str, str, str], rows: list[Row]) -> dict[str, Any] | None:
    kpi_id, unit, currency = group
    chosen = next((row for row in rows if row["period"] == ask.params.get("period")), None)
    if chosen is None and not ask.params.get("period"):
        # The newest whole month with a population; the month that is running says little yet.
        running = str(ask.snapshot.as_of)[:7]
        known = [row for row in rows if row["denominator"]]
        chosen = next((row for row in reversed(known) if row["period"] < running), (known or rows)[-1])
    if chosen is None:
        return None
    found = meaning(kpi_id, unit)
    marks = _marks(rows, found)
    return {
        "kpi_id": kpi_id,
        "name": f"{found.name}, {currency}" if currency else found.name,
        "unit": unit,
        "value": _words(_value(chosen), found),
        "period": chosen["period"],
        "above": found.above,
        "below": found.below,
        "numerator": chosen["numerator"],
        "denominator": chosen["denominator"],
        "sample_size": chosen["sample_size"],
        "trend": charts.spark(marks, f"{found.name} by period"),
    }


def listing() -> Table:
    """Every KPI, period and scope as the mart holds it."""
    return Table(
        name="kpis",
        title="All figures",
        needs=(KPIS,),
        query=f"select *, split_part(scope, '/', 1) as entity, split_part(scope, '/', 2) as channel from {KPIS}",
        columns=(
            Column("kpi_id", "KPI", "id", lambda row: f"/kpis/{row['kpi_id']}"),
            Column("period", "Period", "id"),
            Column("scope", "Scope", "id"),
            Column("numerator", "Numerator", "number"),
            Column("denominator", "Denominator", "number"),
            Column("value", "Value", "number"),
            Column("unit", "Unit"),
            Column("sample_size", "Sample", "number"),
        ),
        order="kpi_id, scope, period desc",
        scope={"period": "period", "entity": "entity", "channel": "channel"},
        choices=(Choice("kpi", "KPI", "kpi_id"),),
        empty="No KPI has a figure in this selection: a month without a population has none.",
    )
