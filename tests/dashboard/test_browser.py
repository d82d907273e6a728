"""The pages in a real Chromium: no error, no request to elsewhere, no sideways scrolling, a way through by keyboard."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.addresses import PAGES
from tests.dashboard.browser import chromium, launched, served
from tests.dashboard.world import FILE

pytestmark = pytest.mark.browser
if chromium() is None:
    pytest.skip(
        "no Chromium on this machine: the dashboard's pages were not opened in a browser", allow_module_level=True
    )

# The desktop and the tablet that the pages are made for.
SIZES = ((1280, 900), (768, 1024))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Browser, home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_pages_open_without_errors_and_fit(page: Page, site: str) -> None:
    faults: list[str] = []
    page.on("console", lambda m: faults.append(f"{page.url}: {m.type}: {m.text}") if m.type != "log" else None)
    page.on("pageerror", lambda e: faults.append(f"{page.url}: {e}"))
    page.on("requestfailed", lambda r: faults.append(f"{page.url}: {r.url} failed"))
    page.on("request", lambda r: None if r.url.startswith((site, "data:")) else faults.append(f"asks for {r.url}"))
    page.on("response", lambda r: faults.append(f"{r.url}: {r.status}") if r.status != 200 else None)
    page.on("dialog", lambda d: faults.append(f"{page.url}: a script ran: {d.message}"))
    for address in PAGES:
        # The icon is asked for after the page has loaded; leaving before it came would look like a failure.
        page.goto(site + address, wait_until="networkidle")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                faults.append(f"{address} scrolls sideways by {wide} px at {width} px")
        if page.locator("h1").count() != 1:
            faults.append(f"{address} has no title")
    assert faults == []


def test_the_way_from_readiness_to_an_evidence_row_by_keyboard(page: Page, site: str) -> None:
    page.goto(site + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0, "it is seen once it has the focus"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"

    def enter(words: str) -> None:
        """Tab to the link with these words and press Enter."""
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText || ''").replace("\n", " ").strip() == words:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{words} shows that it has the focus"
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
        raise AssertionError(f"Tab never came to {words}")

    enter("G01 1 open")
    assert page.locator("h1").inner_text().startswith("G01")
    enter("USG-02")
    enter("aaaaaaaa")
    assert page.locator("#files tbody").inner_text().startswith(FILE)
    enter(FILE)
    assert page.locator("#quarantine tbody tr").count() == 2


def test_filters_and_sorting_are_forms_and_links_that_stay_in_the_address(page: Page, site: str) -> None:
    page.goto(site + "/invoices")
    page.get_by_label("Period").select_option("2026-03")
    with page.expect_navigation():
        page.get_by_role("button", name="Apply").click()
    page.get_by_label("Status").select_option("held")
    with page.expect_navigation():
        page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Total", exact=True).click()
    expect(page.locator("#invoices th[aria-sort=ascending]")).to_have_text("Total ▲")
    for part in ("period=2026-03", "status=held", "sort=total"):
        assert part in page.url
    assert page.locator("#invoices tbody tr").count() == 1
    before = page.locator("#invoices tbody").inner_text()
    page.goto(page.url)
    assert page.locator("#invoices tbody").inner_text() == before


def test_a_table_downloads_as_csv(page: Page, site: str, tmp_path: Path) -> None:
    page.goto(site + "/exceptions?severity=critical")
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download Work queue as CSV").click()
    assert waited.value.suggested_filename == "exceptions.csv"
    waited.value.save_as(tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = page.locator("#exceptions tbody th").all_inner_texts()
    assert [row["exception_id"][:8] for row in rows] == shown
