"""The files as a partner reads them: names that stay in the folder, cells that are no formulas, the same bytes."""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.ledger import IssueRequest, Ledger
from billing_assets.publication import relay
from billing_assets.publication.targets.file import FileTarget, file_name, safe_text
from tests.ledger.builders import AS_OF, OPEN, RUN, request, url_of

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def publish(folder: Path, requests: list[IssueRequest]) -> Path:
    with Ledger.open(url_of(folder)) as ledger:
        ledger.issue(requests, ["file"], OPEN, RUN)
        [summary] = relay.deliver(ledger, [FileTarget(folder / "published" / "file")], AS_OF)
        assert (summary.confirmed, summary.left, summary.differences) == (len(requests), 0, ())
    return folder / "published" / "file"


def test_a_document_is_published_as_it_was_issued(tmp_path: Path) -> None:
    folder = publish(tmp_path, [request("C-1")])
    document = json.loads((folder / "C-1_2026-04-01_invoice_0.json").read_text(encoding="utf-8"))
    assert document["document"]["number"] == "US01-INV-000001"
    assert document["document"]["total"] == "108.5"
    assert [line["line_no"] for line in document["lines"]] == [1, 2]


def test_a_batch_says_what_it_holds(tmp_path: Path) -> None:
    folder = publish(
        tmp_path,
        [
            request("C-1"),
            request("C-2", kind="credit_memo", total=Decimal("-8.25")),
            request("C-3", selling_entity="DE01", currency="EUR", total=Decimal("0.10")),
        ],
    )
    manifest = json.loads((folder / "batch-000001.manifest.json").read_text(encoding="utf-8"))
    assert (manifest["batch"], manifest["documents"]) == (1, 3)
    assert manifest["control_totals"] == {
        "EUR": {"documents": 1, "amount": "0.1"},
        "USD": {"documents": 2, "amount": "100.25"},
    }
    listed = {entry["file"]: entry["sha256"] for entry in manifest["files"]}
    there = {path.name: path for path in folder.iterdir() if path.name != "batch-000001.manifest.json"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == listed
    with (folder / "batch-000001.invoices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], row["currency"], row["total"]) for row in rows] == [
        ("US01-INV-000001", "USD", "108.5"),
        ("US01-CM-000001", "USD", "-8.25"),  # a negative number stays a number
        ("DE01-INV-000001", "EUR", "0.1"),
    ]
    assert all((folder / row["file"]).exists() for row in rows)


def test_two_homes_hold_the_same_bytes(tmp_path: Path) -> None:
    requests = [request(f"C-{number}") for number in range(7)]
    homes = [publish(tmp_path / name, requests) for name in ("one", "another and longer")]
    first, second = ({path.name: path.read_bytes() for path in sorted(home.iterdir())} for home in homes)
    assert first == second
    assert len(first) == 9


@given(texts)
def test_a_name_stays_in_its_folder(document_id: str) -> None:
    name = file_name(document_id)
    assert Path(name).name == name
    assert name.isascii()
    assert name[0] not in "-."
    assert not set(name) & set('/\\:*?"<>|= +@\x00')
    assert len(name) < 220


@given(st.lists(texts, min_size=2, max_size=6, unique=True))
def test_two_documents_never_share_a_name(document_ids: list[str]) -> None:
    assert len({file_name(document_id) for document_id in document_ids}) == len(document_ids)


def test_names_that_could_be_mistaken_for_another_differ() -> None:
    ids = ["a/b", "a_b", "a%2Fb", "a%5Fb", "a~b", "A/B", "a/b/", "x" * 300, "x" * 301, ".a", "%2Ea", "-a", "%2Da"]
    assert len({file_name(document_id) for document_id in ids}) == len(ids)


@pytest.mark.parametrize(
    "contract_id", ["../../etc/passwd", "/etc/passwd", "..", "C:\\temp", "a\x00b", "~root", "é" * 99]
)
def test_no_contract_id_leads_out_of_the_folder(tmp_path: Path, contract_id: str) -> None:
    folder = publish(tmp_path, [request(contract_id)])
    assert len(list(folder.iterdir())) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"ledger.sqlite", "published", "seal"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "  \t-", "＝", "＋", "－", "＠"])
def test_text_that_a_spreadsheet_would_run_is_quoted(start: str) -> None:
    assert safe_text(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["", "C-1", "a=b", " a", "1-2", "'=1", "x\t=1"])
def test_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_no_cell_of_a_batch_is_a_formula(tmp_path: Path) -> None:
    evil = request('=HYPERLINK("http://x")', account_id="@SUM(A1)", total=Decimal("-5"))
    folder = publish(tmp_path, [evil, request("-C\r\n=1")])
    with (folder / "batch-000001.invoices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["total"] for row in rows] == ["-5", "108.5"]
    cells = [cell for row in rows for name, cell in row.items() if name != "total"]
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r\n"]
