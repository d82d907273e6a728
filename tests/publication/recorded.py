"""A recorded document by hand, for tests that need no ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from billing_assets.ledger import RecordedDocument, RecordedLine


def recorded(lines: Sequence[RecordedLine]) -> RecordedDocument:
    """US01's invoice of contract C-1 with these lines."""
    return RecordedDocument(
        document_id="C-1/2026-04-01/invoice/0",
        number="US01-INV-000001",
        sequence=1,
        kind="invoice",
        contract_id="C-1",
        account_id="A-1",
        channel="direct",
        selling_entity="US01",
        currency="USD",
        bill_date=date(2026, 4, 1),
        period_from=date(2026, 3, 1),
        period_to=date(2026, 4, 1),
        close_period="2026-03",
        revision=0,
        corrects_document_id=None,
        content_hash="content",
        total=sum((item.line.amount for item in lines), Decimal(0)),
        paid_from_credits=Decimal(0),
        left=sum((item.left for item in lines), Decimal(0)),
        paid_left=Decimal(0),
        is_voided=False,
        is_offered=False,
        next_memo_revision=0,
        lines=tuple(lines),
    )
