"""The close on a page: every gate of every scope, and one gate down to what stands in its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing_assets.dashboard import months
from billing_assets.dashboard.ask import Ask, Page, UnknownKey, key
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import controls, exceptions, invoices, links
from billing_assets.dashboard.tables import SCOPE, Choice, Column, Table, only

NEEDS = ("marts.fct_readiness",)
_FILTER = """
    ($period = '' or period = $period) and ($entity = '' or selling_entity = $entity)
    and ($channel = '' or channel = $channel)
"""
# Gates that count roll-forwards instead of exceptions, and the kinds they count.
_ROLLFORWARDS = {"G10": ("ar",), "G12": ("marketplace",), "G13": ("wallet",), "G14": ("unbilled", "deferred")}


def overview(ask: Ask) -> Page:
    """A row of gates per scope, newest period first, and a table of what is not ready."""
    values = {name: ask.params.get(name, "") for name in SCOPE}
    rows = ask.snapshot.rows_of(
        NEEDS,
        f"select * from marts.fct_readiness where {_FILTER} "
        "order by period desc, selling_entity, channel, gate_id, currency",
        values,
    )
    gates = {row["gate_id"]: row["gate_name"] for row in sorted(rows, key=lambda row: str(row["gate_id"]))}
    verdicts = {
        (row["period"], row["selling_entity"], row["channel"]): row
        for row in ask.snapshot.rows_of(["raw_gate.verdicts"], "select * from raw_gate.verdicts where level = 'scope'")
    }
    periods: dict[str, list[dict[str, Any]]] = {}
    for scope in dict.fromkeys((row["period"], row["selling_entity"], row["channel"]) for row in rows):
        own = [row for row in rows if (row["period"], row["selling_entity"], row["channel"]) == scope]
        periods.setdefault(scope[0], []).append(_scope(ask, scope, own, verdicts.get(scope)))
    states = months.badges(ask)
    return Page(
        "readiness.html",
        "Close readiness",
        tables=(open_gates(ask),),
        facts={
            "periods": periods,
            "gates": gates,
            "tiles": _tiles(ask, values, periods),
            "badges": {period: _badges(scopes, states.get(period, {})) for period, scopes in periods.items()},
        },
    )


def _scope(ask: Ask, scope: tuple[str, str, str], rows: list[Row], verdict: Row | None) -> dict[str, Any]:
    period, entity, channel = scope
    cells: dict[str, dict[str, Any]] = {}
    for row in rows:
        cell = cells.setdefault(row["gate_id"], {"status": row["status"], "count": 0, "money": [], "cause": None})
        cell["count"] += row["open_count"]
        cell["cause"] = cell["cause"] or row["first_blocking_cause"]
        cell["link"] = ask.to(f"/readiness/{key(row['gate_id'])}", period=period, entity=entity, channel=channel)
        if row["open_amount"]:
            cell["money"].append((row["open_amount"], row["currency"]))
    blocking = next((cell for cell in cells.values() if cell["status"] != "ready"), None)
    return {
        "entity": entity,
        "channel": channel,
        "cells": cells,
        "ready": sum(cell["status"] == "ready" for cell in cells.values()),
        "verdict": verdict["verdict"] if verdict else None,
        "reasons": links.strings(verdict["reasons"]) if verdict else [],
        "first": blocking,
    }


def _badges(scopes: list[dict[str, Any]], states: dict[str, tuple[str, int]]) -> list[tuple[str, str, int]]:
    """Entity, state and version of a month for each entity that is shown; a month without a step is open."""
    entities = dict.fromkeys(scope["entity"] for scope in scopes if scope["entity"])
    return [(entity, *states.get(entity, ("open", 1))) for entity in entities]


def _tiles(ask: Ask, values: dict[str, str], periods: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    scopes = [scope for own in periods.values() for scope in own]
    urgent = ask.snapshot.rows_of(
        (*exceptions.NEEDS, "raw.run_context"),
        f"""
        select count(*) as open_count, count(*) filter (where severity = 'critical') as critical,
            count(*) filter (where severity = 'high') as high,
            count(*) filter (where sla_due < (select max(as_of) from raw.run_context)) as overdue
        from marts.fct_exceptions where status = 'open' and {_FILTER}
        """,
        values,
    )
    held: list[Row] = ask.snapshot.rows_of(
        invoices.NEEDS,
        f"""
        select currency, count(*) as documents, sum(total) as amount
        from (select *, close_period as period from marts.fct_invoices) where status = 'held' and {_FILTER}
        group by currency order by currency
        """,
        values,
    )
    return {
        "scopes": len(scopes),
        "scopes_ready": sum(scope["ready"] == len(scope["cells"]) for scope in scopes),
        "exceptions": urgent[0] if urgent else None,
        "held": held,
        "held_count": sum(row["documents"] for row in held),
    }


def _gate_link(row: Row) -> str:
    return (
        f"/readiness/{key(row['gate_id'])}?period={key(row['period'])}"
        f"&entity={key(row['selling_entity'])}&channel={key(row['channel'])}"
    )


def open_gates(ask: Ask) -> Table:
    """Close gates that are not ready."""
    return Table(
        name="gates",
        title="What stands in the way",
        needs=NEEDS,
        query="select * from marts.fct_readiness",
        columns=(
            Column("gate_id", "Gate", "id", _gate_link),
            Column("gate_name", "Requires"),
            Column("period", "Period", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "id"),
            Column("status", "Status", "status"),
            Column("open_count", "Open", "number"),
            Column("open_amount", "Open amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("owner", "Owner"),
            Column("first_blocking_cause", "First blocking cause", "long"),
        ),
        order="period desc, selling_entity, channel, gate_id",
        scope=SCOPE,
        choices=(
            Choice("status", "Status", "status"),
            Choice("gate", "Gate", "gate_id"),
            Choice("owner", "Owner", "owner"),
        ),
        defaults={"status": "open"},
        empty='No gate is open here: with status "all" the ready ones are listed too.',
    )


def gate(ask: Ask) -> Page:
    """One gate in a scope: what it counts (exceptions, held documents or roll-forwards), and the controls behind it."""
    gate_id = ask.parts["gate_id"]
    values = {name: ask.params.get(name, "") for name in SCOPE}
    rows = ask.snapshot.rows_of(
        NEEDS,
        f"select * from marts.fct_readiness where gate_id = $gate and {_FILTER} "
        "order by period desc, selling_entity, channel, currency",
        {**values, "gate": gate_id},
    )
    known = ask.snapshot.rows_of(
        ["reference.close_gates"], "select * from reference.close_gates where gate_id = $gate", {"gate": gate_id}
    )
    if not rows and not known:
        raise UnknownKey(f"There is no close gate {gate_id}.")
    name = rows[0]["gate_name"] if rows else known[0]["name"]
    return Page(
        "gate.html",
        f"{gate_id}: {name}",
        crumbs=(("Readiness", "/"),),
        tables=tuple(_behind(ask, gate_id)),
        facts={
            "gate_id": gate_id,
            "owner": rows[0]["owner"] if rows else known[0]["owner"],
            "rows": rows,
            "open_count": sum((row["open_count"] for row in rows), 0),
            "money": _by_currency(rows),
        },
    )


def _by_currency(rows: list[Row]) -> list[tuple[Decimal, str]]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["open_amount"] is not None and row["currency"]:
            sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row["open_amount"]
    return [(amount, currency) for currency, amount in sorted(sums.items())]


def _behind(ask: Ask, gate_id: str) -> list[Table]:
    # G18 counts every critical and high exception, whichever gate its control belongs to.
    if gate_id == "G18":
        which, values = "severity in ('critical', 'high')", {}
    else:
        which, values = "close_gate = $gate", {"gate": gate_id}
    behind = [exceptions.queue(ask, title="Exceptions it counts", where=which, values=values)]
    if gate_id == "G05":
        behind.insert(0, only(invoices.listing(title="Held documents"), defaults={"status": "held"}, page_size=20))
    if gate_id in _ROLLFORWARDS:
        behind.insert(0, rollforward(_ROLLFORWARDS[gate_id]))
    behind.append(
        only(
            controls.results(title="Controls behind it"),
            needs=(*controls.NEEDS, "reference.control_catalogue"),
            query="select results.*, catalogue.name from marts.fct_control_results as results "
            "inner join reference.control_catalogue as catalogue using (control_id) where catalogue.close_gate = $gate",
            values={"gate": gate_id},
            empty="No control is bound to this gate in the catalogue.",
        )
    )
    return behind


def rollforward(kinds: tuple[str, ...]) -> Table:
    """The receivable roll-forwards of some kinds; a difference is a defect."""
    return Table(
        name="rollforward",
        title="Roll-forward",
        needs=("marts.fct_receivable_rollforward",),
        query="""
            select *, closing - opening + difference as movement,
                case when difference = 0 then 'ties' else 'differs' end as verdict
            from marts.fct_receivable_rollforward where list_contains($kinds, kind)
        """,
        values={"kinds": list(kinds)},
        columns=(
            Column("kind", "Kind", "id"),
            Column("period", "Period", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("agreement_id", "Agreement", "hidden"),
            Column("currency", "Currency", "id"),
            Column("opening", "Opening", "money"),
            Column("movement", "Movements", "money"),
            Column("closing", "Closing", "money"),
            Column("difference", "Difference", "money"),
            Column("verdict", "Verdict", "status"),
        ),
        order="abs(difference) desc, period desc, kind",
        scope={"period": "period", "entity": "selling_entity"},
        page_size=20,
        empty="Nothing rolls forward here yet.",
    )
