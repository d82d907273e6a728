"""A download is the table: every filtered row, the same order and values, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lxml import html

from billing_assets.dashboard.app import create_app
from billing_assets.documents import reports
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse
from tests.dashboard import world
from tests.dashboard.addresses import PAGES
from tests.dashboard.world import FORMULA, PAYLOADS, SCRIPT

# What a spreadsheet takes for a formula, said here a second time: half- and full-width signs behind any blanks.
LIVE = re.compile(r"^[\s]*[=+\-@\t\r\n＝＋－＠]")


def rows(client: TestClient, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/csv")
    assert "attachment" in response.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def links(client: TestClient) -> list[str]:
    found = []
    for address in PAGES:
        found += html.fromstring(client.get(address).text).xpath("//a[@class='download']/@href")
    return found


def test_every_table_downloads_and_no_cell_is_a_formula(client: TestClient) -> None:
    addresses = links(client)
    assert len(addresses) > 40
    for address in addresses:
        for row in rows(client, address):
            for value in row.values():
                # A negative number stays a number.
                assert not LIVE.match(value) or re.fullmatch(r"-?\d+(\.\d+)?", value), (address, value)


@pytest.mark.parametrize("query", ["", "sort=-total", "status=draft", "q=a-p", "period=2026-03&sort=document_id"])
def test_a_download_has_the_rows_of_the_table_in_its_order(client: TestClient, query: str) -> None:
    shown = html.fromstring(client.get(f"/invoices?{query}").text).xpath(
        "//section[@id='invoices']//tbody/tr/th/a/text()"
    )
    assert [row["document_id"] for row in rows(client, f"/invoices?{query}&format=csv")] == shown


def test_amounts_in_a_download_are_exact_where_the_page_rounds(client: TestClient) -> None:
    [row] = rows(client, "/exceptions?format=csv&control=USG-02")
    assert Decimal(row["amount"]) == Decimal("12.345678901234")
    cell = html.fromstring(client.get("/exceptions?control=USG-02").text).xpath("//td[@class='money']")[0]
    assert " ".join(cell.text_content().split()) == "12.35 USD"
    assert cell.get("title") == "12.345678901234"


def test_text_is_made_safe_as_in_the_report_files(client: TestClient, own_home: Path) -> None:
    warehouse = Warehouse(own_home / "w.duckdb")
    with warehouse.writer() as connection:
        connection.execute(
            "create schema raw; create table raw.run_context as select 'r' as run_identity, current_date as as_of"
        )
        connection.execute(
            "create schema reports; create table reports.rpt_a__names (document_id varchar, account_name varchar)"
        )
        for i, name in enumerate(PAYLOADS):
            connection.execute("insert into reports.rpt_a__names values (?, ?)", [f"C-P{i}/2026-04-01/invoice/0", name])
    reports.write(Settings(home=own_home), warehouse)
    with (own_home / "reports" / "names.csv").open(encoding="utf-8", newline="") as file:
        written = {row["document_id"]: row["account_name"] for row in csv.DictReader(file)}
    downloaded = {row["document_id"]: row["account_name"] for row in rows(client, "/invoices?format=csv&status=draft")}
    assert downloaded == written
    assert f"'{FORMULA}" in downloaded.values()
    assert SCRIPT in downloaded.values(), "what is no formula stays as it is"


def test_a_table_that_is_not_there_downloads_as_its_header(own_home: Path) -> None:
    world.drop(own_home / "reporting.duckdb", "marts.fct_reconciliation")
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        text = client.get("/reconciliations?format=csv").text
        assert text.startswith("reconciliation_id,comparison,period,")
        assert text.count("\r\n") == 1


def test_a_second_table_downloads_by_its_name_with_its_own_filter(client: TestClient) -> None:
    assert len(rows(client, "/conservation?format=csv&table=files")) == 2
    assert len(rows(client, "/conservation?format=csv&table=files&files.source=usage")) == 1
