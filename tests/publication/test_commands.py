"""`billing deliver`, `outbox`, `resend`, and a person's holds, by the commands that people use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from billing_assets.access import act
from billing_assets.access.errors import Forbidden
from billing_assets.access.people import Actor
from billing_assets.cli import main
from billing_assets.ledger import Ledger, LedgerError
from billing_assets.publication.resend import resend
from tests.access.builders import staff
from tests.ledger.builders import AS_OF, OPEN, RUN, new_ledger, request, url_of
from tests.publication.emulated import Account, account

ITEM = "netsuite/C-9/2026-04-01/invoice/0/v1"


@pytest.fixture
def netsuite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with account(tmp_path) as opened:
        for name, value in opened.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BILLING_TARGETS", '["file", "netsuite"]')
        yield opened


@pytest.fixture
def people(tmp_path: Path) -> dict[str, Actor]:
    """A home with three documents for two targets (one of an account that NetSuite's map lacks), and its people."""
    with new_ledger(tmp_path) as ledger:
        actors = staff(ledger, {"releaser.one": "releaser", "biller.one": "biller"})
        ledger.start_run(RUN)
        ledger.issue(
            [request("C-1"), request("C-2"), request("C-9", account_id="A-new")], ["file", "netsuite"], OPEN, RUN
        )
    return actors


def billing(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--home", str(home)], catch_exceptions=False)


def test_documents_are_delivered_to_every_target_and_the_outbox_says_so(
    tmp_path: Path, people: dict[str, Any], netsuite: Account
) -> None:
    printed = billing(tmp_path, "outbox").output
    assert "netsuite   new               3 documents             325.50 USD" in printed
    delivered = billing(tmp_path, "deliver")
    assert delivered.exit_code == 0, delivered.output
    assert "delivered: file: 3 confirmed (325.5 USD) in 1 batches\n" in delivered.output
    assert "delivered: netsuite: 2 confirmed (217 USD) in 1 batches, 1 rejected" in delivered.output
    assert "netsuite batch 1 USD: issued 3 documents 325.5, the target has 2 documents 217" in delivered.output
    waiting = billing(tmp_path, "outbox", "--open").output
    assert f"{ITEM}  US01-INV-000003  108.50 USD  rejected" in waiting
    assert "the map of NetSuite ids has no entities 'A-new'" in waiting
    assert "C-1" not in waiting


def test_one_target_can_be_delivered_to_alone(tmp_path: Path, people: dict[str, Any], netsuite: Account) -> None:
    assert "netsuite" not in billing(tmp_path, "deliver", "--target", "file").output
    assert netsuite.emulator.records == {}
    refused = billing(tmp_path, "deliver", "--target", "elsewhere")
    assert (refused.exit_code, "no target elsewhere" in refused.output) == (1, True)


def test_what_was_rejected_goes_out_after_a_person_released_it(
    tmp_path: Path, people: dict[str, Actor], netsuite: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing(tmp_path, "deliver")
    path = tmp_path / "map.json"
    path.write_text(path.read_text().replace('"entities": {', '"entities": {"A-new": "9999", '))
    assert "1 rejected" not in billing(tmp_path, "deliver").output  # nobody released it
    assert len(netsuite.emulator.records) == 2

    nobody = billing(tmp_path, "resend", ITEM, "--reason", "mapped")
    assert nobody.exit_code == 1
    monkeypatch.setenv("BILLING_TOKEN", people["releaser.one"].token)
    released = billing(tmp_path, "resend", ITEM, "--reason", "mapped")
    assert released.exit_code == 0, released.output
    assert billing(tmp_path, "resend", ITEM, "--reason", "again").exit_code == 1
    assert "netsuite: 1 confirmed (108.5 USD)" in billing(tmp_path, "deliver").output
    assert netsuite.emulator.records["C-9__2026-04-01__invoice__0"].body["entity"] == {"id": "9999"}
    assert "nothing is open" in billing(tmp_path, "outbox", "--open").output
    with Ledger.open(url_of(tmp_path)) as ledger:
        assert ledger.verify() == []


def test_only_who_may_release_documents_may_resend(tmp_path: Path, people: dict[str, Actor], netsuite: Account) -> None:
    billing(tmp_path, "deliver")
    with Ledger.open(url_of(tmp_path)) as ledger:
        before = ledger.sequence()
        with pytest.raises(Forbidden):
            resend(ledger, people["biller.one"], ITEM, "mapped", AS_OF)
        with pytest.raises(LedgerError, match="no open item"):
            resend(ledger, people["releaser.one"], "netsuite/C-1/2026-04-01/invoice/0/v1", "why not", AS_OF)
        act.sign(ledger, people["biller.one"], "invoice_prepare", ["document:C-9/2026-04-01/invoice/0"], "made", AS_OF)
        assert ledger.sequence() == before + 1


@pytest.mark.parametrize(
    ("level", "key"),
    [
        ("document", "C-1/2026-04-01/invoice/0"),
        ("scope", "2026-03/US01/direct"),
        ("period", "2026-03"),
        ("period", "2026-03/US01"),
    ],
)
def test_what_a_person_holds_is_not_sent_until_the_hold_ends(
    tmp_path: Path, people: dict[str, Actor], netsuite: Account, level: str, key: str
) -> None:
    with Ledger.open(url_of(tmp_path)) as ledger:
        number = act.hold(ledger, people["releaser.one"], level, key, "dispute", AS_OF)
    held = 1 if level == "document" else 3
    assert f"{held} held" in billing(tmp_path, "deliver", "--target", "file").output
    with Ledger.open(url_of(tmp_path)) as ledger:
        act.release(ledger, people["releaser.one"], number, "settled", AS_OF)
    assert f"file: {held} confirmed" in billing(tmp_path, "deliver", "--target", "file").output
