"""Reconciliations R06 to R10: both sides of every key, their difference, its code and when it should clear."""

from __future__ import annotations

from typing import Any

from billing_assets.dashboard.ask import Ask, Page
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import links
from billing_assets.dashboard.tables import SCOPE, Choice, Column, Table, only

RECONCILIATION = "marts.fct_reconciliation"
# What stands on the left and on the right of each.
MEANINGS = {
    "R06": "ordered, provisioned and billed",
    "R07": "metered records and AWS's usage",
    "R08": "metered value and AWS's invoices",
    "R09": "AWS's invoices and fee, tax, net",
    "R10": "AWS's balance, payouts and the bank",
}
_STATUS = "case status when 'break' then 1 when 'timing' then 2 else 3 end"


def overview(ask: Ask) -> Page:
    """Counts by reconciliation and status, and all rows; breaks first."""
    totals: list[Row] = ask.snapshot.rows_of(
        [RECONCILIATION],
        f"""
        select reconciliation_id, currency, count(*) as rows,
            count(*) filter (where status = 'matched') as matched,
            count(*) filter (where status = 'timing') as timing,
            count(*) filter (where status = 'break') as breaks,
            sum(left_amount) as left_amount, sum(right_amount) as right_amount,
            sum(difference) filter (where status = 'timing') as timing_amount,
            sum(difference) filter (where status = 'break') as break_amount
        from {RECONCILIATION}
        where ($period = '' or period = $period) and ($entity = '' or selling_entity = $entity)
            and ($channel = '' or channel = $channel)
        group by all order by reconciliation_id, currency
        """,
        {name: ask.params.get(name, "") for name in SCOPE},
    )
    return Page(
        "reconciliations.html",
        "Reconciliations",
        tables=(only(listing(), scope=SCOPE),),
        facts={"totals": totals, "meanings": MEANINGS},
    )


def listing(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """Reconciliation rows."""
    return Table(
        name="reconciliation",
        title="Reconciliation rows",
        needs=(RECONCILIATION,),
        query=f"select * from {RECONCILIATION} where {where}",
        values=values or {},
        columns=(
            Column("reconciliation_id", "Reconciliation", "id"),
            Column("comparison", "Compares", "words"),
            Column("period", "Period", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "hidden"),
            Column("agreement_id", "Agreement", "id", links.agreement),
            Column("key", "Key", "pairs"),
            Column("status", "Status", "status", sort=_STATUS),
            Column("break_code", "Code", "id"),
            Column("left_amount", "Left", "money"),
            Column("right_amount", "Right", "money"),
            Column("difference", "Difference", "money"),
            Column("currency", "Currency", "id"),
            Column("expected_clear", "Expected to clear", "day"),
            Column("suggested_cause", "Suggested cause", "long"),
        ),
        order=f"{_STATUS}, abs(difference) desc nulls last, reconciliation_id, period",
        choices=(
            Choice("status", "Status", "status"),
            Choice("rec", "Reconciliation", "reconciliation_id"),
            Choice("code", "Code", "break_code"),
        ),
        search=("key", "agreement_id"),
        empty="No reconciliation row matches: with both sides landed, each key has one.",
    )
