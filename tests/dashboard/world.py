"""A small reporting snapshot made by hand: relations as their contracts and schemas say, and rows that tell a story.

US01 sells direct and through AWS Marketplace. March of the direct scope is held up by a missing file and a held
document; January's marketplace agreement went all the way to the bank, but for ten dollars.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from tests.dashboard import book

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "dbt_project" / "models"
SEEDS = ROOT / "dbt_project" / "seeds" / "reference"

# What an account may be called: markup, a formula, a formula behind a blank, a full-width formula, a quote break-out.
SCRIPT, FORMULA = book.SCRIPT, book.FORMULA
PAYLOADS = (SCRIPT, FORMULA, " +1+1", "＝1+1", '"><img src=x onerror=alert(1)>')

HELD, ISSUED, MEMO, REJECTED, WAIVED = book.HELD, book.ISSUED, book.MEMO, book.REJECTED, book.WAIVED
FILE = "usage/gw/2026-03/gw-2026-03-11.jsonl.gz"

Row = dict[str, Any]


def build(path: Path, *, as_of: str = "2026-04-03") -> Path:
    """Write the snapshot to `path`, first under the warehouse's name: views spell it out; and its ledger beside it."""
    recorded = book.build(path.parent)
    warehouse = path.with_name("warehouse.duckdb")
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("landing", "metering", "matching"):
            connection.execute((ROOT / "billing_assets" / schema / "schema.sql").read_text(encoding="utf-8"))
        for schema in ("marts", "staging", "intermediate", "reference", "raw_gate", "raw_ledger"):
            connection.execute(f"create schema if not exists {schema}")
        for seed in ("close_gates", "control_catalogue", "exception_codes"):
            connection.execute(
                f"create table reference.{seed} as select * from read_csv('{SEEDS / seed}.csv', header=true)"
            )
        for relation, columns in contracts().items():
            connection.execute(f"create table {relation} ({', '.join(f'{name} {kind}' for name, kind in columns)})")
        connection.execute(_HAND_MADE)
        for name, table in recorded.items():
            _register(connection, name, table)
        for relation, rows in _rows(as_of).items():
            insert(connection, relation, rows)
    return warehouse.rename(path)


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("extracted", table)
    connection.execute(f'create table raw_ledger."{name}" as select * from extracted')
    connection.unregister("extracted")


def drop(path: Path, *relations: str) -> None:
    """Take relations out of a snapshot, as in one of an older run."""
    with duckdb.connect(str(path)) as connection:
        for relation in relations:
            connection.execute(f"drop table {relation}")


@cache
def contracts() -> dict[str, list[tuple[str, str]]]:
    """Every mart's columns as its contract states them."""
    found = {}
    for file in sorted([*MODELS.glob("marts/**/*.yml"), *MODELS.glob("controls/*.yml")]):
        models = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader).get("models", [])
        for model in models:
            columns = [(c["name"], c["data_type"]) for c in model.get("columns", []) if "data_type" in c]
            if columns and model["name"].startswith("fct_"):
                found[f"marts.{model['name']}"] = columns
    return found


def insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: list[Row]) -> None:
    """Add rows by column name; what is not given is null."""
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {relation} ({names}) values ({marks})", list(row.values()))


