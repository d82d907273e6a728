"""The book of record: chain, register, documents, outbox, exceptions, decisions, runs, and their guards."""

import sqlalchemy as sa
from alembic import op

from billing_assets.ledger import guards
from billing_assets.ledger.tables import TEXT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=null) for name in names]


def _whole(*names: str, null: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=null, autoincrement=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "entry",
        *_whole("sequence"),
        *_text("recorded_at", "actor"),
        *_text("run_identity", null=True),
        *_text("action", "object_kind", "object_id", "payload", "payload_hash", "previous_hash", "hash"),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "landed_files",
        *_whole("file_sequence", "batch"),
        *_text("first_seen", "path", "sha256", "landed_sha256"),
        *_whole("size_bytes"),
        *_text("source", "status"),
        *_whole("duplicate_of", null=True),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("file_sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "issued_documents",
        *_text("document_id"),
        *_whole("sequence"),
        *_text("number"),
        *_whole("number_no"),
        *_text("kind", "contract_id", "account_id", "channel", "selling_entity", "currency", "bill_date"),
        *_text("period_from", "period_to", null=True),
        *_text("close_period", "issue_date", "due_date"),
        *_text("subtotal", "discount", "credit_applied", "tax", "total", "paid_from_credits"),
        *_whole("revision"),
        *_text("corrects_document_id", null=True),
        *_text("content_hash", "run_identity"),
        *_whole("issue_batch", "entry_sequence"),
        sa.PrimaryKeyConstraint("document_id"),
        sa.UniqueConstraint("contract_id", "bill_date", "kind", "revision", name="uq_issued_documents_identity"),
        sa.UniqueConstraint("selling_entity", "kind", "number_no", name="uq_issued_documents_number"),
        sa.UniqueConstraint("sequence", name="uq_issued_documents_sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "issued_lines",
        *_text("document_id"),
        *_whole("line_no"),
        *_whole("parent_line_no", null=True),
        *_text("charge_id", "reference_id", null=True),
        *_text("line_kind"),
        *_text("product", "meter", "group_key", "service_from", "service_to", "quantity", "unit", null=True),
        *_text("unrounded_amount", null=True),
        *_text("amount", "currency"),
        *_whole("price_version", null=True),
        *_text("original_period", null=True),
        *_whole("entry_sequence"),
        sa.ForeignKeyConstraint(["document_id"], ["issued_documents.document_id"]),
        sa.PrimaryKeyConstraint("document_id", "line_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gate_verdicts",
        *_whole("issue_batch", "verdict_no"),
        *_text("level"),
        *_text("key", "period", "selling_entity", "channel", null=True),
        *_text("verdict", "reasons"),
        *_text("scope_hash", null=True),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("issue_batch", "verdict_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox_items",
        *_text("item_key", "target"),
        *_whole("batch"),
        *_text("document_id"),
        *_whole("version"),
        *_text("payload_hash", "payload"),
        *_whole("entry_sequence"),
        sa.ForeignKeyConstraint(["document_id"], ["issued_documents.document_id"]),
        sa.PrimaryKeyConstraint("item_key"),
        sa.UniqueConstraint("target", "document_id", "version", name="uq_outbox_items_document"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_outbox_items_batch", "outbox_items", ["target", "batch"])
    op.create_table(
        "outbox_attempts",
        *_text("item_key"),
        *_whole("attempt_no"),
        *_text("state"),
        *_text("detail", null=True),
        *_text("as_of"),
        *_whole("entry_sequence"),
        sa.ForeignKeyConstraint(["item_key"], ["outbox_items.item_key"]),
        sa.PrimaryKeyConstraint("item_key", "attempt_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "exception_events",
        *_text("exception_id"),
        *_whole("event_no"),
        *_text("event", "as_of"),
        *_text("control_id", "business_key", "period", null=True),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("exception_id", "event_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        *_whole("decision_no"),
        *_text("decision", "what", "subject", "actor", "reason", "recorded_on"),
        *_text("expires_on", null=True),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("decision_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_events",
        *_whole("event_no"),
        *_text("event", "run_identity", "as_of"),
        *_whole("register_sequence", "decision_sequence"),
        *_text("code_hash"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("event_no"),
        sqlite_with_rowid=False,
    )
    guards.install(
        op.get_bind(),
        [
            "entry",
            "landed_files",
            "issued_documents",
            "issued_lines",
            "gate_verdicts",
            "outbox_items",
            "outbox_attempts",
            "exception_events",
            "decisions",
            "run_events",
        ],
    )
