"""The work queue, and one exception with its cause, its next step and the rows that prove it."""

from __future__ import annotations

import json

from billing_assets.dashboard import decided
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.pages import acts, evidence, links
from billing_assets.dashboard.tables import SCOPE, Choice, Column, Table

NEEDS = ("marts.fct_exceptions",)
_SEVERITY = "case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end"
_QUERY = """
    select exceptions.*,
        case
            when status <> 'open' then null
            when sla_due < (select max(as_of) from raw.run_context) then 'overdue'
            when sla_due = (select max(as_of) from raw.run_context) then 'due today'
            else 'in time'
        end as sla
    from marts.fct_exceptions as exceptions
"""

COLUMNS = (
    Column("exception_id", "Exception", "short", links.exception),
    Column("severity", "Severity", "status", sort=_SEVERITY),
    Column("control_id", "Control", "id", links.control),
    Column("suggested_cause", "Suggested cause", "long"),
    Column("owner", "Owner"),
    Column("amount", "Amount", "money"),
    Column("currency", "Currency", "hidden"),
    Column("direction", "Direction", "words"),
    Column("age_days", "Age, days", "number"),
    Column("sla_due", "SLA due", "day"),
    Column("sla", "SLA", "status"),
    Column("period", "Period", "id"),
    Column("selling_entity", "Entity", "id"),
    Column("channel", "Channel", "hidden"),
    Column("account_id", "Account", "id"),
    Column("contract_id", "Contract", "hidden"),
    Column("document_id", "Document", "hidden"),
    Column("code", "Code", "id"),
    Column("status", "Status", "status"),
    Column("next_step", "Next step", "hidden"),
    Column("evidence", "Evidence", "hidden"),
)


def queue(ask: Ask, *, title: str = "Work queue", where: str = "", values: dict[str, str] | None = None) -> Table:
    """The exceptions as a table; `where` narrows it further with bound `values`."""
    return Table(
        name="exceptions",
        title=title,
        needs=(*NEEDS, "raw.run_context"),
        query=_QUERY + (f" where {where}" if where else ""),
        values=values or {},
        columns=COLUMNS,
        order=f"case status when 'open' then 0 else 1 end, {_SEVERITY}, sla_due, abs(amount) desc nulls last",
        scope=SCOPE,
        choices=(
            Choice("status", "Status", "status"),
            Choice("severity", "Severity", "severity"),
            Choice("owner", "Owner", "owner"),
            Choice("control", "Control", "control_id"),
            Choice("code", "Code", "code"),
            Choice("direction", "Direction", "direction"),
            Choice("sla", "SLA", "sla"),
        ),
        defaults={"status": "open"},
        search=("exception_id", "account_id", "contract_id", "document_id", "suggested_cause"),
        empty="No open exception here: the controls found nothing, or other filters exclude it.",
    )


def overview(ask: Ask) -> Page:
    """All exceptions, the open ones first, the most severe and most urgent on top."""
    totals = ask.snapshot.rows_of(
        NEEDS,
        """
        select currency, direction, count(*) as rows, sum(abs(amount)) as amount from marts.fct_exceptions
        where status = 'open' and ($period = '' or period = $period) and ($entity = '' or selling_entity = $entity)
            and ($channel = '' or channel = $channel)
        group by all order by currency nulls last, direction
        """,
        {name: ask.params.get(name, "") for name in SCOPE},
    )
    waived = ask.snapshot.rows_of(
        NEEDS,
        """
        select count(*) as rows from marts.fct_exceptions
        where status = 'waived' and ($period = '' or period = $period) and ($entity = '' or selling_entity = $entity)
            and ($channel = '' or channel = $channel)
        """,
        {name: ask.params.get(name, "") for name in SCOPE},
    )
    return Page(
        "exceptions.html",
        "Exceptions",
        tables=(queue(ask),),
        facts={
            "totals": totals,
            "open_count": sum(row["rows"] for row in totals),
            "waived_count": waived[0]["rows"] if waived else 0,
        },
    )


def exception(ask: Ask) -> Page:
    """One exception: what is wrong, its money, who works on it, and its evidence resolved into rows."""
    row = None
    if ask.snapshot.has(*NEEDS):
        row = ask.snapshot.one(f"select * from ({_QUERY}) where exception_id = $id", {"id": ask.parts["exception_id"]})
    if row is None:
        raise UnknownKey(f"There is no exception {ask.parts['exception_id']}.")
    violation = ask.snapshot.rows_of(
        ["marts.fct_control_violations"],
        "select violation_key from marts.fct_control_violations where exception_id = $id",
        {"id": row["exception_id"]},
    )
    row |= {"violation_key": violation[0]["violation_key"] if violation else None}
    catalogue = ask.snapshot.rows_of(
        ["reference.control_catalogue"],
        "select * from reference.control_catalogue where control_id = $id",
        {"id": row["control_id"]},
    )
    code = ask.snapshot.rows_of(
        ["reference.exception_codes"],
        "select * from reference.exception_codes where code = $code",
        {"code": row["code"]},
    )
    live = decided.register(ask)
    waivers = ask.snapshot.rows(
        "select * from live_requests where what = 'waiver' and exception_id = $id order by request_no desc",
        {"id": row["exception_id"]},
    )
    held = ask.snapshot.rows(
        "select * from live_holds where level = 'document' and key = $document and state = 'standing'",
        {"document": row["document_id"]},
    )
    found = _parsed(row["evidence"])
    return Page(
        "exception.html",
        f"Exception {row['exception_id']}",
        crumbs=(("Exceptions", "/exceptions"),),
        tables=evidence.tables(ask.snapshot, found, row),
        facts={
            "row": row,
            "control": catalogue[0] if catalogue else None,
            "code": code[0] if code else None,
            "said": evidence.said(found),
            "waivers": waivers,
            "held": held,
            "live": not live.problem,
            "commands": () if live.problem else acts.on_exception(row, waivers, held),
        },
        has_scope=False,
        notice=live.notice,
    )


def _parsed(text: str | None) -> dict[str, object]:
    if not text:
        return {}
    found = json.loads(text)
    return found if isinstance(found, dict) else {"rows": found}
