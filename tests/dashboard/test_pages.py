"""Every page answers, filters, drills down, and says plainly what it does not have."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient
from lxml import html

from billing_assets.dashboard.app import create_app
from billing_assets.dashboard.pages import PAGES as ROUTES
from billing_assets.dashboard.pages import evidence
from billing_assets.settings import Settings
from tests.dashboard import world
from tests.dashboard.addresses import DETAILS, OVERVIEWS, PAGES
from tests.dashboard.world import FILE, HELD, ISSUED

MARTS = tuple(
    f"marts.{name}"
    for name in (
        "fct_marketplace_chain", "fct_marketplace_lines", "fct_marketplace_ledger", "fct_marketplace_payouts",
        "fct_reconciliation", "fct_bank_entries", "fct_plausibility",
    )
)  # fmt: skip


def page(client: TestClient, address: str) -> html.HtmlElement:
    response = client.get(address)
    assert response.status_code == 200, response.text[:500]
    return html.fromstring(response.text)


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers_and_reads_its_tables(client: TestClient, address: str) -> None:
    document = page(client, address)
    assert "another version" not in words(document)
    assert "has no " not in words(document), "a relation is missing in the snapshot of the tests"
    assert document.xpath("//h1")
    assert all(th.get("scope") for th in document.xpath("//th")), "each header says what it heads"


def test_every_route_is_visited() -> None:
    patterns = [re.sub(r"\{\w+(:path)?\}", ".+", route) for route, _ in ROUTES]
    unvisited = [p for p in patterns if not any(re.fullmatch(p, address.split("?")[0]) for address in PAGES)]
    assert not unvisited


def test_the_header_names_business_date_and_run(client: TestClient) -> None:
    header = words(page(client, "/").xpath("//header")[0])
    assert "3 Apr 2026" in header
    assert "run-of-2026-" in header


def test_readiness_leads_from_gate_to_control_to_violation_to_evidence(client: TestClient) -> None:
    grid = page(client, "/").xpath("//table[@class='gates']")[0]
    [gate] = [a for a in grid.xpath(".//td/a") if "G01" in words(a) and "1 open" in words(a)]
    behind = page(client, gate.get("href"))
    [control] = behind.xpath("//section[@id='results']//tbody//th/a[text()='USG-02']/@href")
    violations = page(client, control)
    [exception] = violations.xpath("//section[@id='exceptions']//a[contains(@href, 'aaaaaaaaaaaaaaa1')]/@href")
    evidence = page(client, exception)
    assert FILE in words(evidence.xpath("//section[@id='files']//tbody")[0])
    assert "records 12, the file has 10" in words(evidence.xpath("//section[@id='manifests']")[0])


@pytest.mark.parametrize(
    ("exception", "table", "row"),
    [
        ("aaaaaaaaaaaaaaa2", "quarantine", "not a number"),
        ("aaaaaaaaaaaaaaa3", "hours", "11 Mar 2026 09:00"),
        ("aaaaaaaaaaaaaaa4", "documents", HELD),
        ("aaaaaaaaaaaaaaa4", "invoice_lines", "seats"),
        ("aaaaaaaaaaaaaaa4", "contracts", "C-1"),
        ("aaaaaaaaaaaaaaa6", "ledger", "bev-1"),
        ("aaaaaaaaaaaaaaa6", "payouts", "pay-1"),
        ("aaaaaaaaaaaaaaa6", "chain", "agmt-1"),
        ("aaaaaaaaaaaaaaa6", "lines", "0012345"),
        ("aaaaaaaaaaaaaaa6", "entries", "21 Mar 2026"),
        ("aaaaaaaaaaaaaaa1", "checks", "as many files as usual"),
        ("aaaaaaaaaaaaaaa7", "applications", "pay-1"),
    ],
)
def test_evidence_keys_become_rows(client: TestClient, exception: str, table: str, row: str) -> None:
    found = page(client, f"/exceptions/{exception}").xpath(f"//section[@id='{table}']//tbody")
    assert found
    assert row in words(found[0])


def test_only_the_quarantined_line_that_the_evidence_names_is_shown(client: TestClient) -> None:
    rows = page(client, "/exceptions/aaaaaaaaaaaaaaa2").xpath("//section[@id='quarantine']//tbody/tr")
    assert len(rows) == 1


def test_scope_filters_narrow_every_figure_and_stay_in_links(client: TestClient) -> None:
    document = page(client, "/?entity=US01&channel=aws_marketplace")
    assert "1 of 1" in words(document.xpath("//ul[@class='tiles']")[0])
    [link] = document.xpath("//nav[@class='rooms']//a[text()='Exceptions']/@href")
    assert link == "/exceptions?entity=US01&channel=aws_marketplace"
    rows = page(client, link).xpath("//section[@id='exceptions']//tbody/tr")
    assert len(rows) == 1


def test_the_work_queue_shows_open_ones_first_and_all_when_asked(client: TestClient) -> None:
    def count(address: str) -> int:
        return len(page(client, address).xpath("//section[@id='exceptions']//tbody/tr"))

    assert count("/exceptions") == 5
    assert count("/exceptions?status=all") == 8
    assert count("/exceptions?severity=medium") == 1
    assert count("/exceptions?q=a-2") == 1
    assert count("/exceptions?sla=overdue&control=USG-02") == 1


def test_a_table_sorts_by_its_url_and_only_by_its_own_columns(client: TestClient) -> None:
    def amounts(sort: str) -> list[str]:
        return page(client, f"/invoices?sort={sort}").xpath("//section[@id='invoices']//tbody/tr/th/a/text()")

    assert amounts("-total")[0] == HELD
    assert amounts("total")[-1] == HELD
    assert amounts("total; drop table x") == amounts(""), "another text sorts by nothing"
    head = page(client, "/invoices?sort=-total").xpath("//th[@aria-sort]")
    assert [th.get("aria-sort") for th in head] == ["descending"]


def test_pages_of_a_table_split_and_join(own_home: Path) -> None:
    with duckdb.connect(str(own_home / "reporting.duckdb")) as connection:
        connection.execute(
            "insert into marts.fct_invoices (document_id, status, close_period, total, currency) "
            "select 'X-' || lpad(i::varchar, 4, '0'), 'draft', '2026-05', i, 'USD' from range(120) as r (i)"
        )
    with TestClient(create_app(Settings(home=own_home)), base_url="http://localhost") as client:
        seen: list[str] = []
        address = "/invoices?period=2026-05&sort=total"
        while address:
            document = page(client, address)
            seen += document.xpath("//section[@id='invoices']//tbody/tr/th/a/text()")
            address = next(iter(document.xpath("//nav[@class='pages']/a[@rel='next']/@href")), "")
        assert seen == [f"X-{i:04d}" for i in range(120)]
        beyond = page(client, "/invoices?period=2026-05&page=99999")
        assert "101 to 120 of 120" in words(beyond.xpath("//nav[@class='pages']")[0])


def test_an_invoice_shows_its_hold_and_explains_a_line(client: TestClient) -> None:
    held = page(client, f"/invoices/{HELD}")
    gate = words(held.xpath("//section[h2='Gate']")[0])
    assert "held this document: RAT-03" in gate
    assert "closed its scope 2026-03/US01/direct: USG-02" in gate
    explained = words(page(client, f"/invoices/{ISSUED}?line=1").xpath("//section[@id='explained']")[0])
    for said in ("contract C-1 version 1", "100.4999 rounded to 100.50 USD", "7 events in 1 metered hours", FILE):
        assert said in explained
    assert "confirmed" in words(page(client, f"/invoices/{ISSUED}").xpath("//section[@id='publications']")[0])


def test_the_waterfall_says_each_step_and_what_is_missing(client: TestClient) -> None:
    [chart] = page(client, "/marketplace").xpath("//figure//*[local-name()='svg']")
    titles = [t.text for t in chart.xpath(".//*[local-name()='title']")]
    for said in ("Metered: 1,000.00", "Listing fee: -30.00", "Tax and other: 5.00", "Net: 975.00", "Bank: 965.00"):
        assert said in titles
    assert "Bank: 10.00 USD not in the bank yet" in titles
    assert chart.get("role") == "img"
    assert "January 2026, USD" in chart.get("aria-label")


def test_a_kpi_over_nothing_has_no_value_and_its_newest_population_is_shown(client: TestClient) -> None:
    tile = words(page(client, "/kpis").xpath("//li[@class='tile']")[0])
    assert "50.0 % 2026-03" in tile
    assert "due documents issued without a hold: 1due documents: 2" in tile
    assert "Sample 2" in tile
    assert "no data 2026-04" in words(page(client, "/kpis?period=2026-04").xpath("//li[@class='tile']")[0])


@pytest.mark.parametrize(
    "address",
    [
        "/invoices/none", f"/invoices/{ISSUED}?line=9", "/exceptions/none", "/controls/XXX-99", "/readiness/G99",
        "/marketplace/agreements/none", "/marketplace/payouts/none", "/bank/none", "/kpis/none",
        "/conservation/files/none", "/nowhere", "/invoices?format=csv&table=other",
    ],
)  # fmt: skip
def test_an_unknown_key_is_not_found(client: TestClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert "<h1>Not found</h1>" in response.text


def test_pages_say_what_an_older_snapshot_lacks(own_home: Path) -> None:
    world.drop(own_home / "reporting.duckdb", *MARTS)
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        for address in (*OVERVIEWS, *(a for a in DETAILS if "/marketplace/" not in a and "/bank/" not in a)):
            page(client, address)
        assert "has no marts.fct_marketplace_chain yet" in words(page(client, "/marketplace"))
        assert "has no marts.fct_reconciliation yet" in words(page(client, "/reconciliations"))


def test_pages_say_why_a_table_is_empty(client: TestClient) -> None:
    said = [words(e) for e in page(client, "/exceptions?period=1999-01").xpath("//p[@class='empty']")]
    assert said == ["No open exception here: the controls found nothing, or other filters exclude it."]


def test_a_column_that_is_not_there_is_another_version_not_a_failure(own_home: Path) -> None:
    with duckdb.connect(str(own_home / "reporting.duckdb")) as connection:
        connection.execute("alter table marts.fct_reconciliation drop column expected_clear")
        connection.execute("alter table marts.fct_kpis drop column numerator")
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        assert "another version" in words(page(client, "/reconciliations")), "the rest of the page stands"
        response = client.get("/kpis")
        assert response.status_code == 503
        assert "another version" in response.text


def test_evidence_is_told_in_words() -> None:
    found = {
        "lines": [{"line_no": 1, "amount": "66.360000000000", "rate": None}],
        "total": "900.000000000000",
        "x": None,
    }
    assert evidence.said(found) == [("lines", "line no 1, amount 66.36"), ("total", "900")]
    assert evidence.said({"keys": [str(i) for i in range(8)]}) == [("keys", "0, 1, 2, 3, 4 and 3 more")]
