"""What the dashboard refuses: other methods, other names, markup in data, values in SQL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from lxml import html

from billing_assets.dashboard import app
from tests.dashboard.addresses import PAGES
from tests.dashboard.world import PAYLOADS, SCRIPT

INJECTIONS = (
    "' or 1=1 --", "'; drop table marts.fct_invoices; --", '" or ""="', "$1", "{{ 7*7 }}", "${7*7}", "%00", "\x00",
    "../../etc/passwd", SCRIPT, '"><img src=x onerror=alert(1)>', "a" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_only_get_is_answered(client: TestClient, method: str) -> None:
    response = client.request(method, "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8321", "10.0.0.5", ""]
)
def test_a_name_that_is_not_loopback_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/", headers={"host": host})
    assert response.status_code == 421
    assert "US01" not in response.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8321", "[::1]:8321", "[::1]"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("address", ["/", "/invoices?format=csv", "/nowhere", "/static/dashboard.css", "/static/none"])
def test_every_answer_has_the_headers(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    for name, value in app.HEADERS.items():
        assert headers[name] == value
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy, "there is no script"


@pytest.mark.parametrize("address", PAGES)
def test_pages_hold_nothing_that_runs_or_comes_from_elsewhere(client: TestClient, address: str) -> None:
    text = client.get(address).text
    document = html.fromstring(text)
    assert not document.xpath("//script | //iframe | //object | //embed | //style | //img | //base")
    assert not document.xpath("//@style | //@onclick | //@onerror | //@onload")
    for link in document.xpath("//@href | //@src | //@action"):
        assert link.startswith(("/", "#")), link
        assert not link.startswith("//"), link
    for payload in PAYLOADS:
        assert payload not in text or "<" not in payload, "markup in data is escaped"


def test_markup_in_names_is_shown_as_text(client: TestClient) -> None:
    document = html.fromstring(client.get("/invoices?status=draft").text)
    assert SCRIPT in document.text_content()
    assert SCRIPT in html.fromstring(client.get("/bank").text).text_content()


@pytest.mark.parametrize("value", INJECTIONS)
def test_values_of_a_url_are_only_values(client: TestClient, value: str) -> None:
    text = quote(value, safe="")
    for address in (
        f"/invoices?status={text}&period={text}&q={text}&sort={text}&page={text}",
        f"/exceptions?owner={text}&entity={text}&channel={text}",
        f"/marketplace?agreements.q={text}&agreements.sort={text}",
        f"/kpis?period={text}&entity={text}",
        f"/?period={text}",
        f"/periods?period={text}&entity={text}&verdict={text}",
        f"/decisions?what={text}&q={text}&log.state={text}&waivers.state={text}",
        f"/publications?target={text}&items.q={text}&items.batch={text}",
    ):
        response = client.get(address)
        assert response.status_code == 200, response.text[:300]
        assert SCRIPT not in response.text
    for address in (
        f"/invoices/{text}",
        f"/exceptions/x{text}",
        f"/decisions/{text}",
        f"/periods/US01/{text}",
        f"/invoices?format=csv&table={text}",
    ):
        assert client.get(address).status_code in (200, 404)
    assert client.get("/invoices?format=csv").text.count("\r\n") == 10, "the documents are all still there"


def test_the_snapshot_cannot_be_written_and_opens_no_other_file(home: Path, tmp_path: Path) -> None:
    import duckdb

    from billing_assets.dashboard.data import Snapshots

    with Snapshots(home / "reporting.duckdb").open() as snapshot:
        for statement in (
            "delete from marts.fct_invoices",
            "create table marts.x (a int)",
            "select * from read_csv('/etc/hostname')",
            f"copy marts.fct_invoices to '{tmp_path / 'out.csv'}'",
            f"attach '{tmp_path / 'other.duckdb'}' as other",
            "set enable_external_access = true",
            "install httpfs",
        ):
            with pytest.raises(duckdb.Error):
                snapshot.cursor.execute(statement)
