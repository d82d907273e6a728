"""Nights that each change what was known leave the tables that one full build makes of the same evidence.

Every kind of change that may reach a row that did not land that night has its night here: a touch that is missed leaves
an old row behind, and the comparison names its table.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from billing_assets.automation.nightly import Nightly
from billing_assets.controls.evaluate import create_verdicts
from billing_assets.settings import Settings
from billing_assets.transformation.resources import Dbt
from tests.marketplace.feeds import Feeds, Row, put
from tests.marketplace.simulated import Simulation

pytestmark = pytest.mark.dbt

FIRST = date(2024, 7, 2)
ROOMS = [
    "staging.landing", "staging.aws_marketplace", "staging.bank", "staging.match", "staging.fx",
    "intermediate.marketplace", "marts.marketplace", "intermediate.reconciliation", "marts.reconciliation",
]  # fmt: skip
# What no table but the models of touched keys themselves may differ in.
TOUCHED = "touched"

Change = Callable[[Feeds], None]


class World:
    """A home, the feeds as they stand, and what AWS has not written yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.feeds = Simulation(agreements=14, months=6).run()
        self.late: dict[str, list[Row]] = {}
        self.as_of = FIRST
        self._dbt: Dbt | None = None
        (root / "landing").mkdir(parents=True)
        self._build_empty()

    def hold_back(self, feed: str, is_late: Callable[[Row], bool]) -> None:
        rows = self.feeds.rows[feed]
        self.late[feed] = self.late.get(feed, []) + [row for row in rows if is_late(row)]
        self.feeds.rows[feed] = [row for row in rows if not is_late(row)]

    def deliver_late(self, feed: str) -> None:
        """What was held back arrives, as AWS writes it: with the time of its writing."""
        for row in self.late.pop(feed):
            self.feeds.rows[feed].append(row | {"insert_date": self.now(), "update_date": self.now()})

    def now(self) -> str:
        return datetime.combine(self.as_of, datetime.min.time()).strftime("%Y-%m-%dT%H:%M:%SZ")

    def events(self, **values: str) -> list[Row]:
        return [
            row
            for row in self.feeds.rows["billingeventfeed"]
            if all(row[name] == value for name, value in values.items())
        ]

    def night(self, days: int = 1) -> None:
        night = self.landed(days)
        night.prepare()
        night.match()
        night.dbt.follow(["run", "--select", *ROOMS])

    def landed(self, days: int = 1) -> Nightly:
        """A night that has landed and goes no further by itself."""
        self.as_of += timedelta(days=days)
        for path, content in self.feeds.files().items():
            put(self.root / "landing", path, content)
        night = self._nightly()
        night.land()
        return night

    def is_followed_on(self) -> bool:
        """Whether the next build of this code computes only what changed."""
        with duckdb.connect(str(self.root / "home" / "warehouse.duckdb"), read_only=True) as connection:
            row = connection.execute("select is_followed from raw.last_build").fetchone()
        return row is not None and row[0] is False

    def rebuild(self) -> None:
        """All that is derived is deleted and made again, from evidence and ledger."""
        (self.root / "home" / "warehouse.duckdb").unlink()
        shutil.rmtree(self.root / "home" / "lake", ignore_errors=True)
        self._build_empty()
        self._nightly().dbt.follow(["run", "--select", *ROOMS])

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        with duckdb.connect(str(self.root / "home" / "warehouse.duckdb"), read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                "where table_schema in ('intermediate', 'marts') "
                f"and not contains(table_name, '{TOUCHED}') order by all"
            ).fetchall()
            return {name: connection.execute(f"from {name} order by all").fetchall() for (name,) in names}

    def _nightly(self) -> Nightly:
        night = Nightly(Settings(landing=self.root / "landing", home=self.root / "home", as_of=self.as_of, threads=2))
        # One for all nights: reading the project takes longer than most of them.
        self._dbt = night.dbt = self._dbt or night.dbt
        return night

    def _build_empty(self) -> None:
        """The models of other rooms, which have nothing to read here."""
        night = self._nightly()
        night.land()
        night.prepare()
        with night.warehouse().writer() as connection:
            create_verdicts(connection)
        night.match()
        night.dbt.run(["build", "--empty", "--resource-type", "model", "--resource-type", "seed"])


def differences(left: dict[str, list[tuple[object, ...]]], right: dict[str, list[tuple[object, ...]]]) -> list[str]:
    return [
        f"{name}: {len(set(left[name]) ^ set(right[name]))} rows differ, {len(left[name])} and {len(right[name])} stand"
        for name in left
        if left[name] != right[name]
    ]


