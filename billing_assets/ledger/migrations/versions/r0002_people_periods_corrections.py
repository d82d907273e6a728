"""People, periods and corrections: who may act, the state of months, what was voided, signed entries.

Adds tables and nullable columns only: no row that the chain covers is touched, and a null is not part of a row's
hash. The guards are made anew, because they also cover the new keys.
"""

import sqlalchemy as sa
from alembic import op

from billing_assets.ledger import guards
from billing_assets.ledger.tables import TEXT

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=null) for name in names]


def _whole(*names: str, null: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=null, autoincrement=False) for name in names]


def _add(table: str, *columns: sa.Column[str] | sa.Column[int]) -> None:
    for column in columns:
        op.add_column(table, column)


def upgrade() -> None:
    _add("entry", *_text("signature", null=True))
    _add("issued_documents", *_whole("decision_no", null=True))
    _add("issued_lines", *_whole("corrects_line_no", null=True))
    _add("decisions", *_whole("request_no", null=True))
    _add(
        "decisions",
        *_text("duty", "role", "on_behalf_of", "object_hash", "account_id", null=True),
        *_text("amount", "currency", "amount_usd", "exposure", "links", null=True),
    )
    op.create_index("uq_issued_documents_decision", "issued_documents", ["decision_no", "kind"], unique=True)
    op.create_index("uq_decisions_answer", "decisions", ["request_no", "actor"], unique=True)
    op.create_table(
        "document_events",
        *_text("document_id"),
        *_whole("event_no"),
        *_text("event"),
        *_whole("decision_no", null=True),
        *_text("as_of"),
        *_whole("entry_sequence"),
        sa.ForeignKeyConstraint(["document_id"], ["issued_documents.document_id"]),
        sa.PrimaryKeyConstraint("document_id", "event_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "control_totals",
        *_text("target"),
        *_whole("batch"),
        *_text("currency"),
        *_whole("check_no"),
        *_whole("issued_documents"),
        *_text("issued_amount"),
        *_whole("confirmed_documents"),
        *_text("confirmed_amount"),
        *_whole("held_documents"),
        *_text("held_amount", "as_of"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("target", "batch", "currency", "check_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "number_starts",
        *_text("selling_entity", "kind"),
        *_whole("next_no"),
        *_text("sha256", "as_of"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("selling_entity", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_events",
        *_whole("event_no"),
        *_text("event", "user_id", "subject", "actor"),
        *_text("reason", null=True),
        *_text("recorded_on"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("event_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "period_events",
        *_whole("event_no"),
        *_text("selling_entity", "period"),
        *_whole("version"),
        *_text("event"),
        *_whole("decision_no", null=True),
        *_text("as_of"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("event_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "period_results",
        *_text("selling_entity", "period"),
        *_whole("version"),
        *_text("report"),
        *_whole("rows"),
        *_text("sha256"),
        *_whole("entry_sequence"),
        sa.PrimaryKeyConstraint("selling_entity", "period", "version", "report"),
        sqlite_with_rowid=False,
    )
    guards.reinstall(op.get_bind())