# Intermediate models have no contract: the columns that pages read.
_HAND_MADE = """
    create table raw_gate.verdicts (level varchar, key varchar, period varchar, selling_entity varchar,
        channel varchar, verdict varchar, reasons varchar, scope_hash varchar);
    create table intermediate.int_contracts__versioned (contract_id varchar, version integer, signed_at timestamp,
        account_id varchar, account_name varchar, account_currency varchar, currency varchar, timezone varchar,
        source_uri varchar, document varchar, file_sequence bigint, in_force_from date, in_force_to date);
    create table intermediate.int_usage__rated (contract_id varchar, charge_id varchar, group_key varchar,
        service_from date, service_to date, period_from date, meter varchar, raw_quantity decimal(38,12),
        included_used decimal(38,12), billable_quantity decimal(38,12), priced_amount decimal(38,12),
        unrounded_amount decimal(38,12), is_capped boolean, maximum decimal(38,12), tiers varchar);
    create table intermediate.int_free_quantities__shared (contract_id varchar, charge_id varchar, period_from date,
        discount_id varchar, free_quantity decimal(38,12));
    create table intermediate.int_event_tiers__priced (contract_id varchar, charge_id varchar, group_key varchar,
        service_from date, cell_key varchar, tier_no integer, outcome varchar, event_count bigint,
        quantity decimal(38,12), amount decimal(38,12), first_events varchar);
    create table intermediate.int_credit_payments__drawn (contract_id varchar, bill_date date, line_key varchar,
        grant_id varchar, drawn_on date, drawn_amount decimal(38,12));
    create table staging.stg_contracts__discounts (contract_id varchar, version integer, discount_id varchar,
        kind varchar, value decimal(38,12), duration_kind varchar, duration_periods integer);
    create table staging.stg_contracts__taxes (contract_id varchar, version integer, tax_code varchar,
        rate_percent decimal(38,12), inclusive boolean);
    create table intermediate.int_usage__attributed (contract_id varchar, charge_id varchar, group_key varchar,
        account_id varchar, meter varchar, measure varchar, bucket_from timestamp, event_count bigint,
        quantity_sum decimal(38,12));
    create table intermediate.int_charges__in_force (contract_id varchar, charge_id varchar, aggregation varchar,
        property varchar, segment_from date, segment_to date);
    create table intermediate.int_agreements__crosswalked (agreement_id varchar, contract_id varchar,
        account_id varchar, selling_entity varchar, currency varchar, in_feed boolean, in_contracts boolean,
        offer_id varchar, offer_kind varchar, is_renewal boolean);
"""

_SCOPE = {"period": "2026-03", "selling_entity": "US01", "channel": "direct"}
_AWS = {"period": "2026-01", "selling_entity": "US01", "channel": "aws_marketplace"}


def _invoice(document_id: str, account_id: str, status: str, total: str, **more: Any) -> Row:
    return {
        "document_id": document_id, "number": None, "kind": "invoice", "status": status,
        "contract_id": document_id.split("/")[0], "account_id": account_id, "channel": "direct",
        "selling_entity": "US01", "currency": "USD", "bill_date": "2026-04-01", "period_from": "2026-03-01",
        "period_to": "2026-04-01", "close_period": "2026-03", "due_date": "2026-05-01", "subtotal": total,
        "discount": "0", "credit_applied": "0", "tax": "0", "total": total, "paid_from_credits": "0", "revision": 0,
        "content_hash": "ab" * 32, **more,
    }  # fmt: skip


def _exception(exception_id: str, control_id: str, found: Mapping[str, Any], **more: Any) -> Row:
    return {
        "exception_id": exception_id, "code": "B01", "control_id": control_id, **_SCOPE, "holds": False,
        "amount": "12.345678901234", "currency": "USD", "direction": "under_billed", "severity": "critical",
        "owner": "usage engineering", "sla_due": "2026-04-02", "first_seen": "2026-04-01", "age_days": 2,
        "status": "open", "suggested_cause": "A transfer failed.", "next_step": "Obtain the file.",
        "close_gate": "G01", "evidence": json.dumps(found), **more,
    }  # fmt: skip


