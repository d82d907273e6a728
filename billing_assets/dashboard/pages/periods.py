"""Months on their way to the lock: a grid of month and selling entity, and one month with what is in its way.

States, steps and frozen files are live from the record; the gate's verdict and what is open are of the last run.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pyarrow as pa

from billing_assets.dashboard import decided, months, show
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.months import Months
from billing_assets.dashboard.pages import acts, decisions, links, readiness
from billing_assets.dashboard.tables import Choice, Column, Table, only

OPEN = "open"
_TEXT, _LONG, _DAY = pa.string(), pa.int64(), pa.date32()
_STEPS = pa.schema(
    [("step_no", _LONG), ("period", _TEXT), ("selling_entity", _TEXT), ("version", _LONG), ("event", _TEXT),
     ("actor", _TEXT), ("as_of", _DAY), ("decision_no", _LONG)]
)  # fmt: skip
_FILES = pa.schema(
    [("period", _TEXT), ("selling_entity", _TEXT), ("version", _LONG), ("report", _TEXT), ("rows", _LONG),
     ("sha256", _TEXT), ("verdict", _TEXT), ("fault", _TEXT)]
)  # fmt: skip
_SCOPE = {"period": "period", "entity": "selling_entity"}
_WHERE = "($period = '' or period = $period) and ($entity = '' or selling_entity = $entity)"


def overview(ask: Ask) -> Page:
    """Every month of every selling entity, newest first."""
    known, notice = months.read(ask)
    faults = months.faults(ask, known)
    _register(ask, known, faults)
    values = {name: ask.params.get(name, "") for name in _SCOPE}
    ways = _in_the_way(ask, values)
    gates = _gates(ask)
    keys = {
        (entity, period)
        for entity, period in {*ways, *known.states}
        if values["entity"] in ("", entity) and values["period"] in ("", period)
    }
    entities = sorted({entity for entity, _ in keys})
    periods = sorted({period for _, period in keys}, reverse=True)
    grid = {
        period: {
            entity: _cell(ask, known, faults, ways, gates, (entity, period))
            for entity in entities
            if (entity, period) in keys
        }
        for period in periods
    }
    problem = "" if known.is_live else notice
    states = [cell["state"] for row in grid.values() for cell in row.values()]
    return Page(
        "periods.html",
        "Periods",
        tables=(_files(problem), _steps(problem)),
        facts={
            "grid": grid,
            "entities": entities,
            "counts": {state: states.count(state) for state in ("locked", "soft_closed", OPEN)},
            "reopened": sum(1 for row in grid.values() for cell in row.values() if cell["event"] == "reopened"),
            "broken": sum(bool(said) for said in faults.values()),
            "versions": len(faults),
        },
        notice=notice,
    )


def month(ask: Ask) -> Page:
    """One month of one selling entity: state, steps, gate, what is in the way, frozen files, requests, next step."""
    entity, period = ask.parts["selling_entity"], ask.parts["period"]
    known, notice = months.read(ask)
    live = decided.register(ask)
    faults = months.faults(ask, known)
    _register(ask, known, faults)
    values = {"entity": entity, "period": period}
    ways = _in_the_way(ask, values)
    if (entity, period) not in {*ways, *known.states}:
        raise UnknownKey(f"{entity} has no month {period}.")
    problem = "" if known.is_live else notice
    mine = "selling_entity = $entity and period = $period"
    asked = ask.snapshot.rows(f"select * from live_requests where what = 'period_reopen' and {mine}", values)
    cell = _cell(ask, known, faults, ways, _gates(ask), (entity, period))
    return Page(
        "month.html",
        f"{show.month(period)}, {entity}",
        crumbs=(("Periods", "/periods"),),
        tables=(
            only(
                readiness.open_gates(ask),
                needs=readiness.NEEDS,
                query=f"select * from {readiness.NEEDS[0]} where {mine} and status <> 'ready'",
                values=values,
                scope={},
                choices=(),
                defaults={},
                empty="Every close gate of the month is ready.",
            ),
            only(_files(problem), query=f"select * from live_files where {mine}", values=values, scope={}, choices=()),
            only(_steps(problem), query=f"select * from live_steps where {mine}", values=values, scope={}, choices=()),
            decisions.all_requests(
                live,
                f"what = 'period_reopen' and {mine}",
                title="Requests to reopen it",
                values=values,
                empty="Nobody has asked to reopen the month.",
            ),
            decisions.holds(
                live,
                "state = 'standing' and level in ('period', 'scope') and (key = $period "
                "or key = $period || '/' || $entity or starts_with(key, $period || '/' || $entity || '/'))",
                title="Holds on it",
                values=values,
                empty="Nobody holds the month or a scope of it.",
            ),
        ),
        facts={
            "cell": cell,
            "entity": entity,
            "period": period,
            "commands": acts.on_month(entity, period, cell["state"], asked) if not problem else (),
        },
        has_scope=False,
        notice=notice or live.notice,
    )


# -- what a cell says --------------------------------------------------------------------------------------------------


def _cell(
    ask: Ask,
    known: Months,
    faults: dict[months.Version, tuple[str, ...]],
    ways: dict[months.Month, dict[str, Any]],
    gates: dict[months.Month, dict[str, Any]],
    month: months.Month,
) -> dict[str, Any]:
    at = known.states.get(month)
    versions = sorted(version for version in known.results if version[:2] == month)
    return {
        "state": at.state if at else OPEN,
        "event": at.event if at else None,
        "version": at.version if at else 1,
        "actor": at.actor if at else None,
        "as_of": at.as_of if at else None,
        "decision_no": at.decision_no if at else None,
        "link": ask.to(
            links.month({"selling_entity": month[0], "period": month[1]}), period=None, entity=None, channel=None
        ),
        "readiness": ask.to("/", period=month[1], entity=month[0]),
        "gate": gates.get(month),
        "way": ways.get(month) or {"gates": 0, "rows": 0, "money": []},
        "closed": [
            {"version": version[2], "files": len(known.results[version]), "faults": faults[version]}
            for version in versions
        ],
    }


def _in_the_way(ask: Ask, values: dict[str, str]) -> dict[months.Month, dict[str, Any]]:
    """(entity, month) -> close gates that are not ready, rows open and their money; every month that was judged."""
    rows = ask.snapshot.rows_of(
        readiness.NEEDS,
        f"""
        select selling_entity, period, currency,
            count(distinct gate_id || channel) filter (where status <> 'ready') as gates,
            coalesce(sum(open_count) filter (where status <> 'ready'), 0) as rows,
            sum(open_amount) filter (where status <> 'ready') as amount
        from {readiness.NEEDS[0]} where selling_entity is not null and {_WHERE} group by all order by currency
        """,
        values,
    )
    found: dict[months.Month, dict[str, Any]] = {}
    money: defaultdict[months.Month, list[tuple[Decimal, str]]] = defaultdict(list)
    counts = ask.snapshot.rows_of(
        readiness.NEEDS,
        f"select selling_entity, period, count(distinct gate_id || channel) as gates from {readiness.NEEDS[0]} "
        f"where status <> 'ready' and {_WHERE} group by all",
        values,
    )
    gates = {(row["selling_entity"], row["period"]): row["gates"] for row in counts}
    for row in rows:
        month = row["selling_entity"], row["period"]
        if row["amount"] and row["currency"]:
            money[month].append((row["amount"], row["currency"]))
        before = found.get(month, {"rows": 0})
        found[month] = {"gates": gates.get(month, 0), "rows": before["rows"] + row["rows"], "money": money[month]}
    return found


def _gates(ask: Ask) -> dict[months.Month, dict[str, Any]]:
    """(entity, month) -> the gate's verdict of the last run on it, with the controls that close it."""
    rows = ask.snapshot.rows_of(
        ["raw_gate.verdicts"],
        "select * from raw_gate.verdicts where level = 'period' and selling_entity is not null",
    )
    known = {
        row["control_id"]
        for row in ask.snapshot.rows_of(
            ["reference.control_catalogue"], "select control_id from reference.control_catalogue"
        )
    }
    return {
        (row["selling_entity"], row["period"]): {
            "verdict": row["verdict"],
            "reasons": [(reason, reason in known) for reason in links.strings(row["reasons"])],
        }
        for row in rows
    }


