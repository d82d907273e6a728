"""Controls: results by scope with the catalogue's words, and one control down to its violations."""

from __future__ import annotations

from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.pages import exceptions, links
from billing_assets.dashboard.tables import SCOPE, Choice, Column, Table, only

NEEDS = ("marts.fct_control_results",)
_STATUS = "case status when 'fail' then 1 when 'not_run' then 2 else 3 end"


def results(*, title: str = "Results by scope") -> Table:
    """One row per control, scope and currency."""
    return Table(
        name="results",
        title=title,
        needs=(*NEEDS, "reference.control_catalogue"),
        query="select results.*, catalogue.name from marts.fct_control_results as results "
        "left join reference.control_catalogue as catalogue using (control_id)",
        columns=(
            Column("control_id", "Control", "id", links.control),
            Column("name", "Requires"),
            Column("status", "Status", "status", sort=_STATUS),
            Column("severity", "Severity"),
            Column("blocks", "Blocks"),
            Column("period", "Period", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "id"),
            Column("population_rows", "Judged", "number"),
            Column("population_amount", "Judged amount", "hidden"),
            Column("violations", "Violations", "number"),
            Column("violation_amount", "Violation amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("query_hash", "Query hash", "hidden"),
        ),
        order=f"{_STATUS}, violations desc, period desc",
        scope=SCOPE,
        choices=(
            Choice("status", "Status", "status"),
            Choice("severity", "Severity", "severity"),
            Choice("blocks", "Blocks", "blocks"),
        ),
        empty="No control ran on such a scope.",
    )


def overview(ask: Ask) -> Page:
    """The catalogue with how each control stands, and all results."""
    catalogue = Table(
        name="catalogue",
        title="Catalogue",
        needs=(*NEEDS, "reference.control_catalogue"),
        query="""
            select catalogue.control_id, catalogue.name, catalogue.assertion, catalogue.type, catalogue.severity,
                catalogue.blocks, catalogue.owner, catalogue.sla_hours, catalogue.close_gate, catalogue.what_is_wrong,
                coalesce(sum(results.violations), 0)::bigint as violations,
                coalesce(sum(results.population_rows), 0)::bigint as population_rows,
                case
                    when count(results.control_id) = 0 then 'not_run'
                    when bool_or(results.status = 'fail') then 'fail'
                    when bool_or(results.status = 'not_run') then 'not_run'
                    else 'pass'
                end as status
            from reference.control_catalogue as catalogue
            left join marts.fct_control_results as results
                on catalogue.control_id = results.control_id
                and ($period = '' or results.period = $period) and ($entity = '' or results.selling_entity = $entity)
                and ($channel = '' or results.channel = $channel)
            group by all
        """,
        values={name: ask.params.get(name, "") for name in SCOPE},
        columns=(
            Column("control_id", "Control", "id", links.control),
            Column("name", "Requires"),
            Column("status", "Status", "status", sort=_STATUS),
            Column("violations", "Violations", "number"),
            Column("population_rows", "Judged", "number"),
            Column("assertion", "Assertion"),
            Column("severity", "Severity"),
            Column("blocks", "Blocks"),
            Column("close_gate", "Gate", "id"),
            Column("owner", "Owner"),
            Column("sla_hours", "SLA (h)", "number"),
            Column("what_is_wrong", "What is wrong when it fires", "hidden"),
        ),
        order="control_id",
        page_size=120,
        empty="The control catalogue is empty.",
    )
    return Page("plain.html", "Controls", tables=(catalogue, results()))


def control(ask: Ask) -> Page:
    """One control: what it says, its results by scope and the exceptions it raised."""
    control_id = ask.parts["control_id"]
    catalogue = ask.snapshot.rows_of(
        ["reference.control_catalogue"],
        "select * from reference.control_catalogue where control_id = $id",
        {"id": control_id},
    )
    if not catalogue:
        raise UnknownKey(f"There is no control {control_id} in the catalogue.")
    raised = exceptions.queue(
        ask, title="Violations and past exceptions", where="control_id = $control", values={"control": control_id}
    )
    return Page(
        "control.html",
        f"{control_id}: {catalogue[0]['name']}",
        crumbs=(("Controls", "/controls"),),
        tables=(
            only(raised, choices=tuple(choice for choice in raised.choices if choice.name != "control"), defaults={}),
            only(
                results(),
                query=f"select * from ({results().query}) where control_id = $control",
                values={"control": control_id},
                choices=(),
            ),
        ),
        facts={"control": catalogue[0]},
    )
