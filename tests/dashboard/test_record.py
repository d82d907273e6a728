"""What people decided, where months stand, what was sent: live from the ledger, and standing when it is unreadable."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lxml import html

from billing_assets.dashboard.app import create_app
from billing_assets.ledger import Ledger
from billing_assets.settings import Settings
from tests.dashboard import book
from tests.dashboard.addresses import PAGES
from tests.dashboard.book import ANSWER, FORMULA, HELD, ISSUED, MEMO, REJECTED, WAIVED
from tests.ledger.builders import AS_OF, url_of

LIVE = ("/decisions", "/periods", "/periods/US01/2026-01", "/", f"/invoices/{ISSUED}", f"/exceptions/{WAIVED}")


def page(client: TestClient, address: str) -> html.HtmlElement:
    response = client.get(address)
    assert response.status_code == 200, response.text[:500]
    return html.fromstring(response.text)


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def rows(document: html.HtmlElement, table: str) -> list[str]:
    found = document.xpath(f"//section[@id='{table}']//tbody/tr")
    return [" ".join(text for cell in row.xpath("th | td") if (text := words(cell))) for row in found]


def commands(document: html.HtmlElement) -> list[str]:
    return document.xpath("//dl[@class='commands']//code/text()")  # type: ignore[no-any-return]


@pytest.fixture
def own(own_home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        yield client


def test_a_request_says_who_asked_in_which_role_and_what_it_still_needs(client: TestClient) -> None:
    [credit, waiver] = rows(page(client, "/decisions"), "requests")
    assert REJECTED in credit
    assert "30,000.00 USD 30,000.00 one approval by a controller or higher biller.one, credit requester" in credit
    assert "aaaaaaaaaaaaaaa3" in waiver
    document = page(client, "/decisions")
    [waived] = rows(document, "waivers")
    assert "approved 5 Apr 2026 2 covered 7.00 USD biller.one, biller controller.two, controller" in waived
    assert HELD in rows(document, "holds")[0]
    assert "carried out" in rows(document, "approved")[0]
    assert "rejected" in rows(document, "ended")[0]
    assert len(rows(document, "log")) == 12


def test_a_decision_leads_to_its_object_and_to_the_commands_that_answer_it(client: TestClient) -> None:
    waiting = page(client, "/decisions/3")
    assert waiting.xpath(f"//main//a[@href='/invoices/{REJECTED}']")
    assert commands(waiting)[:2] == ["billing approve 3 --reason TEXT", "billing reject 3 --reason TEXT"]
    answered = page(client, "/decisions/2")
    assert len(rows(answered, "log")) == 2, "an answer is shown with what it answers"
    assert "lead.one, team lead" in words(answered)
    assert commands(page(client, "/decisions/9")) == ["billing release 9 --reason TEXT"]
    assert client.get("/decisions/99").status_code == 404


def test_decisions_download_with_every_column_and_no_formula(client: TestClient) -> None:
    text = client.get("/decisions?format=csv").text
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["reason"] for row in found] == [f"'{FORMULA}", "corrected with the next bill"]
    assert [row["requested_by"] for row in found] == ["user:biller.one"] * 2


def test_what_is_recorded_is_seen_at_once(own: TestClient, own_home: Path) -> None:
    def february() -> str:
        return words(page(own, "/periods").xpath("//table[@class='months']/tbody/tr[2]")[0])

    assert "soft closed" in february()
    with Ledger.open(url_of(own_home)) as ledger:
        ledger.record_period("US01", "2026-02", "locked", actor="user:controller.two", as_of=AS_OF)
    assert "locked controller.two" in february()


def test_a_month_shows_state_actor_gate_and_what_is_in_its_way(client: TestClient) -> None:
    march, february, january = (
        words(row) for row in page(client, "/periods").xpath("//table[@class='months']/tbody/tr")
    )
    assert "open Gate closed 2 close gates not ready, 2 rows 262.35 USD" in march
    assert "soft closed controller.one, 3 Apr 2026" in february
    assert "locked ✓ v1 2 files controller.one, 3 Apr 2026 Gate may issue all close gates ready" in january
    month = page(client, "/periods/US01/2026-03")
    assert commands(month) == ["billing period soft-close US01 2026-03 --reason TEXT"]
    assert "HOLD, RAT-03, USG-02" in words(month)
    assert commands(page(client, "/periods/US01/2026-02")) == ["billing period lock US01 2026-02 --reason TEXT"]
    badges = page(client, "/").xpath("//p[@class='states']/a")
    assert [(a.get("href"), words(a)) for a in badges] == [
        ("/periods/US01/2026-03", "US01 open"),
        ("/periods/US01/2026-01", "US01 locked"),
    ]


def test_closed_files_that_were_touched_are_said_to_differ(own: TestClient, own_home: Path) -> None:
    assert all("verified" in row for row in rows(page(own, "/periods"), "closed_files"))
    copy = own_home / "reports" / "closed" / "US01" / "2026-01.v1" / "invoices.csv"
    copy.write_bytes(b"document_id\nC-1\n")
    invoices, kpis = rows(page(own, "/periods/US01/2026-01"), "closed_files")
    assert "differs" in invoices
    assert "is not what was locked" in invoices
    assert "verified" in kpis
    assert "✗ v1" in words(page(own, "/periods"))


def test_a_batch_says_what_is_confirmed_left_and_rejected_and_whether_totals_tie(client: TestClient) -> None:
    document = page(client, "/publications")
    batches = rows(document, "batches")
    assert "netsuite 1 differs 2 209.00 1 100.50 0 0 1 2 0 0.00 USD" in batches
    assert "file 1 ties 2 209.00 2 209.00 0 0 0 2 2 209.00 USD" in batches
    assert "netsuite 2 not compared 1 -20.00 0 0 1 0 1 USD" in batches
    first = rows(document, "items")[0]
    assert f"netsuite/{REJECTED}/v1" in first
    assert ANSWER in first
    only = rows(page(client, "/publications?items.target=netsuite&items.batch=2"), "items")
    assert len(only) == 1
    assert "unknown" in only[0]


def test_a_corrected_invoice_and_its_credit_memo_lead_to_each_other(client: TestClient) -> None:
    invoice = page(client, f"/invoices/{ISSUED}")
    assert "credits it" in rows(invoice, "corrections")[0]
    [left] = invoice.xpath("//dt[text()='Left to credit']/following-sibling::dd")
    assert words(left) == "80.50"
    assert "billing credit US01-INV-000001 --reason-code CODE --reason TEXT" in commands(invoice)
    assert not [command for command in commands(invoice) if "billing void" in command], "a target was sent it"
    memo = page(client, f"/invoices/{MEMO}")
    assert memo.xpath(f"//main//a[@href='/invoices/{ISSUED}']")
    assert "asked by biller.one, credit requester, approved by lead.one, team lead" in words(memo)
    assert memo.xpath('//dd[text()="goes on from another system\'s at 4711"]')
    assert "billing resend netsuite/C-3/2026-04-01/invoice/0/v1 --reason TEXT" in commands(
        page(client, f"/invoices/{REJECTED}")
    )
    assert commands(page(client, f"/invoices/{HELD}")) == ["billing release 9 --reason TEXT"]
    assert "4711" in rows(page(client, "/invoices"), "ranges")[0]


def test_an_exception_says_its_waiver_and_the_command_to_act(client: TestClient) -> None:
    assert "Waiver 6 approved asked by biller.one, biller, approved by controller.two" in words(
        page(client, f"/exceptions/{WAIVED}")
    )
    assert commands(page(client, "/exceptions/aaaaaaaaaaaaaaa3"))[0] == "billing approve 8 --reason TEXT"
    assert commands(page(client, "/exceptions/aaaaaaaaaaaaaaa4")) == [
        "billing waive aaaaaaaaaaaaaaa4 --until YYYY-MM-DD --reason TEXT",
        "billing release 9 --reason TEXT",
    ]
    assert commands(page(client, "/exceptions/aaaaaaaaaaaaaaa5")) == [], "it is closed"


def test_accruals_add_up_by_entity_and_month(client: TestClient) -> None:
    [row] = rows(page(client, "/ageing"), "accruals")
    assert row == "2026-03 US01 direct 2 520.00 20.00 500.00 0.00 400.00 100.00 0.00 0.00 0.00 USD"


# -- a ledger that cannot be read ----------------------------------------------------------------------------------


def test_a_run_that_writes_keeps_nobody_waiting(own: TestClient, own_home: Path) -> None:
    writer = sqlite3.connect(own_home / "ledger.sqlite", isolation_level=None)
    writer.execute("begin immediate")
    try:
        for address in LIVE:
            assert not page(own, address).xpath("//p[@class='notice']")
    finally:
        writer.close()


def test_without_a_ledger_pages_stand_and_say_so(own_home: Path) -> None:
    (own_home / "ledger.sqlite").unlink()
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        for address in (a for a in PAGES if not a.startswith("/decisions/")):
            page(client, address)
        decisions = page(client, "/decisions")
        assert "The ledger cannot be read now" in words(decisions.xpath("//p[@class='notice']")[0])
        assert rows(decisions, "requests") == []
        badges = page(client, "/").xpath("//p[@class='states']")
        assert "locked" in words(badges[1]), "as the last run had it"
        assert not (own_home / "ledger.sqlite").exists(), "reading makes no ledger"
        assert client.get("/decisions/1").status_code == 404


def test_what_was_read_last_stays_with_a_word_on_it(own: TestClient, own_home: Path) -> None:
    assert len(rows(page(own, "/decisions"), "requests")) == 2
    (own_home / "ledger.sqlite").write_bytes(b"no database" * 100)
    for wal in own_home.glob("ledger.sqlite-*"):
        wal.unlink()
    document = page(own, "/decisions")
    assert "What follows is what it said last." in words(document.xpath("//p[@class='notice']")[0])
    assert len(rows(document, "requests")) == 2


def test_an_altered_decision_is_shown_as_one_that_does_not_count(own_home: Path) -> None:
    # Altered before the pages are served: what was read is remembered until the record moves.
    raw = sqlite3.connect(own_home / "ledger.sqlite", isolation_level=None)
    guard = raw.execute("select sql from sqlite_master where name = 'guard_decisions_update'").fetchone()[0]
    raw.execute("drop trigger guard_decisions_update")
    raw.execute("update decisions set amount = '1' where decision_no = 3")
    raw.execute(guard)
    raw.close()
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        document = page(client, "/decisions")
    assert REJECTED not in " ".join(rows(document, "requests"))
    assert [row for row in rows(document, "log") if "does not count" in row]


def test_reading_writes_nothing(own: TestClient, own_home: Path) -> None:
    def contents() -> dict[str, bytes]:
        folder = own_home / "seal"
        return {"ledger": (own_home / "ledger.sqlite").read_bytes()} | {
            path.name: path.read_bytes() for path in sorted(folder.iterdir())
        }

    before = contents()
    for address in LIVE:
        page(own, address)
    assert contents() == before


def test_a_ledger_on_postgresql_is_read_the_same_way(snapshot_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("pgserver", reason="no PostgreSQL wheel for this Python or machine")
    from tests.ledger import postgresql

    shutil.copyfile(snapshot_file, tmp_path / "reporting.duckdb")
    with postgresql.running() as server:
        settings = Settings(home=tmp_path, ledger_url=server.new(tmp_path / "seal"))
        book.build(tmp_path, settings.ledger_url)
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            assert len(rows(page(client, "/decisions"), "requests")) == 2
            assert all("verified" in row for row in rows(page(client, "/periods"), "closed_files"))
