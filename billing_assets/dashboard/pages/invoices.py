"""Documents: the list, and one with its lines, its gate verdict, its publication and the way back to its evidence."""

from __future__ import annotations

from typing import Any

from billing_assets.dashboard import decided
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import acts, decisions, exceptions, links, publications
from billing_assets.dashboard.tables import Choice, Column, Table, only
from billing_assets.documents import explain

NEEDS = ("marts.fct_invoices",)
SCOPE = {"period": "close_period", "entity": "selling_entity", "channel": "channel"}
_NAMES = "left join (select document_id, account_name from marts.fct_draft_invoices) as names using (document_id)"


def listing(*, title: str = "Documents") -> Table:
    """All draft, held and issued documents."""
    return Table(
        name="invoices",
        title=title,
        needs=(*NEEDS, "marts.fct_draft_invoices"),
        query=f"select invoices.*, names.account_name from marts.fct_invoices as invoices {_NAMES}",
        columns=(
            Column("document_id", "Document", "id", links.invoice),
            Column("number", "Number", "id"),
            Column("kind", "Kind", "words"),
            Column("status", "Status", "status"),
            Column("account_id", "Account", "id"),
            Column("account_name", "Name"),
            Column("contract_id", "Contract", "hidden"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "hidden"),
            Column("close_period", "Period", "id"),
            Column("period_from", "Service from", "hidden"),
            Column("period_to", "Service to", "hidden"),
            Column("bill_date", "Bill date", "day"),
            Column("issue_date", "Issued", "day"),
            Column("due_date", "Due", "day"),
            Column("tax", "Tax", "money"),
            Column("total", "Total", "money"),
            Column("currency", "Currency", "hidden"),
        ),
        order="bill_date desc, number desc nulls last",
        scope=SCOPE,
        choices=(
            Choice("status", "Status", "status"),
            Choice("kind", "Kind", "kind"),
            Choice("currency", "Currency", "currency"),
            Choice("account", "Account", "account_id"),
        ),
        search=("document_id", "number", "account_id", "account_name", "contract_id"),
        empty="No document matches these filters.",
    )


def overview(ask: Ask) -> Page:
    """Every document, with sums by status and currency."""
    totals = ask.snapshot.rows_of(
        NEEDS,
        """
        select status, currency, count(*) as documents, sum(total) as amount from marts.fct_invoices
        where ($period = '' or close_period = $period) and ($entity = '' or selling_entity = $entity)
            and ($channel = '' or channel = $channel)
        group by all order by status, currency
        """,
        {name: ask.params.get(name, "") for name in SCOPE},
    )
    by_status: dict[str, list[Row]] = {}
    for row in totals:
        by_status.setdefault(row["status"], []).append(row)
    return Page("invoices.html", "Invoices", tables=(listing(), _ranges()), facts={"by_status": by_status})


def invoice(ask: Ask) -> Page:
    """One document. `?line=N` walks that line back to clause, price, tiers, hours and files."""
    document = ask.parts["document_id"]
    header = None
    if ask.snapshot.has(*NEEDS, "marts.fct_draft_invoices"):
        header = ask.snapshot.one(
            f"select invoices.*, names.account_name from marts.fct_invoices as invoices {_NAMES} "
            "where invoices.document_id = $key or invoices.number = $key",
            {"key": document},
        )
    if header is None:
        raise UnknownKey(f"There is no document {document}.")
    identity = {"document": header["document_id"]}
    live = decided.register(ask)
    asked = ask.snapshot.rows("select * from live_requests where document_id = $document", identity)
    held = ask.snapshot.rows(
        "select * from live_holds where level = 'document' and key = $document and state = 'standing'", identity
    )
    rejected = ask.snapshot.rows_of(
        ["raw_ledger.publications"],
        "select key from raw_ledger.publications where document_id = $document and state = 'rejected' order by key",
        identity,
    )
    correction = _correction(ask, header)
    return Page(
        "invoice.html",
        f"{str(header['kind']).replace('_', ' ').capitalize()} {header['number'] or header['document_id']}",
        crumbs=(("Invoices", "/invoices"),),
        tables=(
            _lines(ask, header),
            only(
                exceptions.queue(
                    ask, title="Exceptions on this document", where="document_id = $document", values=identity
                ),
                choices=(),
                search=(),
                scope={},
                defaults={},
                empty="No control found anything on this document.",
            ),
            _related(header),
            decisions.all_requests(
                live,
                "document_id = $document",
                title="Requests on this document",
                values=identity,
                empty="Nobody has asked for anything on this document.",
            ),
            _publications(identity),
            publications.attempts(header["document_id"]),
        ),
        facts={
            "header": header,
            "held": held,
            "correction": correction,
            "range_start": _range_start(ask, header),
            "commands": acts.on_document(
                header,
                left=bool(correction["left"]),
                offered=correction["is_offered"],
                requests=asked,
                holds=held,
                rejected=[row["key"] for row in rejected],
            ),
            "verdicts": _verdicts(ask, header),
            "chosen": _chosen(ask, header),
        },
        has_scope=False,
        notice=live.notice,
    )