# -- tables ------------------------------------------------------------------------------------------------------------


def _register(ask: Ask, known: Months, faults: dict[months.Version, tuple[str, ...]]) -> None:
    """Let this request's queries read the steps and the frozen files."""
    steps = [{**vars(step), "step_no": number} for number, step in enumerate(known.steps, start=1)]
    files = []
    for (entity, period, version), results in sorted(known.results.items()):
        said = faults[entity, period, version]
        for result in results:
            # A fault names its file; one that names none of them is of the whole version.
            mine = [fault for fault in said if _names(fault, result.report)]
            whole = [fault for fault in said if not any(_names(fault, other.report) for other in results)]
            fault = next(iter([*mine, *whole]), None)
            files.append(
                {
                    "period": period,
                    "selling_entity": entity,
                    "version": version,
                    "report": result.report,
                    "rows": result.rows,
                    "sha256": result.sha256,
                    "verdict": "differs" if fault else "verified",
                    "fault": fault,
                }
            )
    ask.snapshot.cursor.register("live_steps", _table(steps, _STEPS))
    ask.snapshot.cursor.register("live_files", _table(files, _FILES))


def _names(fault: str, report: str) -> bool:
    return f" {report}.csv" in fault or fault.startswith(f"{report} of ")


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema=schema)


def _files(problem: str) -> Table:
    return Table(
        name="closed_files",
        title="Closed files",
        needs=(),
        query="select * from live_files",
        columns=(
            Column("period", "Period", "id", links.month),
            Column("selling_entity", "Entity", "id"),
            Column("version", "Version", "number"),
            Column("report", "Report", "id"),
            Column("rows", "Rows", "number"),
            Column("verdict", "Copy and evidence", "status"),
            Column("sha256", "SHA-256 in the record", "short"),
            Column("fault", "What differs", "long"),
        ),
        order="period desc, selling_entity, version desc, report",
        scope=_SCOPE,
        choices=(Choice("verdict", "Copy and evidence", "verdict"), Choice("report", "Report", "report")),
        note="Verified: evidence and copy in HOME/reports/closed are, byte for byte, what the lock put on record.",
        empty="No month is locked yet: a lock freezes its reports.",
        problem=problem,
        page_size=25,
    )


def _steps(problem: str) -> Table:
    return Table(
        name="steps",
        title="Steps taken",
        needs=(),
        query="select * from live_steps",
        columns=(
            Column("step_no", "No.", "number"),
            Column("period", "Period", "id", links.month),
            Column("selling_entity", "Entity", "id"),
            Column("version", "Version", "number"),
            Column("event", "Step", "status"),
            Column("actor", "By", "id"),
            Column("as_of", "On", "day"),
            Column("decision_no", "Decision", "number", links.decision),
        ),
        order="step_no desc",
        scope=_SCOPE,
        choices=(Choice("event", "Step", "event"),),
        empty="No month has taken a step: all are open, version 1.",
        problem=problem,
        page_size=25,
    )
