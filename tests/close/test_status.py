"""Close status: what is open, with counts and money, in words for people."""

from decimal import Decimal
from pathlib import Path

import pytest

from billing_assets.close.status import CloseStatus, GateStatus, ScopeVerdict, UnknownPeriod, render, status
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

READY = GateStatus("US01", "direct", "G06", "Numbers are unbroken", "ready", 0, None, None, "revenue accounting", None)
OPEN = GateStatus(
    "US01", "direct", "G03", "All usage is rated", "open", 2, Decimal("1234.5"), "USD", "billing operations",
    "USG-07: no charge",
)  # fmt: skip
FREE = ScopeVerdict("US01", "direct", "open", "[]", 0)


def test_ready_only_when_every_gate_scope_and_document_is() -> None:
    assert CloseStatus("2026-03", "2026-04-06", (READY,), (FREE,)).is_ready
    assert not CloseStatus("2026-03", "2026-04-06", (READY, OPEN), (FREE,)).is_ready
    closed = ScopeVerdict("US01", "direct", "closed", '["USG-02"]', 0)
    assert not CloseStatus("2026-03", "2026-04-06", (READY,), (closed,)).is_ready
    held = ScopeVerdict("US01", "direct", "open", "[]", 1)
    assert not CloseStatus("2026-03", "2026-04-06", (READY,), (held,)).is_ready


def test_the_text_shows_counts_money_owner_and_cause() -> None:
    held = ScopeVerdict("US01", "direct", "closed", '["USG-02"]', 3)
    text = render(CloseStatus("2026-03", "2026-04-06", (READY, OPEN), (held,)))
    assert "2026-03 as of 2026-04-06: NOT READY" in text
    assert "US01 direct: 1 of 2 gates ready" in text
    assert "issuing: closed (USG-02), 3 documents held" in text
    assert "1,234.50 USD" in text
    assert "billing operations: USG-07: no charge" in text
    assert "G06" not in text, "what is ready needs no line"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    with Warehouse(settings.warehouse_path).writer() as connection:
        connection.execute("""
            create schema raw; create schema marts; create schema raw_gate;
            create table raw.run_context as select date '2026-04-06' as as_of;
            create table marts.fct_readiness as select '2026-03' as period, 'US01' as selling_entity,
                'direct' as channel, 'G03' as gate_id, 'usage' as gate_name, 'open' as status,
                2::bigint as open_count, 5::decimal(38,12) as open_amount, 'USD' as currency,
                'billing operations' as owner, 'cause' as first_blocking_cause;
            create table raw_gate.verdicts as
                select * from (values
                    ('scope', '2026-03/US01/direct', '2026-03', 'US01', 'direct', 'open', '[]', 'h'),
                    ('document', 'C-1/x', '2026-03', 'US01', 'direct', 'closed', '["RAT-03"]', 'h'),
                    ('document', 'C-2/x', '2026-02', 'US01', 'direct', 'closed', '["RAT-03"]', 'h')
                ) as v (level, key, period, selling_entity, channel, verdict, reasons, scope_hash);
        """)
    return settings


def test_status_reads_gates_and_verdicts_of_the_period(settings: Settings) -> None:
    close = status(settings, "2026-03")
    assert [gate.gate_id for gate in close.gates] == ["G03"]
    assert close.verdicts == (ScopeVerdict("US01", "direct", "open", "[]", 1),)
    assert not close.is_ready


def test_a_period_with_nothing_to_close_is_an_error(settings: Settings) -> None:
    with pytest.raises(UnknownPeriod, match="2027-01"):
        status(settings, "2027-01")