def test_nights_of_every_kind_of_change_equal_one_full_build(tmp_path: Path) -> None:
    world = World(tmp_path)
    feeds = world.feeds.rows

    # The first night: without the last weeks, without an agreement that is there later, without a payout's own row and
    # without what tells that a payout failed.
    world.hold_back("billingeventfeed", lambda row: row["update_date"][:10] > "2024-05-20")
    payout = world.events(transaction_type="DISBURSEMENT")[0]
    world.hold_back("billingeventfeed", lambda row: row is payout)
    world.hold_back("agreementfeed", lambda row: row["agreement_id"] in ("agmt-00001", "agmt-00002"))
    world.night()
    assert world.is_followed_on()

    # Late rows and the payout come. An old line is corrected, a row of another one vanishes, one changes its line.
    world.deliver_late("billingeventfeed")
    sales = world.events(transaction_type="SELLER_REV_SHARE", action="INVOICED")
    corrected, gone = sales[0], sales[5]
    moved = next(row for row in sales[6:] if row["update_date"][:7] == gone["update_date"][:7])
    feeds["billingeventfeed"].append(
        corrected | {"amount": str(float(corrected["amount"]) + 1), "update_date": world.now()}
    )
    feeds["billingeventfeed"].remove(gone)
    moved["buyer_line_item_id" if moved["buyer_invoice_id"] else "line_item_id"] += "-moved"
    # The newest version of a month file is the one with the latest change.
    moved["update_date"] = moved["update_date"][:7] + "-28T23:59:59Z"
    world.night()

    # The agreements come after their events, one of them with a value in another band of the fee table, another gets
    # an offer that makes it a reseller's, and a product a second legacy id.
    world.deliver_late("agreementfeed")
    known = [row for row in feeds["agreementfeed"] if row["agreement_id"] == "agmt-00003"][-1]
    feeds["agreementfeed"].append(known | {"estimated_agreement_value": "20000000", "update_date": world.now()})
    world.feeds.add(
        "offerfeed", seen=world.now(), offer_id="offer-00004", offer_revision="1", seller_account_id="another",
        recipient_account_id="seller-account",
    )  # fmt: skip
    for legacy in ("old-1", "old-2"):
        world.feeds.add(
            "legacyidmappingfeed", seen=world.now(), mapping_type="PRODUCT", legacy_id=legacy, new_id="prod-3"
        )
    world.night()

    # A bank line for a payout, a rate of another currency, and a payout that fails without rows that open its lines.
    paid = world.events(transaction_type="DISBURSEMENT")[-1]
    statement = (
        "value_date,booking_date,amount,currency,counterparty,reference,narrative,account\n"
        f"{world.as_of},{world.as_of},{abs(float(paid['amount'])):.2f},{paid['currency']},AWS,{paid['bank_trace_id']},"
        "payout,4417002291\n"
    )
    put(tmp_path / "landing", "bank/statement.csv", statement.encode())
    put(
        tmp_path / "landing", "fx/rates.csv",
        b"rate_date,base_currency,quote_currency,rate,rate_type,source\n2024-07-01,EUR,USD,1.25,spot,simulated\n",
    )  # fmt: skip
    failed = world.events(transaction_type="DISBURSEMENT")[1]
    feeds["billingeventfeed"].append(
        failed | {
            "billing_event_id": "failure-late", "transaction_type": "DISBURSEMENT_FAILURE",
            "parent_billing_event_id": failed["billing_event_id"], "update_date": world.now(),
            "insert_date": world.now(), "valid_from": world.now(),
        }
    )  # fmt: skip
    world.night()

    # What two nights land is built in one: the first of them stopped before dbt. Old lines are corrected again.
    for sale in sales[8:10]:
        feeds["billingeventfeed"].append(sale | {"amount": str(float(sale["amount"]) + 2), "update_date": world.now()})
        world.landed()
    world.night()
    assert world.is_followed_on()

    # Nothing lands, but the business date passes the days until which lines were waited for.
    world.night(days=45)

    nightly = world.tables()
    assert len(nightly["marts.fct_marketplace_lines"]) > 50
    assert {row[0] for row in nightly["marts.fct_reconciliation"]} >= {"R09", "R10"}
    world.rebuild()
    assert differences(nightly, world.tables()) == []
