"""The arithmetic of a line, told from rows as the models hold them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from billing_assets.documents import arithmetic

HEADER = {"contract_id": "C", "bill_date": date(2026, 2, 1)}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for schema in ("intermediate", "staging", "marts"):
            opened.execute(f"create schema {schema}")
        yield opened


def line(kind: str, **values: Any) -> dict[str, Any]:
    return {
        "document_id": "D", "line_no": 3, "parent_line_no": 1, "line_kind": kind, "charge_id": "u", "reference_id": "R",
        "group_key": "{}", "service_from": date(2026, 1, 1), "service_to": date(2026, 2, 1), "currency": "USD",
        "amount": Decimal(10),
    } | values  # fmt: skip


def test_events_are_told_by_outcome_and_the_first_by_name(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create table intermediate.int_usage__rated as select 'C' as contract_id, 'u' as charge_id, '{}' as group_key,
            date '2026-01-01' as service_from, date '2026-01-01' as period_from, 0.0 as included_used,
            false as is_capped, 1.0 as priced_amount, 1.0 as unrounded_amount, null::decimal(9,2) as maximum;
        create table intermediate.int_event_tiers__priced as select 'C' as contract_id, 'u' as charge_id,
            '{}' as group_key, date '2026-01-01' as service_from, '{}' as cell_key, 3 as tier_no,
            'minimum' as outcome, 2 as event_count, 90.0::decimal(9,2) as quantity, 3.5::decimal(9,2) as amount,
            '[{"event_time":"2026-01-03 10:00:00","event":"e1","value":"80.00","charged":null}]' as first_events
        """
    )
    by_outcome, first = arithmetic.steps(connection, HEADER, line("usage"))
    assert by_outcome.rows == (("minimum", "", "2", "90.00", "3.50"),)
    assert first.rows == (("minimum", "2026-01-03 10:00:00", "e1", "80.00", ""),)


def test_windows_that_changed_the_bill_are_told(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create table intermediate.int_commitment_windows__settled as
        select 'C' as contract_id, 'R' as commitment_id, date '2026-02-01' as bill_date, 'overage' as line_kind,
            timestamp '2026-01-02' as window_start, null::bigint as from_hour, 8.0::decimal(9,2) as quantity,
            16.0::decimal(9,2) as list_cost, 16.0::decimal(9,2) as window_cost, 10.0::decimal(9,2) as committed_amount,
            2.0::decimal(9,2) as overage_factor, 22.0::decimal(9,2) as window_amount, 6.0::decimal(9,2) as adjustment
        union all by name select 'C' as contract_id, 'R' as commitment_id, date '2026-02-01' as bill_date,
            'overage' as line_kind, timestamp '2026-01-03' as window_start, 0.0::decimal(9,2) as adjustment
        """
    )
    (told,) = arithmetic.steps(connection, HEADER, line("overage"))
    assert told.text.startswith("2 windows of R, 1 of them")
    assert told.rows == (("2026-01-02 00:00", "", "8.00", "16.00", "16.00", "10.00", "2.00", "22.00", "6.00"),)


def test_a_discount_is_told_with_what_was_left_of_its_line(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create table staging.stg_contracts__discounts as select 'C' as contract_id, 'R' as discount_id, 1 as version,
            'percent' as kind, 20.0::decimal(9,2) as value, 'once' as duration_kind, null::integer as duration_periods;
        create table marts.fct_invoice_lines as
        select 'D' as document_id, 1 as line_no, null::integer as parent_line_no, 100.0::decimal(9,2) as amount,
            'usage' as line_kind
        union all select 'D', 2, 1, -10.0, 'discount'
        union all select 'D', 3, 1, -18.0, 'discount'
        """
    )
    (told,) = arithmetic.steps(connection, HEADER, line("discount"))
    assert told.text == "R: 20.00 percent, once on line 1 (100.00 less 10.00 taken off before)"
