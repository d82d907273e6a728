"""Contract documents: every term is taken exactly as written, or refused with the name of its field."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing_assets.landing import contracts, tables
from billing_assets.landing.contracts import Contract
from billing_assets.landing.quarantine import Fault
from tests.landing.documents import SMALLEST, document, text

FULL: dict[str, Any] = {
    **SMALLEST,
    "version": 2,
    "signed_at": "2025-12-18T16:00:00+01:00",
    "external_ids": {"salesforce_contract": "800"},
    "account": {
        **SMALLEST["account"],
        "name": "Acme",
        "country": "DE",
        "tax_id": None,
        "bill_to": {"email": "ap@example.com"},
        "external_ids": {"aws": "123456789012"},
    },
    "channel": "partner:P-7",
    "ends_on": "2027-01-01",
    "billing": {
        "frequency": "quarterly",
        "every": 1,
        "anchor_date": "2026-01-31",
        "payment_terms_days": 30,
        "po_number": "PO-1",
        "rounding": {"mode": "half_even", "stage": "total", "places": 0},
        "tax_rounding": "by_tax",
        "proration": "second",
        "trial_days": 14,
    },
    "marketplace": {"agreement_id": "agmt-1", "metering": {"dimension": "d", "unit_amount": "0.01", "decimals": 0}},
    "charges": [
        {
            "charge_id": "tokens",
            "product": "inference",
            "description": "tokens",
            "type": "usage",
            "timing": "arrears",
            "effective_from": "2026-01-01",
            "effective_to": "2026-07-01",
            "meter": "tokens",
            "filter": {"model": ["large", "small"], "tier": 5, "batch": True},
            "group_by": ["region", "model"],
            "aggregation": "unique_count",
            "property": "user",
            "unit_conversion": {"divide_by": 1000, "rounding": "half_up"},
            "included_quantity": "100",
            "minimum": 10,
            "maximum": "1e4",
            "prorate": True,
            "price": {"model": "flat", "amount": "12.50"},
            "discounts": [{"discount_id": "d1", "kind": "percent", "value": "10", "applies_to": ["tokens"]}],
            "external_ids": {"netsuite": "7"},
        },
        {
            "charge_id": "seats",
            "type": "recurring",
            "quantity": [{"from": "2026-03-01", "quantity": 7}, {"from": "2026-01-01", "quantity": "5"}],
            "price": {"model": "unit", "unit_price": 20},
        },
        {
            "charge_id": "setup",
            "type": "one_time",
            "due_on": "2026-02-01",
            "quantity": 1,
            "price": {"model": "flat", "amount": "500"},
        },
    ],
    "commitments": [
        {"commitment_id": "m", "kind": "minimum_spend", "amount": "1000", "window": "annual", "applies_to": ["tokens"]},
        {
            "commitment_id": "p",
            "kind": "prepaid",
            "amount": 5000,
            "priority": 1,
            "expires_at": "2027-01-01",
            "rollover": {"min": 0, "max": "100"},
        },
        {
            "commitment_id": "w",
            "kind": "windowed",
            "window": "hour",
            "overage_factor": "1.5",
            "true_up": True,
            "time_of_day": [{"from_hour": 0, "to_hour": 8, "unit_price": "1", "quantity": "4"}],
        },
    ],
    "credit_grants": [
        {
            "grant_id": "g",
            "commitment_id": "p",
            "amount": "10",
            "unit": "currency",
            "kind": "promotional",
            "effective_at": "2026-01-01T00:00:00Z",
            "priority": 0,
            "applies_to": ["usage"],
            "cost_basis": "0.5",
            "recurrence": {"every_days": 30, "anchor": "2026-01-01", "reset": True, "rollover_max": 5},
        }
    ],
    "discounts": [
        {
            "discount_id": "d1",
            "kind": "amount",
            "value": "5",
            "currency": "USD",
            "from": "2026-01-01",
            "to": "2026-06-01",
            "order": 2,
            "applies_to": ["tokens", "seats"],
            "duration": {"kind": "periods", "periods": 3},
        }
    ],
    "taxes": [{"tax_code": "VAT", "rate_percent": "19", "applies_to": ["tokens"], "inclusive": True}],
    "source_document": {"uri": "file:c.pdf", "sha256": "00"},
    "approvals": [
        {"what": "discount", "charge_id": "tokens", "version": 2, "by": "deal desk", "at": "2025-12-01", "reason": "r"}
    ],
}


def read(value: object) -> Contract:
    contract = contracts.parse(value if isinstance(value, str) else json.dumps(value), line=1)
    assert isinstance(contract, Contract), contract
    return contract


def refuse(path: str, value: object) -> Fault:
    fault = contracts.parse(text(path, value), line=7)
    assert isinstance(fault, Fault)
    assert fault.line == 7
    return fault


def rows(contract: Contract, table: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in contract.rows.get(table, [])]


# -- what is read ------------------------------------------------------------------------------------------------


def test_the_header_is_read_and_what_is_not_said_stays_null() -> None:
    [header] = read(FULL).rows["versions"]
    assert header["signed_at"] == datetime(2025, 12, 18, 15, 0)
    assert (header["starts_on"], header["ends_on"]) == (date(2026, 1, 1), date(2027, 1, 1))
    assert (header["rounding_mode"], header["rounding_stage"], header["rounding_places"]) == ("half_even", "total", 0)
    assert (header["bill_to"], header["account_external_ids"]) == (
        '{"email":"ap@example.com"}',
        '{"aws":"123456789012"}',
    )
    assert header["unknown_fields"] is None
    [silent] = read(SMALLEST).rows["versions"]
    for name in ("every", "anchor_date", "payment_terms_days", "rounding_mode", "proration", "trial_days", "signed_at"):
        assert silent[name] is None


def test_every_column_of_the_raw_tables_is_one_that_exists() -> None:
    import duckdb

    connection = duckdb.connect()
    tables.create(connection)
    for table, table_rows in read(FULL).rows.items():
        tables.append(connection, f"raw_contracts.{table}", table_rows)
        count = connection.execute(f"select count(*) from raw_contracts.{table}").fetchone()
        assert count == (len(table_rows),)
    assert len(read(FULL).rows) == 14  # every table but price_tiers and price_cell_conditions has a row


def test_filters_become_text_and_groups_keep_their_order() -> None:
    contract = read(FULL)
    assert rows(contract, "charge_filters", "property", "value") == [
        ("model", "large"),
        ("model", "small"),
        ("tier", "5"),
        ("batch", "true"),
    ]
    assert rows(contract, "charge_group_by", "property", "position") == [("region", 1), ("model", 2)]


def test_dated_quantities_are_in_order_and_a_plain_one_has_no_date() -> None:
    contract = read(FULL)
    assert rows(contract, "charge_quantities", "charge_id", "from_date", "quantity") == [
        ("seats", date(2026, 1, 1), Decimal(5)),
        ("seats", date(2026, 3, 1), Decimal(7)),
        ("setup", None, Decimal(1)),
    ]
    assert rows(contract, "charges", "charge_id", "position", "quantity") == [
        ("tokens", 1, None),
        ("seats", 2, None),
        ("setup", 3, Decimal(1)),
    ]


def test_targets_are_rows_by_their_owner() -> None:
    assert rows(read(FULL), "applies_to", "owner_kind", "owner_id", "target") == [
        ("commitment", "m", "tokens"),
        ("grant", "g", "usage"),
        ("discount", "d1", "tokens"),
        ("discount", "d1", "seats"),
        ("tax", "VAT", "tokens"),
    ]
    assert rows(read(FULL), "discounts", "charge_id", "discount_id") == [("tokens", "d1"), (None, "d1")]


def test_a_bare_date_for_a_moment_is_local_midnight_of_the_contract() -> None:
    assert rows(read(FULL), "commitments", "commitment_id", "expires_at")[1] == (
        "p",
        datetime(2026, 12, 31, 23, 0),
    )
    assert rows(read(FULL), "grants", "anchor", "effective_at") == [
        (datetime(2025, 12, 31, 23, 0), datetime(2026, 1, 1, 0, 0))
    ]


def test_numbers_are_exact_as_text_and_as_json_numbers() -> None:
    contract = read(json.dumps(document()).replace('"2.5"', "0.100000000001"))
    assert rows(contract, "price_cells", "unit_price", "per") == [(Decimal("0.100000000001"), Decimal(1000000))]


def test_fields_we_do_not_know_are_kept_and_listed() -> None:
    changed = document("charges.0.colour", "blue") | {"note": 1}
    [header] = read(changed).rows["versions"]
    assert header["unknown_fields"] == '["charges[0].colour","note"]'
    assert json.loads(header["document"])["charges"][0]["colour"] == "blue"


# -- what makes terms equal --------------------------------------------------------------------------------------


def test_layout_and_spelling_of_numbers_do_not_change_the_terms() -> None:
    spelled = json.loads(json.dumps(SMALLEST).replace('"2.5"', "2.50"))
    reordered = dict(reversed(list(spelled.items())))
    assert read(reordered).terms_hash == read(SMALLEST).terms_hash


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("charges.0.price.unit_price", "2.51"),
        ("billing.payment_terms_days", 45),
        ("account.organizations", ["org-1", "org-2"]),
        ("charges.0.filter", {"model": "large"}),
        ("taxes", [{"tax_code": "VAT", "rate_percent": "19"}]),
    ],
)
def test_any_other_term_makes_other_terms(path: str, value: object) -> None:
    assert read(document(path, value)).terms_hash != read(SMALLEST).terms_hash


def test_a_charge_keeps_its_hash_over_versions_and_wording() -> None:
    later = document("charges.0.description", "new words") | {"version": 2, "effective_from": "2026-02-01"}
    [before], [after] = read(SMALLEST).rows["charges"], read(later).rows["charges"]
    assert (before["terms_hash"], before["price_hash"]) == (after["terms_hash"], after["price_hash"])


def test_a_discount_changes_the_terms_of_a_charge_but_not_its_price() -> None:
    changed = document("charges.0.discounts", [{"discount_id": "d", "kind": "percent", "value": 5}])
    [before], [after] = read(SMALLEST).rows["charges"], read(changed).rows["charges"]
    assert before["price_hash"] == after["price_hash"]
    assert before["terms_hash"] != after["terms_hash"]


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "code", "reason"),
    [
        ("contract_id", None, "field", "contract_id: missing"),
        ("contract_id", " ", "field", "contract_id: blank"),
        ("contract_id", 5, "field", "contract_id: the number 5 where a text is expected"),
        ("version", None, "field", "version: missing"),
        ("version", "one", "number", "version: 'one' where a whole number"),
        ("version", 1.5, "number", "version"),
        ("version", 10**10, "number", "version"),
        ("effective_from", "2026-02-30", "time", "effective_from: 2026-02-30 is not a day"),
        ("signed_at", "2026-01-01T00:00:00", "time", "signed_at: 2026-01-01T00:00:00 has no zone"),
        ("account", None, "field", "account.account_id: missing"),
        ("account", [], "field", "account: a list where an object"),
        ("account.organizations", ["o", "o"], "field", "account.organizations[1]: 'o' stands twice"),
        ("account.currency", "ZZZ", "field", "account.currency"),
        ("channel", "shop", "field", "channel: 'shop' is none of"),
        ("channel", "partner:", "field", "channel"),
        ("currency", "usd", "field", "currency: 'usd' is no ISO 4217 currency"),
        ("timezone", "Mars/Olympus", "field", "timezone"),
        ("timezone", "../etc/passwd", "field", "timezone"),
        ("ends_on", "2025-12-31", "time", "ends_on: before starts_on"),
        ("billing", None, "field", "billing.frequency: missing"),
        ("billing.frequency", "fortnightly", "field", "billing.frequency"),
        ("billing.every", 0, "number", "billing.every: 0 is not at least 1"),
        ("billing.rounding", {"places": 13}, "number", "billing.rounding.places: 13 is not from -2 to 12"),
        ("billing.rounding", {"mode": "up"}, "field", "billing.rounding.mode"),
        ("marketplace", {"metering": {"unit_amount": 0}}, "number", "marketplace.metering.unit_amount"),
        ("charges", {}, "field", "charges: an object where a list"),
        ("charges.0.charge_id", None, "field", "charges[0].charge_id: missing"),
        ("charges.0.type", "metered", "field", "charges[0].type"),
        ("charges.0.meter", None, "field", "charges[0].meter: missing"),
        ("charges.0.price", None, "field", "charges[0].price: missing"),
        ("charges.0.aggregation", "median", "field", "charges[0].aggregation"),
        ("charges.0.aggregation", "unique_count", "field", "charges[0].property: missing"),
        ("charges.0.unit_conversion", {"divide_by": 0}, "number", "charges[0].unit_conversion.divide_by"),
        ("charges.0.unit_conversion", {"rounding": "up"}, "field", "divide_by: missing"),
        ("charges.0.minimum", "1_000", "number", "charges[0].minimum: '1_000' is not a decimal number"),
        ("charges.0.minimum", "0.1234567890123", "number", "more than 12 decimals"),
        ("charges.0.minimum", True, "number", "charges[0].minimum: true/false where a number"),
        ("charges.0.maximum", "1e400", "number", "out of range"),
        ("charges.0.prorate", "yes", "field", "charges[0].prorate"),
        ("charges.0.filter", {"model": []}, "field", "charges[0].filter.model"),
        ("charges.0.filter", {"model": {"a": 1}}, "field", "charges[0].filter.model"),
        ("charges.0.filter", {"model": None}, "field", "charges[0].filter.model"),
        ("charges.0.quantity", -1, "number", "charges[0].quantity: -1 is below 0"),
        ("charges.0.quantity", [{"quantity": 1}], "field", "charges[0].quantity[0].from: missing"),
        (
            "charges.0.quantity",
            [{"from": "2026-01-01", "quantity": 1}, {"from": "2026-01-01", "quantity": 2}],
            "field",
            "two quantities from the same day",
        ),
        (
            "charges.0.discounts",
            [{"discount_id": "d", "kind": "percent", "value": 1, "applies_to": ["other"]}],
            "field",
            "applies_to: a discount of a charge",
        ),
        ("commitments", [{"commitment_id": "c", "kind": "prepaid"}], "field", "commitments[0].amount: missing"),
        ("commitments", [{"commitment_id": "c", "kind": "windowed", "amount": 1}], "field", "window: missing"),
        (
            "commitments",
            [{"commitment_id": "c", "kind": "windowed", "window": "day", "amount": 1, "quantity": 1}],
            "field",
            "not both",
        ),
        (
            "commitments",
            [{"commitment_id": "c", "kind": "minimum_spend", "amount": 1, "applies_to": []}],
            "field",
            "applies to nothing",
        ),
        ("credit_grants", [{"grant_id": "g"}], "field", "credit_grants[0].amount: missing"),
        ("credit_grants", [{"grant_id": "g", "amount": 1}] * 2, "field", "credit_grants[1].grant_id: 'g' stands twice"),
        ("discounts", [{"discount_id": "d", "kind": "percent"}], "field", "discounts[0].value: missing"),
        (
            "discounts",
            [{"discount_id": "d", "kind": "percent", "value": 1, "duration": {"kind": "periods"}}],
            "field",
            "duration.periods: missing",
        ),
        ("taxes", [{"tax_code": "t", "rate_percent": "NaN"}], "number", "taxes[0].rate_percent"),
        ("approvals", [{"by": "x"}], "field", "approvals[0].what: missing"),
    ],
)
def test_a_bad_term_is_refused_by_name(path: str, value: object, code: str, reason: str) -> None:
    fault = refuse(path, value)
    assert fault.code == code
    assert reason in fault.reason


def test_two_charges_of_one_id_are_refused() -> None:
    assert "charges[1].charge_id" in refuse("charges", [SMALLEST["charges"][0]] * 2).reason


@pytest.mark.parametrize("content", ["5", "[]", '"x"', "null"])
def test_a_document_is_an_object(content: str) -> None:
    fault = contracts.parse(content, line=1)
    assert isinstance(fault, Fault)
    assert fault.code == "field"


# -- documents in a file -----------------------------------------------------------------------------------------


def lines(content: str) -> list[tuple[int, str]]:
    return [(line, one.code if isinstance(one, Fault) else one.contract_id) for line, one in contracts.read(content)]


def test_one_document_may_span_lines() -> None:
    assert lines("\n\n" + json.dumps(SMALLEST, indent=2) + "\n") == [(3, "C-1")]


def test_documents_may_stand_one_a_line() -> None:
    other = json.dumps(document("contract_id", "C-2"))
    assert lines(f"{json.dumps(SMALLEST)}\r\n\r\n{other}\r\n") == [(1, "C-1"), (3, "C-2")]


def test_one_broken_line_costs_one_document() -> None:
    good = json.dumps(SMALLEST)
    assert lines(f"{good[:50]}\n{good}\nnonsense\n") == [(1, "json"), (2, "C-1"), (3, "json")]


def test_a_broken_document_over_many_lines_is_one_fault() -> None:
    content = json.dumps(SMALLEST, indent=2)
    assert lines(content[: len(content) // 2]) == [(1, "json")]
    assert lines(content.replace('"version": 1,', '"version": 1,,')) == [(1, "json")]


def test_a_repeated_name_is_refused() -> None:
    content = json.dumps(SMALLEST).replace('"version": 1', '"version": 1, "version": 2')
    assert lines(content) == [(1, "json")]


def test_a_file_without_text_has_no_document() -> None:
    assert lines(" \n\n") == []
