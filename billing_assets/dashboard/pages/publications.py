"""Issued documents on their way to their targets: per batch what is confirmed, left and rejected, and control totals.

As of the last run; `billing outbox` says it of this moment.
"""

from __future__ import annotations

from billing_assets.dashboard.ask import Ask, Page
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import links
from billing_assets.dashboard.tables import Choice, Column, Table

NEEDS = ("raw_ledger.publications", "raw_ledger.issued_documents")
TOTALS = "raw_ledger.control_totals"
ATTEMPTS = "raw_ledger.publication_attempts"

# Ends of a delivery; everything else is left to the next one. Unknown: it may have been sent, and is read back first.
_ITEMS = """
    select items.target, items.batch, items.document_id, items.key, items.state, items.attempts, items.confirmed_at,
        documents.number, documents.kind, documents.selling_entity, documents.channel, documents.close_period as period,
        documents.issue_date, documents.total, documents.currency,
        case when items.state in ('confirmed', 'rejected', 'void') then items.state
            when items.state in ('unknown', 'sent') then 'unknown' else 'left' end as stands
    from raw_ledger.publications as items inner join raw_ledger.issued_documents as documents using (document_id)
"""
_LATEST = f"""
    select * from {TOTALS} qualify row_number() over (partition by target, batch, currency order by check_no desc) = 1
"""
_SCOPE = {"period": "period", "entity": "selling_entity", "channel": "channel"}


def _batch_link(row: Row) -> str:
    return f"/publications?items.target={row['target']}&items.batch={row['batch']}#items"


def overview(ask: Ask) -> Page:
    """A row per target, batch and currency, and every item that is not confirmed with the target's last answer."""
    totals = ask.snapshot.rows_of(
        NEEDS,
        f"""
        select target, currency, count(*) as documents, sum(total) as amount,
            count(*) filter (where stands = 'confirmed') as confirmed,
            count(*) filter (where stands in ('left', 'unknown')) as unfinished,
            count(*) filter (where stands = 'rejected') as rejected,
            count(*) filter (where stands = 'void') as voided
        from ({_ITEMS}) group by all order by target, currency
        """,
    )
    targets: dict[str, list[Row]] = {}
    for row in totals:
        targets.setdefault(row["target"], []).append(row)
    differs = ask.snapshot.rows_of(
        [TOTALS],
        f"select count(*) as rows from ({_LATEST}) "
        "where confirmed_documents <> held_documents or confirmed_amount <> held_amount",
    )
    return Page(
        "publications.html",
        "Publications",
        tables=(_batches(), _items()),
        facts={"targets": targets, "differs": differs[0]["rows"] if differs else 0},
    )


def _batches() -> Table:
    return Table(
        name="batches",
        title="Batches",
        needs=(*NEEDS, TOTALS),
        query=f"""
            select items.target, items.batch, items.currency, max(items.issue_date) as issue_date,
                count(*) as issued, sum(items.total) as issued_amount,
                count(*) filter (where stands = 'confirmed') as confirmed,
                sum(items.total) filter (where stands = 'confirmed') as confirmed_amount,
                count(*) filter (where stands = 'left') as "left",
                count(*) filter (where stands = 'unknown') as unknown,
                count(*) filter (where stands = 'rejected') as rejected,
                count(*) filter (where stands = 'void') as voided,
                sum(items.attempts) as attempts,
                any_value(latest.held_documents) as held, any_value(latest.held_amount) as held_amount,
                any_value(latest.check_no) as check_no, any_value(latest.as_of) as compared_on,
                case when any_value(latest.check_no) is null then 'not compared'
                    when any_value(latest.held_documents) = count(*) filter (where stands = 'confirmed')
                        and any_value(latest.held_amount)
                            = coalesce(sum(items.total) filter (where stands = 'confirmed'), 0) then 'ties'
                    else 'differs' end as verdict
            from ({_ITEMS}) as items
            left join ({_LATEST}) as latest using (target, batch, currency)
            group by items.target, items.batch, items.currency
        """,
        columns=(
            Column("target", "Target", "id"),
            Column("batch", "Batch", "number", _batch_link),
            Column("verdict", "Totals", "status"),
            Column("issue_date", "Issued on", "hidden"),
            Column("issued", "Issued", "number"),
            Column("issued_amount", "Amount", "money"),
            Column("confirmed", "Confirmed", "number"),
            Column("confirmed_amount", "Amount", "money"),
            Column("left", "Left", "number"),
            Column("unknown", "Unknown", "number"),
            Column("rejected", "Rejected", "number"),
            Column("attempts", "Sendings", "number"),
            Column("held", "Target has", "number"),
            Column("held_amount", "Amount", "money"),
            Column("currency", "Currency", "id"),
            Column("voided", "Void", "hidden"),
            Column("compared_on", "Compared", "hidden"),
            Column("check_no", "Checks", "hidden"),
        ),
        order="batch desc, target, currency",
        choices=(Choice("target", "Target", "target"), Choice("verdict", "Totals", "verdict")),
        note="Totals tie when the target says it has what it confirmed, in number and money. Unknown: it may have been "
        "sent, and the target is asked before it is sent again.",
        empty="Nothing has been issued yet.",
        page_size=25,
    )


def _items() -> Table:
    return Table(
        name="items",
        title="Documents",
        needs=(*NEEDS, ATTEMPTS),
        query=f"""
            select items.*, last.detail as answer, last.as_of as answered_on
            from ({_ITEMS}) as items
            left join (
                select key, detail, as_of from {ATTEMPTS}
                qualify row_number() over (partition by key order by attempt_no desc) = 1
            ) as last using (key)
        """,
        columns=(
            Column("number", "Number", "id", links.invoice),
            Column("key", "Outbox item", "id"),
            Column("batch", "Batch", "number"),
            Column("state", "State", "status"),
            Column("target", "Target", "hidden"),
            Column("document_id", "Document", "hidden"),
            Column("stands", "Stands", "hidden"),
            Column("answer", "The target's last answer", "long"),
            Column("answered_on", "On", "hidden"),
            Column("attempts", "Sendings", "number"),
            Column("total", "Total", "money"),
            Column("currency", "Currency", "hidden"),
            Column("selling_entity", "Entity", "hidden"),
            Column("channel", "Channel", "hidden"),
            Column("period", "Period", "hidden"),
        ),
        order="case stands when 'rejected' then 1 when 'unknown' then 2 when 'left' then 3 else 4 end, batch, number",
        scope=_SCOPE,
        choices=(
            Choice("target", "Target", "target"),
            Choice("stands", "Stands", "stands"),
            Choice("batch", "Batch", "batch"),
        ),
        search=("document_id", "number", "answer"),
        note="What was rejected waits for a person: mend the cause, then billing resend ITEM --reason TEXT.",
        empty="No document fits this selection.",
        page_size=25,
    )


def attempts(document_id: str) -> Table:
    """Every step of the delivery of a document, with what its targets answered."""
    return Table(
        name="attempts",
        title="Delivery, step by step",
        needs=(ATTEMPTS,),
        query=f"select * from {ATTEMPTS} where document_id = $document",
        values={"document": document_id},
        columns=(
            Column("target", "Target", "id"),
            Column("attempt_no", "Step", "number"),
            Column("state", "State", "status"),
            Column("detail", "Answer", "long"),
            Column("as_of", "On", "day"),
            Column("key", "Outbox item", "id"),
        ),
        order="target, attempt_no",
        page_size=20,
        empty="No step was taken.",
    )