def _rows(as_of: str) -> dict[str, list[Row]]:
    gates = [("G01", "open", 1, "12.345678901234"), ("G05", "open", 1, "250"), ("G06", "ready", 0, None)]
    return {
        "raw.run_context": [{"as_of": as_of, "run_identity": f"run-of-{as_of}"}],
        "marts.fct_readiness": [
            {
                "gate_id": gate, "gate_name": f"what {gate} requires", **_SCOPE, "status": status,
                "open_count": count, "open_amount": amount, "currency": "USD" if amount else None,
                "owner": "usage engineering", "first_blocking_cause": "USG-02: A transfer failed." if count else None,
            }
            for gate, status, count, amount in gates
        ]
        + [
            {"gate_id": "G01", "gate_name": "what G01 requires", **_AWS, "status": "ready", "open_count": 0,
             "owner": "usage engineering"}
        ],
        "raw_gate.verdicts": [
            {"level": "period", "key": "2026-03", "period": "2026-03", "verdict": "closed", "reasons": '["USG-02"]'},
            {"level": "period", "key": "2026-03/US01", "period": "2026-03", "selling_entity": "US01",
             "verdict": "closed", "reasons": '["HOLD", "RAT-03", "USG-02"]'},
            {"level": "period", "key": "2026-01/US01", "period": "2026-01", "selling_entity": "US01",
             "verdict": "open", "reasons": "[]"},
            {"level": "scope", "key": "2026-03/US01/direct", **_SCOPE, "verdict": "closed", "reasons": '["USG-02"]'},
            {"level": "document", "key": HELD, **_SCOPE, "verdict": "closed", "reasons": '["RAT-03"]'},
        ],
        "marts.fct_invoices": [
            _invoice(ISSUED, "A-1", "published", "100.5", number="US01-INV-000001", issue_date="2026-04-01"),
            _invoice(HELD, "A-2", "held", "250"),
            _invoice(MEMO, "A-1", "issued", "-20", number="US01-CM-004711", issue_date="2026-04-03",
                     kind="credit_memo", corrects_document_id=ISSUED, reason_code="goodwill"),
            _invoice(REJECTED, "A-3", "issued", "108.5", number="US01-INV-000002", issue_date="2026-04-03"),
            *(_invoice(f"C-P{i}/2026-04-01/invoice/0", f"A-P{i}", "draft", "1") for i in range(len(PAYLOADS))),
        ],
        "marts.fct_draft_invoices": [
            {"document_id": HELD, "account_name": "Plain Name Ltd"},
            *(
                {"document_id": f"C-P{i}/2026-04-01/invoice/0", "account_name": name}
                for i, name in enumerate(PAYLOADS)
            ),
        ],
        "marts.fct_invoice_lines": [
            *(
                {"document_id": document_id, "line_no": 1, "charge_id": "tokens", "line_kind": "usage",
                 "group_key": "{}", "amount": amount, "currency": "USD", "price_version": 1}
                for document_id, amount in ((MEMO, "-20"), (REJECTED, "108.5"))
            ),
            {
                "document_id": ISSUED, "line_no": 1, "charge_id": "tokens", "line_kind": "usage", "group_key": "{}",
                "service_from": "2026-03-01", "service_to": "2026-04-01", "quantity": "1000", "unit": "tokens",
                "unrounded_amount": "100.4999", "amount": "100.5", "currency": "USD", "price_version": 1,
            },
            {
                "document_id": HELD, "line_no": 1, "charge_id": "seats", "line_kind": "recurring", "group_key": "{}",
                "service_from": "2026-03-01", "service_to": "2026-04-01", "quantity": "5", "unit": "seat",
                "unrounded_amount": "250", "amount": "250", "currency": "USD", "price_version": 2,
            },
        ],
        "intermediate.int_contracts__versioned": [
            {
                "contract_id": "C-1", "version": 1, "signed_at": "2026-01-01 10:00:00", "account_id": "A-1",
                "account_name": SCRIPT, "currency": "USD", "timezone": "UTC", "file_sequence": 1,
                "in_force_from": "2026-01-01", "in_force_to": "2027-01-01",
                "document": json.dumps(
                    {"charges": [{"charge_id": "tokens", "type": "usage", "price": {"note": SCRIPT}}]}
                ),
            }
        ],
        "intermediate.int_usage__rated": [
            {
                "contract_id": "C-1", "charge_id": "tokens", "group_key": "{}", "service_from": "2026-03-01",
                "service_to": "2026-04-01", "meter": "tokens", "raw_quantity": "1000", "billable_quantity": "1000",
                "unrounded_amount": "100.4999", "tiers": '[{"tier": 1, "unit_price": "0.1004999"}]',
            }
        ],
        "intermediate.int_charges__in_force": [
            {"contract_id": "C-1", "charge_id": "tokens", "aggregation": "sum", "segment_from": "2026-01-01",
             "segment_to": "2027-01-01"}
        ],
        "intermediate.int_usage__attributed": [
            {
                "contract_id": "C-1", "charge_id": "tokens", "group_key": "{}", "account_id": "org-1",
                "meter": "tokens", "measure": "quantity", "bucket_from": "2026-03-11 09:00:00", "event_count": 7,
                "quantity_sum": "1000",
            }
        ],
        "raw_landing.files": [
            {"file_sequence": 1, "path": "contracts/C-1.v1.json", "sha256": "c" * 64, "source": "contracts",
             "first_seen": "2026-04-01", "status": "loaded", "size_bytes": 100},
            {"file_sequence": 2, "path": FILE, "sha256": "d" * 64, "source": "usage", "first_seen": "2026-04-01",
             "status": "loaded", "size_bytes": 9000},
        ],
        "raw_landing.conservation": [
            {"file_sequence": 1, "path": "contracts/C-1.v1.json", "source": "contracts", "received": 1, "accepted": 1,
             "duplicate": 0, "conflict": 0, "quarantined": 0},
            {"file_sequence": 2, "path": FILE, "source": "usage", "received": 10, "accepted": 7, "duplicate": 1,
             "conflict": 0, "quarantined": 2},
        ],
        "raw_landing.quarantine": [
            {"file_sequence": 2, "path": FILE, "source": "usage", "line": line, "code": "number",
             "reason": "not a number", "original": original, "account_id": "org-1", "meter": "tokens"}
            for line, original in ((3, SCRIPT), (8, FORMULA))
        ],
        "raw_metering.file_accounts": [
            {"file_sequence": 2, "account_id": "org-1", "meter": "tokens", "event_month": "2026-03", "accepted": 7,
             "duplicate": 1, "conflict": 0, "quarantined": 2, "quantity_accepted": "1000"}
        ],
        "raw_metering.usage_series": [
            {"series_id": 1, "account_id": "org-1", "meter": "tokens", "dimensions": "{}", "measure": "quantity",
             "bucket_length": timedelta(hours=1)}
        ],
        "raw_metering.usage_partials": [
            {"bucket_from": "2026-03-11 09:00:00", "series_id": 1, "event_count": 7, "quantity_sum": "1000"}
        ],
        "raw_landing.manifests": [
            {"file_sequence": 3, "data_path": FILE, "records": 12, "producer": "gw", "producer_sequence": 11,
             "agrees": False, "disagreement": "records 12, the file has 10"}
        ],
        "marts.fct_exceptions": [
            _exception("aaaaaaaaaaaaaaa1", "USG-02", {"path": FILE, "producer": "gw", "check": "usage.volume"}),
            _exception("aaaaaaaaaaaaaaa2", "USG-06", {"keys": [f"{FILE}:3"]}, severity="medium", close_gate="G02"),
            _exception("aaaaaaaaaaaaaaa3", "USG-07", {"keys": ["org-1 tokens 2026-03-11T09:00Z"]}, severity="high",
                       amount="7", close_gate="G03"),
            _exception("aaaaaaaaaaaaaaa4", "RAT-03", {"document_id": HELD, "charge_id": "seats", "lines": [1]},
                       document_id=HELD, account_id="A-2", contract_id="C-1", close_gate="G08", holds=True,
                       direction="over_billed", suggested_cause=SCRIPT, next_step=FORMULA),
            _exception("aaaaaaaaaaaaaaa5", "USG-02", {}, status="closed", evidence=None, closed_on="2026-04-02"),
            _exception("aaaaaaaaaaaaaaa6", "MKT-04", {"billing_event_id": "bev-1", "payout_id": "pay-1",
                       "agreement_id": "agmt-1", "line_key": "line-1", "entry_id": "bank-1"}, **_AWS,
                       currency="JPY", amount="1000", direction="cash"),
            _exception(WAIVED, "USG-07", {}, status="waived", amount="-7", severity="high", close_gate="G03"),
            _exception("aaaaaaaaaaaaaaa7", "CSH-02", {"applied": "960", "received": "955"}, **_AWS, status="closed"),
        ],
        "marts.fct_control_violations": [
            {"exception_id": "aaaaaaaaaaaaaaa7", "control_id": "CSH-02", "violation_key": "pair/bank-1/payout/pay-1"},
            {"exception_id": WAIVED, "control_id": "USG-07", "violation_key": "org-1", "row_hash": "rows"},
        ],
        "marts.fct_control_results": [
            {"control_id": "USG-02", **_SCOPE, "severity": "critical", "blocks": "scope", "population_rows": 31,
             "violations": 1, "violation_amount": "12.345678901234", "currency": "USD", "status": "fail",
             "query_hash": "q" * 64},
            {"control_id": "INV-01", **_SCOPE, "severity": "critical", "blocks": "document", "population_rows": 2,
             "violations": 0, "status": "pass", "query_hash": "r" * 64},
        ],
        "marts.fct_accruals": [
            {"selling_entity": "US01", "channel": "direct", "contract_id": contract, "service_period": "2026-03",
             "currency": "USD", "rated_amount": "260", "billed_amount": "10", "accrued_amount": "250",
             "not_due_amount": "0", "held_amount": "200", "carried_forward_amount": "50", "not_invoiced_amount": "0",
             "rated_after_issue_amount": "0", "nil_amount": "0", "first_cause": "held"}
            for contract in ("C-2", "C-4")
        ],
        "marts.fct_receivable_rollforward": [
            {"kind": "ar", "period": "2026-03", "selling_entity": "US01", "currency": "USD", "opening": "10",
             "invoiced": "100.5", "closing": "110.5", "difference": "0"}
        ],
        "marts.fct_receivables_ageing": [
            {"document_id": ISSUED, "number": "US01-INV-000001", "kind": "invoice", "contract_id": "C-1",
             "account_id": "A-1", "channel": "direct", "selling_entity": "US01", "currency": "USD",
             "issue_date": "2026-04-01", "due_date": "2026-03-20", "total": "100.5", "paid_from_credits": "0",
             "collected": "0", "open_amount": "100.5", "days_past_due": 14, "age_bucket": "1-30"}
        ],
        "marts.fct_unbilled": [
            {"contract_id": "C-2", "bill_date": "2026-04-01", "charge_id": "seats", "group_key": "{}",
             "service_from": "2026-03-01", "service_to": "2026-04-01", "account_id": "A-2", "channel": "direct",
             "selling_entity": "US01", "close_period": "2026-03", "rated_amount": "250", "billed_amount": "0",
             "unbilled_amount": "250", "currency": "USD", "reason": "held", "age_days": 2}
        ],
        "marts.fct_kpis": [
            {"kpi_id": "automation_rate", "period": period, "scope": "US01/direct", "numerator": above,
             "denominator": below, "value": value, "unit": "share of due documents issued without a hold",
             "sample_size": int(below)}
            for period, above, below, value in (("2026-02", "4", "4", "1"), ("2026-03", "1", "2", "0.5"),
                                                ("2026-04", "0", "0", None))
        ],
        "marts.fct_plausibility": [
            {"check_id": "usage.volume", "period": "2026-03", "control_id": "USG-02", "severity": "warning",
             "source": "usage", "table_name": "raw_landing.files", "description": "as many files as usual",
             "expected": "28 to 31", "observed": "12", "passed": False, "rows_checked": 12, "unexpected": 19}
        ],
        "intermediate.int_agreements__crosswalked": [
            {"agreement_id": "agmt-1", "contract_id": "C-9", "account_id": "A-9", "selling_entity": "US01",
             "currency": "USD", "in_feed": True, "in_contracts": True, "offer_id": "offer-1",
             "offer_kind": "private", "is_renewal": False}
        ],
        "marts.fct_marketplace_chain": [
            {"agreement_id": "agmt-1", "contract_id": "C-9", "account_id": "A-9", "selling_entity": "US01",
             "end_user_account_id": "000000000009", "period": "2026-01", "currency": "USD", "metered": "1000",
             "daily_usage": "990", "expected": "1000", "invoiced": "1000", "listing_fee": "-30", "net": "975",
             "collected": "975", "disbursed": "975", "banked": "965", "stage": "disbursed"}
        ],
        "marts.fct_marketplace_lines": [
            {"marketplace": "aws", "line_key": "line-1", "agreement_id": "agmt-1", "invoice_id": "0012345",
             "invoice_date": "2026-02-03", "currency": "USD", "gross_revenue": "1000", "gross_refund": "0",
             "listing_fee": "-30", "seller_net_revenue": "975", "collected": "975", "disbursed": "975",
             "undisbursed": "0", "stage": "disbursed", "period": "2026-01", "selling_entity": "US01",
             "end_user_account_id": "000000000009"}
        ],
        "marts.fct_marketplace_ledger": [
            {"billing_event_id": "bev-1", "line_key": "line-1", "agreement_id": "agmt-1", "selling_entity": "US01",
             "period": "2026-03", "posted_on": "2026-03-20", "category": "gross", "stage": "disbursed",
             "action": "DISBURSED", "transaction_type": "SELLER_REV_SHARE", "amount": "1000", "currency": "USD",
             "payout_id": "pay-1", "first_seen": "2026-04-01", "versions": 1}
        ],
        "marts.fct_marketplace_payouts": [
            {"payout_id": "pay-1", "selling_entity": "US01", "aws_entity": "AWS_INC", "paid_on": "2026-03-20",
             "amount": "975", "currency": "USD", "bank_trace_id": "trace-1", "components_amount": "975",
             "difference": "0", "is_failed": False, "period": "2026-03"}
        ],
        "marts.fct_reconciliation": [
            {"reconciliation_id": "R09", **_AWS, "agreement_id": "agmt-1", "key": '{"payout_id": "pay-1"}',
             "currency": "USD", "left_amount": "975", "right_amount": "965", "difference": "10",
             "break_code": "B12", "status": "break"},
            {"reconciliation_id": "R08", **_AWS, "agreement_id": "agmt-1", "key": "{}", "currency": "USD",
             "left_amount": "975", "right_amount": "0", "difference": "975", "break_code": "B11",
             "expected_clear": "2026-05-20", "status": "timing"},
        ],
        "marts.fct_bank_entries": [
            {"entry_id": "bank-1", "selling_entity": "US01", "channel": "aws_marketplace", "account": "DE01",
             "booking_date": "2026-03-21", "value_date": "2026-03-21", "period": "2026-03", "counterparty": SCRIPT,
             "reference": FORMULA, "amount": "965", "currency": "USD", "classification": "marketplace_payout",
             "status": "partly_applied", "applied": "960", "unapplied": "5", "age_days": 13,
             "candidates": '[{"id": "<b>pay-2</b>"}]', "format": "camt053"}
        ],
        "raw_bank.statements": [
            {"statement_id": "s-1", "account": "DE01", "currency": "USD", "from_date": "2026-03-01",
             "to_date": "2026-03-31", "format": "camt053"}
        ],
        "raw_match.applications": [
            {"entry_id": "bank-1", "target_kind": "payout", "target_id": "pay-1", "rung": "trace_id",
             "rule_version": 1, "amount": "960", "currency": "USD", "applied_on": "2026-03-21"}
        ],
    }  # fmt: skip
