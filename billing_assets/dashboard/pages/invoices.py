"""Documents: the list, and one with its lines, its gate verdict, its publication and the way back to its evidence."""

from __future__ import annotations

from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import exceptions, links
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
    return Page("invoices.html", "Invoices", tables=(listing(),), facts={"by_status": by_status})


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
            _publications(identity),
        ),
        facts={
            "header": header,
            "verdicts": _verdicts(ask, header),
            "chosen": _chosen(ask, header),
        },
        has_scope=False,
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
