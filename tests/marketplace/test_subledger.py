"""The marketplace subledger over feed files: the documented worked example, and two years of simulated feeds.

Both stand in one landing zone, which a whole run reads once; then month files come again, older and in another order.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.automation.nightly import Nightly
from billing_assets.settings import Settings
from tests.marketplace import compare
from tests.marketplace.feeds import put
from tests.marketplace.oracle import Oracle
from tests.marketplace.simulated import Simulation

pytestmark = pytest.mark.dbt

AS_OF = date(2026, 4, 3)
GOLDEN = Path(__file__).parent / "golden"
SUBLEDGER = ["path:models/intermediate/marketplace", "path:models/marts/marketplace", "rpt_finance__marketplace_lines"]


@dataclass
class Landed:
    """A home after a run, the files of its landing zone, and what the oracle makes of them."""

    night: Nightly
    files: dict[str, bytes]
    oracle: Oracle

    def rows(self, query: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.night.settings.warehouse_path), read_only=True) as connection:
            return compare.rows(connection, query)

    def differences(self) -> list[str]:
        with duckdb.connect(str(self.night.settings.warehouse_path), read_only=True) as connection:
            return [
                *compare.line_differences(connection, self.oracle),
                *compare.rollforward_differences(connection, self.oracle, AS_OF),
            ]

    def deliver(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            put(Path(self.night.settings.landing), path, content)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    root = tmp_path_factory.mktemp("marketplace")
    feeds = Simulation(agreements=40, months=24).run()
    files = feeds.files()
    events = feeds.rows["billingeventfeed"]
    for path in GOLDEN.rglob("*.csv"):
        files[str(path.relative_to(GOLDEN))] = path.read_bytes()
        events += csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    night = Nightly(Settings(landing=root / "landing", home=root / "home", as_of=AS_OF, threads=2))
    landed = Landed(night, files, Oracle(events, feeds.rows["agreementfeed"]))
    # AWS writes a month file anew each day: first a part of it, then all.
    landed.deliver({path: first_half(content) for path, content in files.items()})
    night.land()
    landed.deliver(files)
    night.run()
    return landed


def first_half(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: 1 + len(lines) // 2])


def test_worked_example_gives_the_documented_payouts(landed: Landed) -> None:
    payouts = landed.rows(
        "select payout_id, amount, components_amount, difference, period from marts.fct_marketplace_payouts "
        "where payout_id in ('I14', 'I33') order by payout_id"
    )
    assert [tuple(payout.values()) for payout in payouts] == [
        ("I14", Decimal("19.8"), Decimal("19.8"), 0, "2019-02"),
        ("I33", Decimal("72.65"), Decimal("72.65"), 0, "2019-02"),
    ]


def test_worked_example_classifies_every_row(landed: Landed) -> None:
    ledger = landed.rows(
        "select billing_event_id, category, stage, amount, is_payable, posted_on from marts.fct_marketplace_ledger "
        "where billing_event_id like 'I%'"
    )
    found = {
        row["billing_event_id"]: (row["category"], row["stage"], float(row["amount"]), row["is_payable"])
        for row in ledger
    }
    assert found == {
        "I0": ("gross", "invoiced", 100, True),
        "I1": ("aws_tax", "invoiced", 20.6, False),
        "I2": ("wholesale_cost", "invoiced", -80, True),
        "I3": ("listing_fee", "invoiced", -0.2, True),
        "I5": ("gross", "invoiced", 73.5, True),
        "I6": ("seller_tax", "invoiced", 6.5, True),
        "I7": ("listing_fee", "invoiced", -7.35, True),
        "I10": ("gross", "disbursed", -100, True),
        "I12": ("wholesale_cost", "disbursed", 80, True),
        "I13": ("listing_fee", "disbursed", 0.2, True),
        "I14": ("disbursement", "payout", 19.8, False),
        "I30": ("gross", "disbursed", -73.5, True),
        "I31": ("seller_tax", "disbursed", -6.5, True),
        "I32": ("listing_fee", "disbursed", 7.35, True),
        "I33": ("disbursement", "payout", 72.65, False),
    }
    assert {str(row["posted_on"]) for row in ledger if row["stage"] == "disbursed"} == {"2019-02-10"}


def test_worked_example_is_one_settled_line_for_each_seller(landed: Landed) -> None:
    lines = landed.rows(
        "select recipient_account_id, gross_revenue, listing_fee, aws_tax, wholesale_cost, other, seller_net_revenue, "
        "disbursed, undisbursed, status, stage, difference_to_aws_report from reports.rpt_finance__marketplace_lines "
        "where product_id = 'prod-worked' order by recipient_account_id"
    )
    settled = (0, "Disbursed", "disbursed", None)
    manufacturer = (Decimal(x) for x in ("73.5", "-7.35", "0", "0", "6.5", "72.65", "72.65"))
    reseller = (Decimal(x) for x in ("100", "-0.2", "20.6", "-80", "0", "19.8", "19.8"))
    assert [tuple(line.values()) for line in lines] == [
        ("111122223333", *manufacturer, *settled),
        ("777788889999", *reseller, *settled),
    ]


def test_every_line_and_month_is_what_the_oracle_says(landed: Landed) -> None:
    assert len(landed.oracle.lines) > 1000
    assert landed.differences() == []


def test_every_month_closes_with_the_opening_of_the_next(landed: Landed) -> None:
    open_months = landed.rows(
        "select * from reports.rpt_finance__receivable_rollforward where kind = 'marketplace' and (difference <> 0 or "
        "opening + invoiced + refunded + forgiven + adjusted + disbursed + failed <> closing)"
    )
    gaps = landed.rows(
        "select * from (select period, closing, lead(opening) over months as next_opening, "
        "lead(period) over months is null as is_last from reports.rpt_finance__receivable_rollforward "
        "where kind = 'marketplace' "
        "window months as (partition by agreement_id, aws_entity, currency order by period)) "
        "where case when is_last then period < '2026-04' else closing <> next_opening end"
    )
    assert (open_months, gaps) == ([], [])


def test_a_failed_payout_names_the_one_that_paid_the_lines_again(landed: Landed) -> None:
    failed = landed.rows("select payout_id, resent_by from marts.fct_marketplace_payouts where is_failed")
    paid = landed.rows(
        "select distinct payout_id, line_key from marts.fct_marketplace_ledger where stage = 'disbursed'"
    )
    lines: dict[str, set[str]] = {}
    for row in paid:
        lines.setdefault(row["payout_id"], set()).add(row["line_key"])
    assert failed
    assert all(lines[row["payout_id"]] & lines[row["resent_by"]] for row in failed if row["resent_by"])
    assert any(row["resent_by"] for row in failed)


def test_older_files_delivered_again_in_another_order_change_nothing(landed: Landed) -> None:
    before = landed.rows("select * exclude (first_seen) from marts.fct_marketplace_ledger order by billing_event_id")
    paths = list(landed.files)
    random.Random(7).shuffle(paths)  # noqa: S311 - an order, not a secret
    for part in (paths[::2], paths[1::2]):
        landed.deliver({path: first_half(landed.files[path]) for path in part})
        landed.night.land()
    landed.night.prepare()
    broken = [node for node in landed.night.dbt.run(["run", "--select", *SUBLEDGER]) if node.status != "success"]
    assert broken == []
    after = landed.rows("select * exclude (first_seen) from marts.fct_marketplace_ledger order by billing_event_id")
    assert after == before
    assert landed.differences() == []