def _lines(ask: Ask, header: Row) -> Table:
    return Table(
        name="lines",
        title="Lines",
        needs=("marts.fct_invoice_lines",),
        query="select * from marts.fct_invoice_lines where document_id = $document",
        values={"document": header["document_id"]},
        columns=(
            Column("line_no", "Line", "number", lambda row: ask.here(line=str(row["line_no"])) + "#explained"),
            Column("line_kind", "Kind", "words"),
            Column("charge_id", "Charge", "id"),
            Column("reference_id", "Reference", "id"),
            Column("product", "Product", "hidden"),
            Column("meter", "Meter", "hidden"),
            Column("group_key", "Group", "hidden"),
            Column("service_from", "Service from", "day"),
            Column("service_to", "to", "day"),
            Column("quantity", "Quantity", "number"),
            Column("unit", "Unit"),
            Column("unrounded_amount", "Unrounded", "number"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("price_version", "Price version", "number"),
        ),
        order="line_no",
        page_size=200,
        note="A line's number explains it: clause, price, tiers, metered hours, files.",
        empty="This document has no lines.",
    )


# A credit memo, and the document it corrects; the next document of a bill date that was voided or rebilled.
_RELATED = """
    select other.*, record.decision_no, record.ordered,
        case
            when other.corrects_document_id = own.document_id then 'credits it'
            when own.corrects_document_id = other.document_id then 'is credited by it'
            when other.corrects_document_id is not null or own.corrects_document_id is not null
                then 'of the same bill date'
            when other.revision > own.revision then 'takes its place'
            else 'had its place before' end as relation
    from marts.fct_invoices as other
    inner join marts.fct_invoices as own
        on other.contract_id = own.contract_id and other.bill_date = own.bill_date
        and other.document_id <> own.document_id
    left join raw_ledger.issued_documents as record on other.document_id = record.document_id
    where own.document_id = $document
"""


def _related(header: Row) -> Table:
    return Table(
        name="corrections",
        title="Corrections and what they correct",
        needs=(*NEEDS, "raw_ledger.issued_documents"),
        query=_RELATED,
        values={"document": header["document_id"]},
        columns=(
            Column("document_id", "Document", "id", links.invoice),
            Column("number", "Number", "id"),
            Column("relation", "Which", "words"),
            Column("kind", "Kind", "words"),
            Column("status", "Status", "status"),
            Column("total", "Total", "money"),
            Column("currency", "Currency", "hidden"),
            Column("close_period", "Period", "id"),
            Column("issue_date", "Issued", "day"),
            Column("reason_code", "Reason code", "words"),
            Column("ordered", "Ordered as", "words"),
            Column("decision_no", "Decision", "number", links.decision),
        ),
        order="revision, document_id",
        empty="No other document of this bill date: nothing was credited, rebilled or voided.",
    )


def _correction(ask: Ask, header: Row) -> dict[str, Any]:
    """Which request ordered the document and who approved it; what is left of it to credit, live from the record."""
    name = str(header["document_id"])
    # A draft is not of the record: nothing is looked up for it.
    found = ask.record.ask(lambda ledger: ledger.document(name)).value if header["number"] else None
    ordered = ask.snapshot.rows_of(
        ["raw_ledger.issued_documents"],
        "select decision_no, ordered, voided_on from raw_ledger.issued_documents where document_id = $document",
        {"document": name},
    )
    facts = ordered[0] if ordered else {"decision_no": None, "ordered": None, "voided_on": None}
    requests = ask.snapshot.rows(
        "select * from live_requests where request_no = $number", {"number": facts["decision_no"]}
    )
    voids = ask.snapshot.rows(
        "select * from live_requests where what = 'void' and is_carried_out and document_id = $document",
        {"document": name},
    )
    return {
        **facts,
        "request": requests[0] if requests else None,
        "void": voids[0] if voids else None,
        "left": found.left if found and not found.is_voided else None,
        "is_offered": found.is_offered if found else bool(header["number"]),
    }


def _range_start(ask: Ask, header: Row) -> int | None:
    """The first number given here of the document's range, where another system began it."""
    rows = ask.snapshot.rows_of(
        ["raw_ledger.number_starts"],
        "select next_no from raw_ledger.number_starts where selling_entity = $entity and kind = $kind",
        {"entity": header["selling_entity"], "kind": header["kind"]},
    )
    return rows[0]["next_no"] if rows and header["number"] else None


def _ranges() -> Table:
    return Table(
        name="ranges",
        title="Numbers that go on from another system's",
        needs=("raw_ledger.number_starts",),
        query="select starts.*, files.path from raw_ledger.number_starts as starts "
        "left join (select sha256, min(path) as path from raw_landing.files group by sha256) as files using (sha256)",
        columns=(
            Column("selling_entity", "Entity", "id"),
            Column("kind", "Kind", "words"),
            Column("next_no", "First number given here", "text"),
            Column("as_of", "Taken up", "day"),
            Column("path", "Said by", "id", links.file),
            Column("sha256", "SHA-256", "hidden"),
        ),
        order="selling_entity, kind",
        empty="None: every number range begins here with 1.",
    )


def _publications(identity: dict[str, str]) -> Table:
    return Table(
        name="publications",
        title="Publication",
        needs=("raw_ledger.publications",),
        query="select * from raw_ledger.publications where document_id = $document",
        values=identity,
        columns=(
            Column("target", "Target", "id"),
            Column("state", "State", "status"),
            Column("attempts", "Attempts", "number"),
            Column("confirmed_at", "Confirmed", "day"),
            Column("key", "Key", "id"),
            Column("payload_hash", "Payload hash", "hidden"),
        ),
        order="target",
        empty="Nothing was sent to a target: only issued documents are.",
    )


def _verdicts(ask: Ask, header: Row) -> list[Row]:
    """What the gate says of the document itself and of its scope."""
    rows = ask.snapshot.rows_of(
        ["raw_gate.verdicts"],
        """
        select * from raw_gate.verdicts
        where (level = 'document' and key = $document)
            or (level = 'scope' and period = $period and selling_entity = $entity and channel = $channel)
        order by level
        """,
        {
            "document": header["document_id"],
            "period": header["close_period"],
            "entity": header["selling_entity"],
            "channel": header["channel"],
        },
    )
    return [{**row, "controls": links.strings(row["reasons"])} for row in rows]


def _chosen(ask: Ask, header: Row) -> dict[str, object] | None:
    """The line that the URL names, with the facts behind it."""
    wanted = ask.params.get("line", "")
    if not (wanted.isascii() and wanted.isdigit()):
        return None
    line = None
    if ask.snapshot.has("marts.fct_invoice_lines"):
        line = ask.snapshot.one(
            "select * from marts.fct_invoice_lines where document_id = $document and cast(line_no as varchar) = $line",
            {"document": header["document_id"], "line": wanted},
        )
    if line is None:
        raise UnknownKey(f"Document {header['document_id']} has no line {wanted}.")
    facts = []
    if ask.snapshot.has("intermediate.int_contracts__versioned", "raw_landing.files"):
        facts = list(explain.facts(ask.snapshot.cursor, header, line))
    return {"line": line, "facts": facts}
