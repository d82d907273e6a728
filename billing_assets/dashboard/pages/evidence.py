"""Evidence keys resolved into the rows they name: invoice lines, files, quarantined rows, usage hours, ledger rows.

Belongs here: which key leads to which table. A key that leads nowhere is still shown as it stands in the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from billing_assets.dashboard import show
from billing_assets.dashboard.data import Row, Snapshot
from billing_assets.dashboard.pages import bank, links, marketplace, plausibility
from billing_assets.dashboard.tables import Column, Table

Evidence = Mapping[str, Any]
_GONE = "The rows that the evidence names are not in this snapshot."


def said(evidence: Evidence) -> list[tuple[str, str]]:
    """The evidence as it was written: a name and a text for each key; long lists by their number."""
    return [(name.replace("_", " "), _text(value)) for name, value in evidence.items() if value is not None]


def tables(snapshot: Snapshot, evidence: Evidence, exception: Row) -> tuple[Table, ...]:
    """A table for each kind of row that the evidence and the exception's own keys lead to."""
    found = [
        table
        for table in (
            *_billing(evidence, exception),
            *_landing(evidence),
            *_plausibility(evidence),
            *_marketplace(evidence, exception),
        )
        if table.values
    ]
    return tuple(table for table in found if snapshot.has(*table.needs))


