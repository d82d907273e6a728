"""The tables of the book of record. Columns are text or whole numbers only: what is stored is what is hashed.

Amounts are canonical decimal text, dates ISO text (no dialect turns them into floats or local times). Every typed
table names the chain entry that covers each of its rows (`entry_sequence`). `DENSE` names the counters that may
never skip or repeat; guards and verification both read it. Created by migrations, never by `create_all`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()
# Ordered by its bytes on every database: what is read in order of a key is read in the same order everywhere.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _text(name: str, *, null: bool = False, key: bool = False, of: str | None = None) -> Column[str]:
    reference = [ForeignKey(of)] if of else []
    return Column(name, TEXT, *reference, nullable=null, primary_key=key)


def _whole(name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null, primary_key=key, autoincrement=False)


def _typed(name: str, *columns: Column[str] | Column[int] | UniqueConstraint | Index) -> Table:
    # Without a rowid the primary key is the only hidden key a REPLACE could aim at.
    return Table(name, METADATA, *columns, _whole("entry_sequence"), sqlite_with_rowid=False)


ENTRY = Table(
    "entry",
    METADATA,
    _whole("sequence", key=True),
    _text("recorded_at"),
    _text("actor"),
    _text("run_identity", null=True),
    _text("action"),
    _text("object_kind"),
    _text("object_id"),
    _text("payload"),
    _text("payload_hash"),
    _text("previous_hash"),
    _text("hash"),
    _text("signature", null=True),  # Ed25519 over the hash, where a person acted; what was written before has none
    sqlite_with_rowid=False,
)

LANDED_FILES = _typed(
    "landed_files",
    _whole("file_sequence", key=True),
    _whole("batch"),
    _text("first_seen"),
    _text("path"),
    _text("sha256"),
    _text("landed_sha256"),
    _whole("size_bytes"),
    _text("source"),
    _text("status"),
    _whole("duplicate_of", null=True),
)

ISSUED_DOCUMENTS = _typed(
    "issued_documents",
    _text("document_id", key=True),
    _whole("sequence"),
    _text("number"),
    _whole("number_no"),
    _text("kind"),
    _text("contract_id"),
    _text("account_id"),
    _text("channel"),
    _text("selling_entity"),
    _text("currency"),
    _text("bill_date"),
    _text("period_from", null=True),
    _text("period_to", null=True),
    _text("close_period"),
    _text("issue_date"),
    _text("due_date"),
    _text("subtotal"),
    _text("discount"),
    _text("credit_applied"),
    _text("tax"),
    _text("total"),
    _text("paid_from_credits"),
    _whole("revision"),
    _text("corrects_document_id", null=True),
    _text("content_hash"),
    _text("run_identity"),
    _whole("issue_batch"),  # the issuing transaction, 1, 2, 3 ...: names its verdicts and its outbox items
    _whole("decision_no", null=True),  # the approved request that ordered this document: a credit, a rebill
    UniqueConstraint("contract_id", "bill_date", "kind", "revision", name="uq_issued_documents_identity"),
    UniqueConstraint("selling_entity", "kind", "number_no", name="uq_issued_documents_number"),
    UniqueConstraint("sequence", name="uq_issued_documents_sequence"),
    # A request orders each kind of document once, whoever carries it out and however often.
    Index("uq_issued_documents_decision", "decision_no", "kind", unique=True),
)

ISSUED_LINES = _typed(
    "issued_lines",
    _text("document_id", key=True, of="issued_documents.document_id"),
    _whole("line_no", key=True),
    _whole("parent_line_no", null=True),
    _text("charge_id", null=True),
    _text("reference_id", null=True),
    _text("line_kind"),
    _text("product", null=True),
    _text("meter", null=True),
    _text("group_key", null=True),
    _text("service_from", null=True),
    _text("service_to", null=True),
    _text("quantity", null=True),
    _text("unit", null=True),
    _text("unrounded_amount", null=True),
    _text("amount"),
    _text("currency"),
    _whole("price_version", null=True),
    _text("original_period", null=True),
    _whole("corrects_line_no", null=True),  # of a credit memo: the line of the corrected document
)

# What happened to an issued document as a whole, beside its delivery and its corrections: it was voided.
DOCUMENT_EVENTS = _typed(
    "document_events",
    _text("document_id", key=True, of="issued_documents.document_id"),
    _whole("event_no", key=True),
    _text("event"),
    _whole("decision_no", null=True),
    _text("as_of"),
)

# Where a number range begins that another system began: the first number given here, one row a range at most.
NUMBER_STARTS = _typed(
    "number_starts",
    _text("selling_entity", key=True),
    _text("kind", key=True),
    _whole("next_no"),
    _text("sha256"),  # the landed file that says so
    _text("as_of"),
)

# The verdicts an issuing transaction stood on, as the gate gave them.
GATE_VERDICTS = _typed(
    "gate_verdicts",
    _whole("issue_batch", key=True),
    _whole("verdict_no", key=True),
    _text("level"),
    _text("key", null=True),
    _text("period", null=True),
    _text("selling_entity", null=True),
    _text("channel", null=True),
    _text("verdict"),
    _text("reasons"),
    _text("scope_hash", null=True),
)

OUTBOX_ITEMS = _typed(
    "outbox_items",
    _text("item_key", key=True),
    _text("target"),
    _whole("batch"),
    _text("document_id", of="issued_documents.document_id"),
    _whole("version"),
    _text("payload_hash"),
    _text("payload"),
    UniqueConstraint("target", "document_id", "version", name="uq_outbox_items_document"),
    Index("ix_outbox_items_batch", "target", "batch"),
)

OUTBOX_ATTEMPTS = _typed(
    "outbox_attempts",
    _text("item_key", key=True, of="outbox_items.item_key"),
    _whole("attempt_no", key=True),
    _text("state"),
    _text("detail", null=True),
    _text("as_of"),
)

# What a target said it had of a batch when it was asked, beside what was issued and what it had confirmed.
CONTROL_TOTALS = _typed(
    "control_totals",
    _text("target", key=True),
    _whole("batch", key=True),
    _text("currency", key=True),
    _whole("check_no", key=True),
    _whole("issued_documents"),
    _text("issued_amount"),
    _whole("confirmed_documents"),
    _text("confirmed_amount"),
    _whole("held_documents"),
    _text("held_amount"),
    _text("as_of"),
)

EXCEPTION_EVENTS = _typed(
    "exception_events",
    _text("exception_id", key=True),
    _whole("event_no", key=True),
    _text("event"),
    _text("as_of"),
    _text("control_id", null=True),
    _text("business_key", null=True),
    _text("period", null=True),
)

# What a person asked for, decided or did. `subject` is the canonical JSON of the keys decided on, so that a waiver of
# an exception and a hold of a document stand beside the approval of a price. The vocabulary is in `decisions`.
DECISIONS = _typed(
    "decisions",
    _whole("decision_no", key=True),
    _text("decision"),
    _text("what"),
    _text("subject"),
    _text("actor"),
    _text("reason"),
    _text("recorded_on"),
    _text("expires_on", null=True),
    _whole("request_no", null=True),  # the decision this one answers
    _text("duty", null=True),  # the duty that was exercised, by name
    _text("role", null=True),  # the role it was exercised in
    _text("on_behalf_of", null=True),  # the person whose duty a delegate or a service account exercised
    _text("object_hash", null=True),  # canonical hash of what was decided on: another content voids the decision
    _text("account_id", null=True),  # the customer whose exposure the money counts towards
    _text("amount", null=True),
    _text("currency", null=True),
    _text("amount_usd", null=True),
    _text("exposure", null=True),  # cumulative, US dollars, as the approval ladder saw it
    _text("links", null=True),  # JSON list of the chain keys by which duty pairs are compared
    Index("uq_decisions_answer", "request_no", "actor", unique=True),  # nobody answers a request twice
)

# Who may act: users, their roles, tokens and delegations, as they were given and taken away.
ACCESS_EVENTS = _typed(
    "access_events",
    _whole("event_no", key=True),
    _text("event"),
    _text("user_id"),
    _text("subject"),
    _text("actor"),
    _text("reason", null=True),
    _text("recorded_on"),
)

# The state of a month of a selling entity: soft_closed, locked, reopened. Without an event it is open, version 1.
PERIOD_EVENTS = _typed(
    "period_events",
    _whole("event_no", key=True),
    _text("selling_entity"),
    _text("period"),
    _whole("version"),
    _text("event"),
    _whole("decision_no", null=True),
    _text("as_of"),
)

# What a month's reports were when it was locked, by hash: the bytes are kept as evidence.
PERIOD_RESULTS = _typed(
    "period_results",
    _text("selling_entity", key=True),
    _text("period", key=True),
    _whole("version", key=True),
    _text("report", key=True),
    _whole("rows"),
    _text("sha256"),
)

RUN_EVENTS = _typed(
    "run_events",
    _whole("event_no", key=True),
    _text("event"),
    _text("run_identity"),
    _text("as_of"),
    _whole("register_sequence"),
    _whole("decision_sequence"),
    _text("code_hash"),
)

TYPED = [table for table in METADATA.sorted_tables if table is not ENTRY]

# table -> counters counted 1, 2, 3 ... within the columns named.
DENSE: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "entry": [("sequence", ())],
    "landed_files": [("file_sequence", ())],
    "issued_documents": [("sequence", ()), ("number_no", ("selling_entity", "kind"))],
    "gate_verdicts": [("verdict_no", ("issue_batch",))],
    "document_events": [("event_no", ("document_id",))],
    "outbox_attempts": [("attempt_no", ("item_key",))],
    "control_totals": [("check_no", ("target", "batch", "currency"))],
    "exception_events": [("event_no", ("exception_id",))],
    "decisions": [("decision_no", ())],
    "access_events": [("event_no", ())],
    "period_events": [("event_no", ())],
    "run_events": [("event_no", ())],
}


def keys_of(table: Table) -> list[tuple[str, ...]]:
    """Every set of columns that is unique in `table`, the primary key first. Where one is null nothing is unique."""
    unique = [
        tuple(column.name for column in held.columns)
        for held in [*table.constraints, *table.indexes]
        if isinstance(held, UniqueConstraint) or (isinstance(held, Index) and held.unique)
    ]
    return [tuple(column.name for column in table.primary_key), *sorted(unique)]
