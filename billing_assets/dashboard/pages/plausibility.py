"""Plausibility of what landed: vocabulary, ranges, completeness, volumes and schema drift of every source."""

from __future__ import annotations

from typing import Any

from billing_assets.dashboard.ask import Ask, Page
from billing_assets.dashboard.pages import links
from billing_assets.dashboard.tables import Choice, Column, Table

RESULTS = "marts.fct_plausibility"


def overview(ask: Ask) -> Page:
    """Every check with what was expected and what was seen; failed ones first."""
    totals = ask.snapshot.rows_of(
        [RESULTS],
        f"select source, count(*) as checks, count(*) filter (where not passed) as failed, "
        f"sum(unexpected)::bigint as unexpected from {RESULTS} group by source order by source",
    )
    return Page("plausibility.html", "Plausibility of what landed", tables=(checks(),), facts={"totals": totals})


def checks(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """One row per check and month of the rows it judged."""
    return Table(
        name="checks",
        title="Checks",
        needs=(RESULTS,),
        query=f"select *, case when passed then 'passed' else 'failed' end as verdict from {RESULTS} where {where}",
        values=values or {},
        columns=(
            Column("check_id", "Check", "id"),
            Column("verdict", "Verdict", "status"),
            Column("severity", "Severity"),
            Column("description", "Says", "long"),
            Column("observed", "Observed", "long"),
            Column("expected", "Expected", "long"),
            Column("source", "Source", "id"),
            Column("period", "Period", "id"),
            Column("control_id", "Control", "id", links.control),
            Column("rows_checked", "Rows", "number"),
            Column("unexpected", "Unexpected", "number"),
            Column("table_name", "Table", "id"),
            Column("column_name", "Column", "id"),
            Column("sample", "Sample", "long"),
        ),
        order="passed, unexpected desc",
        scope={"period": "period"} if where == "true" else {},
        choices=(
            Choice("verdict", "Verdict", "verdict"),
            Choice("source", "Source", "source"),
            Choice("severity", "Severity", "severity"),
        ),
        empty="No plausibility check matches these filters.",
    )