def texts(value: Any) -> list[str]:
    """A key's value as a list of texts, whether it is one or many."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _all(evidence: Evidence, *names: str) -> list[str]:
    return sorted({text for name in names for text in texts(evidence.get(name))})


def _text(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(_text(item) for item in value[:5])
        return shown if len(value) <= 5 else f"{shown} and {len(value) - 5} more"
    if isinstance(value, dict):
        return ", ".join(f"{show.words(name)} {_text(item)}" for name, item in value.items() if item is not None)
    # Decimals stand in evidence as text with the padding of their scale.
    text = str(value)
    return text.rstrip("0").rstrip(".") if re.fullmatch(r"-?\d+\.\d+", text) else text


# -- documents and contracts -----------------------------------------------------------------------------------------


def _billing(evidence: Evidence, exception: Row) -> Iterator[Table]:
    documents = sorted({*_all(evidence, "document_id", "same_as", "documents"), *texts(exception.get("document_id"))})
    if documents:
        yield Table(
            name="documents",
            title="Documents",
            needs=("marts.fct_invoices",),
            query="select * from marts.fct_invoices where list_contains($documents, document_id)",
            values={"documents": documents},
            columns=(
                Column("document_id", "Document", "id", links.invoice),
                Column("number", "Number", "id"),
                Column("status", "Status", "status"),
                Column("account_id", "Account", "id"),
                Column("bill_date", "Bill date", "day"),
                Column("total", "Total", "money"),
                Column("currency", "Currency", "hidden"),
            ),
            order="bill_date",
            empty=_GONE,
        )
    lines = [str(line["line_no"]) if isinstance(line, dict) else str(line) for line in evidence.get("lines") or []]
    if documents and (lines or evidence.get("charge_id")):
        yield _lines(documents, lines, evidence.get("charge_id"))
    contracts = sorted({*_all(evidence, "contract_id"), *texts(exception.get("contract_id"))})
    if contracts:
        yield Table(
            name="contracts",
            title="Contract versions",
            needs=("intermediate.int_contracts__versioned", "raw_landing.files"),
            query="select versions.*, files.path from intermediate.int_contracts__versioned as versions "
            "left join raw_landing.files as files using (file_sequence) where list_contains($contracts, contract_id)",
            values={"contracts": contracts},
            columns=(
                Column("contract_id", "Contract", "id"),
                Column("version", "Version", "number"),
                Column("account_id", "Account", "id"),
                Column("account_name", "Name"),
                Column("signed_at", "Signed (UTC)", "day"),
                Column("in_force_from", "In force from", "day"),
                Column("in_force_to", "to", "day"),
                Column("currency", "Currency", "id"),
                Column("account_currency", "Account's currency", "id"),
                Column("path", "File", "id", links.file),
            ),
            order="contract_id, version",
            empty=_GONE,
        )


def _lines(documents: list[str], lines: list[str], charge: Any) -> Table:
    which = "list_contains($lines, cast(line_no as varchar))" if lines else "charge_id = $charge"
    values: dict[str, Any] = {"documents": documents}
    if lines:
        values["lines"] = lines
    else:
        values["charge"] = str(charge)
    return Table(
        name="invoice_lines",
        title="Invoice lines",
        needs=("marts.fct_invoice_lines",),
        query=f"select * from marts.fct_invoice_lines where list_contains($documents, document_id) and {which}",
        values=values,
        columns=(
            Column("document_id", "Document", "id", links.invoice),
            Column("line_no", "Line", "number", lambda row: f"{links.invoice(row)}?line={row['line_no']}"),
            Column("line_kind", "Kind"),
            Column("charge_id", "Charge", "id"),
            Column("service_from", "Service from", "day"),
            Column("service_to", "to", "day"),
            Column("quantity", "Quantity", "number"),
            Column("unit", "Unit"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("price_version", "Price version", "number"),
        ),
        order="document_id, line_no",
        empty=_GONE,
    )


# -- landed files, quarantine, usage ---------------------------------------------------------------------------------


def _landing(evidence: Evidence) -> Iterator[Table]:
    keys = texts(evidence.get("keys"))
    places = [key for key in keys if key.rpartition(":")[2].isdigit() and "/" in key]
    paths = sorted({*_all(evidence, "path", "paths"), *(place.rpartition(":")[0] for place in places)})
    if paths:
        yield Table(
            name="files",
            title="Landed files",
            needs=("raw_landing.files", "raw_landing.conservation"),
            query="select files.path, files.source, files.status, files.first_seen, files.sha256, "
            "counts.received, counts.accepted, counts.quarantined from raw_landing.files as files "
            "left join raw_landing.conservation as counts using (file_sequence) "
            "where list_contains($paths, files.path)",
            values={"paths": paths},
            columns=(
                Column("path", "File", "id", links.file),
                Column("source", "Source"),
                Column("status", "Status", "status"),
                Column("first_seen", "Landed", "day"),
                Column("received", "Received", "number"),
                Column("accepted", "Accepted", "number"),
                Column("quarantined", "Set aside", "number"),
                Column("sha256", "SHA-256", "hidden"),
            ),
            order="path",
            empty=_GONE,
        )
        yield quarantine(paths, [int(place.rpartition(":")[2]) for place in places])
    hours = [key for key in keys if key.count(" ") >= 2 and key.endswith("Z")]
    if hours:
        yield _hours(hours)
    if evidence.get("producer"):
        yield Table(
            name="manifests",
            title=f"Manifests of {evidence['producer']}",
            needs=("raw_landing.manifests",),
            query="select * from raw_landing.manifests where producer = $producer",
            values={"producer": str(evidence["producer"])},
            columns=(
                Column("producer_sequence", "Sequence", "number"),
                Column("data_path", "File", "id", lambda row: f"/conservation/files/{row['data_path']}"),
                Column("records", "Records", "number"),
                Column("quantity", "Quantity", "number"),
                Column("agrees", "Agrees", "flag"),
                Column("disagreement", "Disagreement"),
            ),
            order="agrees, producer_sequence",
            page_size=12,
            empty=_GONE,
        )


def _plausibility(evidence: Evidence) -> Iterator[Table]:
    if evidence.get("check"):
        yield plausibility.checks("check_id = $check", {"check": str(evidence["check"])})


def quarantine(paths: list[str], lines: list[int] | None = None) -> Table:
    """The quarantined rows of files: all of them, or those at the given physical lines."""
    which = " and list_contains($lines, line)" if lines else ""
    return Table(
        name="quarantine",
        title="Rows set aside",
        needs=("raw_landing.quarantine",),
        query=f"select * from raw_landing.quarantine where list_contains($paths, path){which}",
        values={"paths": paths} | ({"lines": lines} if lines else {}),
        columns=(
            Column("path", "File", "id", links.file),
            Column("line", "Line", "number"),
            Column("code", "Code", "words"),
            Column("reason", "Reason"),
            Column("account_id", "Account", "id"),
            Column("meter", "Meter", "id"),
            Column("quantity", "Quantity", "number"),
            Column("original", "Original", "long"),
        ),
        order="path, line nulls first",
        empty="No row of these files was set aside.",
    )


def _hours(keys: list[str]) -> Table:
    """Roll-up hours by keys like `org-1 tokens.input 2026-03-01T10:00Z`."""
    return Table(
        name="hours",
        title="Metered hours",
        needs=("raw_metering.usage_buckets",),
        query="select * from raw_metering.usage_buckets where list_contains($keys, "
        "concat_ws(' ', account_id, meter, strftime(bucket_from, '%Y-%m-%dT%H:%MZ')))",
        values={"keys": keys},
        columns=(
            Column("bucket_from", "Hour from (UTC)", "day"),
            Column("account_id", "Landed account", "id"),
            Column("meter", "Meter", "id"),
            Column("dimensions", "Dimensions", "long"),
            Column("event_count", "Events", "number"),
            Column("quantity_sum", "Quantity", "number"),
        ),
        order="bucket_from",
        note="The evidence names up to twenty hours; the whole stretch is in the amount.",
        empty=_GONE,
    )


# -- marketplace and bank --------------------------------------------------------------------------------------------


def _marketplace(evidence: Evidence, exception: Row) -> Iterator[Table]:
    events = _all(
        evidence, "billing_event_id", "billing_event_ids", "billing_events", "events", "parent_billing_event_id"
    )
    payouts = _all(evidence, "payout_id", "payout_ids", "resent_by")
    lines = _all(evidence, "line_key", "line_keys")
    agreements = _all(evidence, "agreement_id", "agreement_ids")
    entries = _all(evidence, "entry_id", "entry_ids")
    key = str(exception.get("violation_key") or "")
    if key.startswith("entry/"):
        entries.append(key.removeprefix("entry/"))
    if events:
        yield marketplace.ledger("list_contains($events, billing_event_id)", {"events": events})
    if payouts:
        yield marketplace.payout_table("list_contains($payouts, payout_id)", {"payouts": payouts})
    if lines:
        yield marketplace.lines("list_contains($lines, line_key)", {"lines": lines})
    if agreements:
        yield marketplace.chain("list_contains($agreements, agreement_id)", {"agreements": agreements})
    if entries:
        yield bank.entries("list_contains($entries, entry_id)", {"entries": entries})
    elif evidence.get("statement_id"):
        yield bank.entries("statement_id = $statement", {"statement": str(evidence["statement_id"])})
    elif evidence.get("account") and evidence.get("booking_date"):
        yield bank.entries(
            "account = $account and cast(booking_date as varchar) = $day",
            {"account": str(evidence["account"]), "day": str(evidence["booking_date"])},
        )
    if key.startswith("pair/"):
        yield bank.applications("concat_ws('/', 'pair', entry_id, target_kind, target_id) = $pair", {"pair": key})
