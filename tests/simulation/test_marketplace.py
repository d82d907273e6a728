"""AWS's feeds and the bank statements of the sample hold together, and what was planted stands in the files."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_assets.landing import bank as bank_files
from billing_assets.landing.bank_entries import Entry, Statement
from billing_assets.simulation.feeds import COLUMNS, HISTORY, feed_versions
from billing_assets.simulation.market import Market, build_market
from billing_assets.simulation.simulate import Books, SimulationOptions, keep_books, sell
from billing_assets.simulation.world import World, build
from tests.simulation.trees import lines

Planted = dict[str, dict[str, str]]
Row = dict[str, str]
CENT = Decimal("0.01")
AS_OF = date(2026, 4, 3)


@pytest.fixture(scope="module")
def books() -> tuple[World, Market, Books]:
    options = SimulationOptions()
    world = build(options)
    market = build_market(options, with_stories=world.has_stories)
    return world, market, keep_books(world, sell(market))


def feed(sample: Path, name: str) -> list[Row]:
    """All rows of a feed's month files."""
    rows: list[Row] = []
    for path in sorted((sample / "landing" / "aws_marketplace" / f"{name}_v1").rglob("data.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows.extend(csv.DictReader(file))
    return rows


def current(rows: list[Row], *key: str) -> list[Row]:
    """The last update of every key and valid_from."""
    latest: dict[tuple[str, ...], Row] = {}
    for row in sorted(rows, key=lambda row: row["update_date"]):
        latest[tuple(row[name] for name in (*key, "valid_from"))] = row
    return list(latest.values())


@pytest.fixture(scope="module")
def events(sample: Path) -> list[Row]:
    return current(feed(sample, "billingeventfeed"), "billing_event_id")


def amount(row: Row) -> Decimal:
    return Decimal(row["amount"])


def is_payable(row: Row) -> bool:
    return row["balance_impacting"] == "1" and row["action"] in ("INVOICED", "FORGIVEN")


def test_every_feed_has_every_month_and_some_months_are_headers(sample: Path) -> None:
    folder = sample / "landing" / "aws_marketplace"
    assert {path.name for path in folder.iterdir()} == {f"{name}_v1" for name in COLUMNS}
    assert len(COLUMNS) == 13
    months = {"2025-12", "2026-01", "2026-02", "2026-03", "2026-04"}
    is_header_only: Counter[bool] = Counter()
    for path in folder.rglob("data.csv"):
        month = f"{path.parents[1].name[5:]}-{path.parent.name[6:]}"
        assert month in months
        lines = path.read_text(encoding="utf-8").split("\n")
        assert set(HISTORY) <= set(lines[0].split(","))
        is_header_only[len(lines) == 2] += 1
    assert sum(is_header_only.values()) == 65
    assert is_header_only[True] > 20


def test_a_file_holds_what_was_written_in_its_month_and_no_later(sample: Path) -> None:
    for path in (sample / "landing" / "aws_marketplace").rglob("data.csv"):
        month = f"{path.parents[1].name[5:]}-{path.parent.name[6:]}"
        with path.open(encoding="utf-8", newline="") as file:
            written = [row["update_date"] for row in csv.DictReader(file)]
        assert all(text.startswith(month) and text[:10] <= AS_OF.isoformat() for text in written), path
        assert written == sorted(written)


def test_both_spellings_of_time_occur(events: list[Row]) -> None:
    assert {row["action_date"][10] for row in events} == {" "}
    assert {len(row["action_date"]) for row in events} == {21, 26}
    assert {row["invoice_date"][10] for row in events} == {"T"}


def test_a_payout_is_what_its_rows_settle_in_both_currencies(events: list[Row]) -> None:
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in events:
        if row["disbursement_billing_event_id"]:
            parts[row["disbursement_billing_event_id"]].append(row)
    payouts = [row for row in events if row["transaction_type"].startswith("DISBURSEMENT")]
    assert {row["billing_event_id"] for row in payouts} == set(parts)
    for payout in payouts:
        own = parts[payout["billing_event_id"]]
        assert amount(payout) == -sum(amount(row) for row in own)
        assert Decimal(payout["disbursement_amount"]) == -sum(Decimal(row["disbursement_amount"]) for row in own)
        assert {(row["currency"], row["broker_id"] or "AWS_INC") for row in own} == {
            (payout["currency"], payout["broker_id"])
        }
        assert {row["bank_trace_id"] for row in own} == {payout["bank_trace_id"]}
    assert {(p["broker_id"], p["currency"], p["disbursement_currency"]) for p in payouts} == {
        ("AWS_INC", "USD", "USD"),
        ("AWS_EUROPE", "USD", "USD"),
        ("AWS_EUROPE", "EUR", "EUR"),
        ("AWS_JAPAN", "USD", "USD"),
        ("AWS_JAPAN", "JPY", "USD"),
    }


def settled(events: list[Row], action: str) -> dict[str, Decimal]:
    """Row -> what later rows of this action settle of it."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in events:
        if row["action"] == action and row["parent_billing_event_id"] and row["agreement_id"]:
            totals[row["parent_billing_event_id"]] += amount(row)
    return totals


def test_nothing_is_collected_or_paid_twice(events: list[Row], planted: Planted) -> None:
    collected, disbursed = settled(events, "COLLECTED"), settled(events, "DISBURSED")
    forgiven = settled(events, "FORGIVEN")
    too_much = []
    for row in events:
        if not (row["action"] == "INVOICED" and is_payable(row)):
            continue
        key, whole = row["billing_event_id"], amount(row) + forgiven[row["billing_event_id"]]
        assert abs(collected[key]) <= abs(whole)
        if abs(disbursed[key]) > abs(collected[key]):
            too_much.append((row["agreement_id"], disbursed[key] + collected[key]))
        if disbursed[key] and collected[key] == whole and abs(disbursed[key]) == abs(collected[key]):
            assert amount(row) + disbursed[key] == 0  # invariant of a fully settled line
    assert too_much == [(planted["M16"]["agreement_id"], -CENT)]


def test_settlement_rows_repeat_what_they_settle(events: list[Row]) -> None:
    by_id = {row["billing_event_id"]: row for row in events}
    repeated = (
        "invoice_date", "payment_due_date", "usage_period_start_date", "usage_period_end_date", "product_id",
        "end_user_account_id", "broker_id", "agreement_id", "offer_id", "invoice_id", "line_item_id",
        "buyer_invoice_id", "buyer_line_item_id", "transaction_reference_id", "invoice_variant", "charge_variant",
        "charge_side", "currency", "disbursement_currency",
    )  # fmt: skip
    checked = 0
    for row in events:
        if row["action"] in ("COLLECTED", "DISBURSED", "FORGIVEN") and row["agreement_id"]:
            parent = by_id[row["parent_billing_event_id"]]
            assert {name: row[name] for name in repeated} == {name: parent[name] for name in repeated}
            checked += 1
    assert checked > 100


def test_january_is_paid_out_february_collected_march_invoiced(events: list[Row], sample: Path) -> None:
    clean = agreements(sample)
    usage = [row for row in events if row["agreement_id"] in clean and row["usage_period_start_date"]]
    by_month: dict[str, set[str]] = defaultdict(set)
    for row in usage:
        if row["invoice_date"][8:10] in ("02", "03"):  # usage is invoiced then; instalments on their dates
            by_month[row["usage_period_start_date"][:7]].add(row["action"])
    assert by_month["2026-01"] == {"INVOICED", "COLLECTED", "DISBURSED"}
    assert "COLLECTED" in by_month["2026-02"]
    assert by_month["2026-03"] == {"INVOICED"}


def agreements(sample: Path) -> set[str]:
    with (sample / "truth" / "clean_agreements.csv").open(encoding="utf-8", newline="") as file:
        return {row["agreement_id"] for row in csv.DictReader(file)}


def test_there_are_clean_agreements_of_every_kind(sample: Path) -> None:
    clean = agreements(sample)
    assert len(clean) >= 8
    entities = {row["broker_id"] for row in feed(sample, "billingeventfeed") if row["agreement_id"] in clean}
    assert {"AWS_INC", "AWS_EUROPE", "AWS_JAPAN"} <= entities
    intents = {row["intent"] for row in feed(sample, "agreementfeed") if row["agreement_id"] in clean}
    assert intents == {"NEW", "RENEW"}


def test_invoiced_usage_is_what_daily_usage_tells(sample: Path, events: list[Row], planted: Planted) -> None:
    """Month by month, but for the faults and usage whose agreement AWS leaves blank."""
    told: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in current(feed(sample, "dailyusagefeed"), "usage_feed_id"):
        assert Decimal(row["usage_quantity"]) * CENT == Decimal(row["estimated_revenue_in_pricing_currency"])
        agreement = row["agreement_id"].replace("agmnt-", "agmt-")
        told[agreement, row["usage_date"][:7]] += Decimal(row["estimated_revenue_in_pricing_currency"])
    invoiced: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in events:
        if row["action"] == "INVOICED" and row["transaction_type"] == "SELLER_REV_SHARE":
            invoiced[row["agreement_id"], row["usage_period_start_date"][:7]] += amount(row)
    by_usage = {key for key in told if key[1] <= "2026-03" and key[0]}
    differing = {key for key in by_usage if told[key] != invoiced[key]}
    assert differing == set()
    nameless = planted["M04"]["agreement_id"], planted["M04"]["period"]
    assert nameless not in told
    assert told["", planted["M04"]["period"]] == invoiced[nameless]
    assert len(by_usage) == 3 * 18 - 1


def test_every_tax_row_has_a_tax_item(sample: Path, events: list[Row]) -> None:
    items = Counter((row["line_item_id"], row["tax_amount"].lstrip("-")) for row in feed(sample, "taxitemfeed"))
    rows = Counter(
        (row["line_item_id"], row["amount"].lstrip("-"))
        for row in events
        if "TAX_SHARE" in row["transaction_type"] and row["action"] == "INVOICED"
    )
    assert rows == items
    assert len(rows) > 10


def test_ids_lead_somewhere(sample: Path, events: list[Row], planted: Planted) -> None:
    accounts = {row["account_id"] for row in feed(sample, "accountfeed")}
    addresses = {row["address_id"] for row in feed(sample, "addressfeed")}
    products = {row["product_id"] for row in feed(sample, "productfeed")}
    offers = {row["offer_id"] for row in feed(sample, "offerfeed")}
    known = {row["agreement_id"] for row in feed(sample, "agreementfeed")}
    for row in events:
        assert {row["from_account_id"], row["to_account_id"]} <= accounts
        assert row["end_user_account_id"] in accounts | {""}
        assert row["product_id"] in products | {""}
        assert row["offer_id"] in offers | {""}
        assert row["billing_address_id"] in addresses | {""}
    unknown = {row["agreement_id"] for row in events if row["agreement_id"]} - known
    assert unknown == {planted["M11"]["agreement_id"]}
    assert {row["recipient_account_id"] for row in events} == {feed(sample, "accountfeed")[0]["account_id"]}


def test_contracts_name_the_agreements_of_the_feeds(sample: Path) -> None:
    documents = [json.loads(path.read_bytes()) for path in (sample / "landing" / "contracts").glob("C-2*.json")]
    sold = [d for d in documents if d["channel"] == "aws_marketplace"]
    assert len(sold) == 24
    numbers = {row["aws_account_id"] for row in feed(sample, "accountfeed")}
    assert all(len(d["marketplace"]["customer_account_id"]) == 12 for d in sold)
    assert {d["marketplace"]["customer_account_id"] for d in sold} <= numbers
    assert sum(d["marketplace"]["customer_account_id"].startswith("0") for d in sold) == 2
    assert {len(number) for number in numbers} == {10, 12}  # one row lost its zeros
    offers = {row["offer_id"] for row in feed(sample, "offerfeed")}
    assert {d["marketplace"]["offer_id"] for d in sold} <= offers


# The planted faults, in the files


def of(events: list[Row], fault: Row) -> list[Row]:
    return [row for row in events if row["agreement_id"] == fault["agreement_id"]]


def invoiced(events: list[Row], fault: Row, period: str, kind: str) -> Decimal:
    return sum(
        (
            amount(row)
            for row in of(events, fault)
            if row["action"] == "INVOICED"
            and row["transaction_type"] == kind
            and row["usage_period_start_date"].startswith(period)
        ),
        Decimal(0),
    )


@pytest.mark.parametrize(("fault_id", "percent", "charged"), [("M06", "1.5", "3"), ("M07", "3.5", "3")])
def test_wrong_fees_are_charged(events: list[Row], planted: Planted, fault_id: str, percent: str, charged: str) -> None:
    fault = planted[fault_id]
    gross = invoiced(events, fault, fault["period"], "SELLER_REV_SHARE")
    fee = -invoiced(events, fault, fault["period"], "AWS_REV_SHARE")
    assert abs(fee - gross * Decimal(charged) / 100) <= CENT / 2
    assert abs(abs(fee - gross * Decimal(percent) / 100) - Decimal(fault["amount"])) <= CENT


def test_fees_of_the_other_lines_are_as_agreed(events: list[Row], planted: Planted) -> None:
    fees: Counter[Decimal] = Counter()
    lines: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in events:
        if row["action"] == "INVOICED" and row["charge_side"] != "BUYING":
            lines[row["agreement_id"], row["buyer_line_item_id"]][row["transaction_type"]] += amount(row)
    faulty = {planted[name]["agreement_id"] for name in ("M06", "M07")}
    for (agreement, _), kinds in lines.items():
        if agreement and agreement not in faulty and kinds["SELLER_REV_SHARE"] > 1000:
            fees[-kinds["AWS_REV_SHARE"] / kinds["SELLER_REV_SHARE"] * 100] += 1
    assert set(fees) == {Decimal(0), Decimal(2), Decimal(3)}


def test_metering_faults_are_in_the_daily_usage(sample: Path, planted: Planted) -> None:
    rows = current(feed(sample, "dailyusagefeed"), "usage_feed_id")

    def units(fault_id: str) -> Counter[str]:
        fault = planted[fault_id]
        days: Counter[str] = Counter()
        for row in rows:
            if row["agreement_id"] == fault["agreement_id"]:
                days[row["usage_date"]] += int(Decimal(row["usage_quantity"]))
        return days

    assert "2026-02-12" not in units("M01")
    assert "2026-02-13" in units("M01")
    again = [row for row in rows if row["agreement_id"] == planted["M03"]["agreement_id"]
             and row["usage_date"] == "2026-02-17"]  # fmt: skip
    assert len(again) == 2
    assert {row["usage_quantity"] for row in again} == {f"{Decimal(planted['M03']['amount']) * 100:.2f}"}
    assert units("M02")["2026-02-24"] == 0


def test_money_faults_are_in_the_billing_events(events: list[Row], planted: Planted) -> None:
    refund = planted["M08"]
    refunded = invoiced(events, refund, refund["period"], "SELLER_REV_SHARE_REFUND")
    assert -refunded == Decimal(refund["amount"])
    forgiven = planted["M09"]
    assert {row["action"] for row in of(events, forgiven) if row["usage_period_start_date"][:7] == "2026-01"} == {
        "INVOICED",
        "FORGIVEN",
    }
    late = planted["M10"]
    assert invoiced(events, late, "2026-03", "SELLER_REV_SHARE") == 0
    assert invoiced(events, late, "2026-02", "SELLER_REV_SHARE") == Decimal(late["amount"])
    failures = [row for row in events if row["transaction_type"] == "DISBURSEMENT_FAILURE"]
    assert len(failures) == 2
    assert amount(failures[0]) < 0
    again = Counter(amount(row) for row in events if row["transaction_type"] == "DISBURSEMENT")
    assert again[-amount(failures[0])] == 2
    assert again[-amount(failures[1])] == 1
    assert Decimal(planted["M13"]["amount"]) == -amount(failures[1])
    blank = {row["agreement_id"] for row in events if not row["broker_id"]}
    assert blank == {planted["N02"]["agreement_id"]}


def test_corrections_come_later_under_the_same_id(sample: Path, planted: Planted) -> None:
    feeds = (("N03", "billingeventfeed", "billing_event_id"), ("N04", "dailyusagefeed", "usage_feed_id"))
    for fault_id, name, key in feeds:
        versions: dict[str, list[Row]] = defaultdict(list)
        for row in feed(sample, name):
            versions[row[key]].append(row)
        corrected = [rows for rows in versions.values() if len(rows) > 1]
        assert len(corrected) == 1
        first, second = corrected[0]
        assert first["agreement_id"] == planted[fault_id]["agreement_id"]
        assert first["valid_from"] == second["valid_from"]
        assert first["insert_date"] == second["insert_date"] == first["update_date"] < second["update_date"]


def test_the_double_dip_is_the_same_usage(sample: Path, planted: Planted) -> None:
    found: dict[str, dict[str, object]] = {"gateway-us": {}, "gateway-aws": {}}
    for gateway, rows in found.items():
        for path in sorted((sample / "landing" / "usage" / gateway / "2026-03").glob("*.jsonl.gz")):
            for line in lines(path):
                if '"subject":"org-2023"' in line and '"contract_id":"C-2023' in line:
                    event = json.loads(line)
                    rows[event["id"]] = (event["time"], event["type"], event["data"]["quantity"])
    # event by event, on the days on which both contracts billed it
    assert found["gateway-us"].items() <= found["gateway-aws"].items()
    assert len(found["gateway-us"]) > 50
    assert Decimal(planted["M05"]["amount"]) > 0


# The bank


def statements(sample: Path) -> tuple[list[Statement], list[Entry]]:
    kinds: tuple[list[Statement], list[Entry]] = ([], [])
    for path in sorted((sample / "landing" / "bank").iterdir()):
        for _, item in bank_files.read(io.StringIO(path.read_text(encoding="utf-8")), path.name):
            assert isinstance(item, Statement | Entry), item
            kinds[isinstance(item, Entry)].append(item)  # type: ignore[arg-type]
    return kinds


def test_statements_come_in_four_formats_and_their_balances_run_on(sample: Path) -> None:
    found, entries = statements(sample)
    assert {statement.format for statement in found} == {"camt053", "mt940", "bai2", "csv"}
    movements: dict[int, Decimal] = defaultdict(Decimal)
    for entry in entries:
        movements[id(entry.statement)] += entry.amount
    last: dict[str, Decimal] = {}
    for statement in sorted(found, key=lambda s: (s.account, s.to_date or date.max, s.format)):
        if statement.opening_balance is None or statement.closing_balance is None:
            continue
        assert statement.closing_balance - statement.opening_balance == movements[id(statement)]
        assert statement.opening_balance == last.get(statement.account, statement.opening_balance)
        last[statement.account] = statement.closing_balance


def test_payouts_reach_the_bank_but_for_the_planted_ones(sample: Path, events: list[Row], planted: Planted) -> None:
    _, entries = statements(sample)
    received: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        received[(entry.narrative or "").partition("TRACE ")[2].partition(":")[0].replace(" ", "")] += entry.amount
    missing = {}
    for row in events:
        if row["transaction_type"] == "DISBURSEMENT":
            difference = Decimal(row["disbursement_amount"]) - received[row["bank_trace_id"]]
            if difference:
                missing[row["action_date"][:10]] = difference
    amounts = sorted(missing.values())
    in_transit = missing.pop("2026-04-03")
    bounced = missing.pop("2026-03-11")  # came and went; its re-send arrived
    expected = sorted([*(Decimal(planted[name]["amount"]) for name in ("M13", "M14", "M15")), in_transit, bounced])
    assert amounts == expected


def test_direct_receipts_are_there(sample: Path, planted: Planted) -> None:
    _, entries = statements(sample)
    direct = [e for e in entries if e.amount > 0 and "TRACE" not in (e.narrative or "")]
    assert sum(1 for e in direct if "US01-INV-" in (e.narrative or "")) == 2
    ahead = [e.amount for e in direct if e.booking_date < AS_OF]
    assert ahead == [Decimal(planted[name]["amount"]) for name in ("M17", "M18")]


# Night by night


def test_files_grow_from_night_to_night_to_what_is_committed(sample: Path, books: tuple[World, Market, Books]) -> None:
    _, market, kept = books
    day, before = date(2026, 2, 26), dict[str, str]()
    while day <= AS_OF:
        files = feed_versions(market, kept.feed_rows, day)
        assert all(files[path].startswith(text) for path, text in before.items())
        before, day = files, day + timedelta(days=1)
    made = {path: text.encode() for path, text in before.items()}
    committed = {p.relative_to(sample / "landing").as_posix(): p.read_bytes()
                 for p in (sample / "landing" / "aws_marketplace").rglob("data.csv")}  # fmt: skip
    assert made == committed


def test_a_correction_is_not_known_before_it_is_made(books: tuple[World, Market, Books]) -> None:
    _, market, kept = books
    path = "aws_marketplace/billingeventfeed_v1/year=2026/month=02/data.csv"
    sizes = [
        len(list(csv.DictReader(io.StringIO(feed_versions(market, kept.feed_rows, day)[path]))))
        for day in (date(2026, 2, 19), date(2026, 2, 20))
    ]
    assert sizes[1] == sizes[0] + 1
