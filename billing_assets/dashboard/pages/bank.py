"""The bank: entries of all statement formats, what they were applied to, and what is left unapplied."""

from __future__ import annotations

import json
from typing import Any

from billing_assets.dashboard.ask import Ask, Page, UnknownKey, key
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import links
from billing_assets.dashboard.tables import Choice, Column, Table, only

ENTRIES = "marts.fct_bank_entries"
STATEMENTS = "raw_bank.statements"
APPLIED = "raw_match.applications"
_SCOPE = {"period": "period", "entity": "selling_entity"}
_NOTHING = "No bank statement has landed: land camt.053, MT940, BAI2 or CSV statements and run again."


def overview(ask: Ask) -> Page:
    """Sums by what entries were taken for, all entries, and the statements."""
    totals = ask.snapshot.rows_of(
        [ENTRIES],
        "select classification, status, currency, count(*) as entries, sum(applied) as applied, "
        f"sum(unapplied) as unapplied from {ENTRIES} where ($entity = '' or selling_entity = $entity) "
        "and ($period = '' or period = $period) group by all order by all",
        {name: ask.params.get(name, "") for name in ("entity", "period")},
    )
    return Page("bank.html", "Bank", tables=(only(entries(), scope=_SCOPE), _statements()), facts={"totals": totals})


def entry(ask: Ask) -> Page:
    """One entry: what it was applied to and by which rung, or which targets it might belong to."""
    values = {"entry": ask.parts["entry_id"]}
    rows = ask.snapshot.rows_of([ENTRIES], f"select * from {ENTRIES} where entry_id = $entry", values)
    if not rows:
        raise UnknownKey(f"There is no bank entry {ask.parts['entry_id']}.")
    candidates = json.loads(rows[0]["candidates"]) if rows[0]["candidates"] else []
    return Page(
        "entry.html",
        f"Bank entry {ask.parts['entry_id']}",
        crumbs=(("Bank", "/bank"),),
        tables=(applications("entry_id = $entry", values),),
        facts={
            "entry": rows[0],
            "candidates": [json.dumps(c, ensure_ascii=False) if isinstance(c, dict) else str(c) for c in candidates],
        },
        has_scope=False,
    )


def entries(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """Bank entries with what became of them; what is applied in full has no age."""
    return Table(
        name="entries",
        title="Entries",
        needs=(ENTRIES,),
        query=f"select * from {ENTRIES} where {where}",
        values=values or {},
        columns=(
            Column("value_date", "Value date", "day", links.entry),
            Column("entry_id", "Entry", "hidden"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("classification", "Taken for", "words"),
            Column("status", "Status", "status"),
            Column("applied", "Applied", "money"),
            Column("unapplied", "Unapplied", "money"),
            Column("age_days", "Age, days", "number"),
            Column("rung", "Matched by", "words"),
            Column("counterparty", "Counterparty"),
            Column("reference", "Reference", "id"),
            Column("applied_to", "Applied to", "hidden"),
            Column("selling_entity", "Entity", "hidden"),
            Column("bank_reference", "Bank reference", "hidden"),
            Column("narrative", "Narrative", "hidden"),
            Column("account", "Account", "id"),
            Column("format", "Format", "id"),
        ),
        order="value_date desc, entry_id",
        choices=(
            Choice("taken", "Taken for", "classification"),
            Choice("status", "Status", "status"),
            Choice("currency", "Currency", "currency"),
            Choice("account", "Account", "account"),
        ),
        search=("entry_id", "counterparty", "reference", "narrative"),
        empty=_NOTHING,
    )


def applications(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """Which entry was applied to what, by which rung of the ladder."""
    return Table(
        name="applications",
        title="Applied",
        needs=(APPLIED, ENTRIES),
        query=f"""
            select * from (
                select applied.*, entries.value_date, entries.counterparty, entries.reference
                from {APPLIED} as applied left join {ENTRIES} as entries using (entry_id)
            ) where {where}
        """,
        values=values or {},
        columns=(
            Column("value_date", "Value date", "day", links.entry),
            Column("entry_id", "Entry", "hidden"),
            Column("target_kind", "Applied to", "words"),
            Column("target_id", "Target", "id", _target),
            Column("rung", "Matched by", "words"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("counterparty", "Counterparty"),
            Column("reference", "Reference", "id"),
            Column("applied_on", "Applied on", "day"),
            Column("rule_version", "Rule version", "number"),
        ),
        order="value_date, entry_id",
        page_size=25,
        empty="Nothing was applied: no bank entry fits, or none has landed yet.",
    )


def _target(row: Row) -> str:
    room = "invoices" if row["target_kind"] == "invoice" else "marketplace/payouts"
    return f"/{room}/{key(row['target_id'])}"


def _statements() -> Table:
    return Table(
        name="statements",
        title="Statements",
        needs=(STATEMENTS,),
        query=f"select * from {STATEMENTS}",
        columns=(
            Column("statement_id", "Statement", "id"),
            Column("account", "Account", "id"),
            Column("from_date", "From", "day"),
            Column("to_date", "To", "day"),
            Column("format", "Format", "id"),
            Column("opening_balance", "Opening", "money"),
            Column("closing_balance", "Closing", "money"),
            Column("currency", "Currency", "hidden"),
        ),
        order="account, from_date desc",
        page_size=25,
        empty=_NOTHING,
    )
