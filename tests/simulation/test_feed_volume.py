"""A year of feeds in bulk: the invariants of the documented example hold, and any machine makes the same bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from billing_assets.simulation.feed_volume import write_feeds
from billing_assets.simulation.feeds import COLUMNS
from tests.simulation.trees import tree_hash

AS_OF = date(2026, 4, 3)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("year")
    rows = write_feeds(landing, 6_000, AS_OF)
    assert 5_000 < rows < 7_000
    return landing


@pytest.fixture(scope="module")
def events(year: Path) -> duckdb.DuckDBPyConnection:
    """The last update of every event, amounts as decimals."""
    db = duckdb.connect()
    files = str(year / "aws_marketplace" / "billingeventfeed_v1" / "*" / "*" / "data.csv")
    db.execute(
        "create table events as select * replace (amount::decimal(18, 2) as amount) from read_csv(?, header = true,"
        " all_varchar = true, hive_partitioning = false)"
        " qualify row_number() over (partition by billing_event_id order by update_date desc) = 1",
        [files],
    )
    return db


def test_the_same_seed_makes_the_same_bytes(year: Path, tmp_path: Path) -> None:
    write_feeds(tmp_path, 6_000, AS_OF)
    assert tree_hash(tmp_path) == tree_hash(year)


def test_all_feeds_are_there_every_month(year: Path) -> None:
    files = list((year / "aws_marketplace").rglob("data.csv"))
    assert {path.parents[2].name for path in files} == {f"{feed}_v1" for feed in COLUMNS}
    assert len(files) == len(COLUMNS) * 14


def test_an_earlier_night_is_the_beginning_of_the_same_files(year: Path, tmp_path: Path) -> None:
    write_feeds(tmp_path, 6_000, AS_OF, until=date(2026, 4, 2))
    grown = 0
    for path in sorted((tmp_path / "aws_marketplace").rglob("data.csv")):
        whole = (year / path.relative_to(tmp_path)).read_bytes()
        assert whole.startswith(path.read_bytes())
        grown += whole != path.read_bytes()
    assert grown >= 1


def test_a_payout_is_what_its_rows_settle(events: duckdb.DuckDBPyConnection) -> None:
    wrong = events.execute(
        "select p.billing_event_id from events p"
        " left join events r on r.disbursement_billing_event_id = p.billing_event_id"
        " where p.transaction_type like 'DISBURSEMENT%' group by p.billing_event_id, p.amount"
        " having p.amount + coalesce(sum(r.amount), 0) <> 0"
    ).fetchall()
    assert wrong == []


def test_settled_rows_come_to_nothing_and_no_more_is_paid_than_collected(events: duckdb.DuckDBPyConnection) -> None:
    wrong = events.execute(
        "with settled as (select parent_billing_event_id as id, sum(amount) filter (action = 'COLLECTED') as collected,"
        " sum(amount) filter (action = 'DISBURSED') as paid from events where agreement_id is not null group by 1)"
        " select * from settled s join events i on i.billing_event_id = s.id"
        " where abs(coalesce(collected, 0)) > abs(i.amount) or abs(coalesce(paid, 0)) > abs(coalesce(collected, 0))"
    ).fetchall()
    assert wrong == []


def test_everything_a_year_should_have_is_there(events: duckdb.DuckDBPyConnection) -> None:
    kinds = {row[0] for row in events.execute("select distinct transaction_type from events").fetchall()}
    assert {"SELLER_REV_SHARE", "AWS_REV_SHARE", "AWS_TAX_SHARE", "SELLER_REV_SHARE_REFUND", "DISBURSEMENT"} <= kinds
    assert "DISBURSEMENT_FAILURE" in kinds
    actions = {row[0] for row in events.execute("select distinct action from events").fetchall()}
    assert actions == {"INVOICED", "COLLECTED", "DISBURSED", "FORGIVEN"}
    brokers = {row[0] for row in events.execute("select distinct broker_id from events").fetchall()}
    assert brokers == {"AWS_INC", "AWS_EUROPE", "AWS_JAPAN"}
