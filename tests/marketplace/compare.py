"""Compares a warehouse's subledger with the oracle: every line and every month of the roll-forward, to the cent."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from tests.marketplace.oracle import MONEY, ZERO, Oracle

MOVEMENTS = ("opening", "invoiced", "refunded", "forgiven", "adjusted", "disbursed", "failed", "closing")


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def line_differences(connection: duckdb.DuckDBPyConnection, oracle: Oracle) -> list[str]:
    """What the report `marketplace_lines` says otherwise than the oracle; empty when it is right."""
    found = []
    reported = {
        row["line_key"]: row for row in rows(connection, "select * from reports.rpt_finance__marketplace_lines")
    }
    found += [f"{key}: only the oracle has it" for key in oracle.lines.keys() - reported.keys()]
    for key, row in reported.items():
        line = oracle.lines.get(key)
        if line is None:
            found.append(f"{key}: only the report has it")
            continue
        expected = line.money | {
            "status": line.status,
            "agreement_id": line.agreement_id,
            "aws_entity": line.aws_entity,
            "currency": line.currency,
            "invoice_id": line.invoice_id,
            "invoice_date": line.invoice_date,
        }
        found += [
            f"{key}: {name} is {row[name]}, should be {value}"
            for name, value in expected.items()
            if (row[name] or None) != (value or None)
        ]
        names = row["difference_to_aws_report"]
        if oracle.is_plain(key) != (names is None) or "unexplained" in (names or ""):
            found.append(f"{key}: difference {names}, AWS shows {oracle.aws[key]}, we {line.money}, {line.status}")
    assert len(MONEY) < len(expected)
    return found


def rollforward_differences(connection: duckdb.DuckDBPyConnection, oracle: Oracle, as_of: date) -> list[str]:
    """What the roll-forward says otherwise than the oracle; empty when it is right and closes."""
    expected = oracle.rollforward(as_of)
    found = []
    reported = {
        (row["agreement_id"], row["aws_entity"], row["currency"], row["period"]): row
        for row in rows(connection, "select * from marts.fct_marketplace_rollforward")
    }
    found += [f"{key}: only one side has it" for key in expected.keys() ^ reported.keys()]
    for key in expected.keys() & reported.keys():
        row = reported[key]
        found += [
            f"{key}: {name} is {row[name]}, should be {expected[key].get(name, ZERO)}"
            for name in MOVEMENTS
            if row[name] != expected[key].get(name, ZERO)
        ]
        if row["difference"] != 0:
            found.append(f"{key}: does not close by {row['difference']}")
    return found
