"""NetSuite end to end, over real HTTP against the emulator: exact fields, nothing overwritten, each document once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.ledger import Ledger, OutboxItem
from billing_assets.publication import relay
from billing_assets.publication.relay import DeliverySummary
from billing_assets.publication.retries import Retries
from billing_assets.publication.targets import TargetUnavailable, registry
from billing_assets.publication.targets.netsuite_records import IdMap, NotMapped, external_id, json_of, record_of
from billing_assets.publication.targets.registry import TargetNotConfigured
from billing_assets.settings import Settings
from billing_assets.simulation.emulators.netsuite import Faults, NetSuiteEmulator
from tests.ledger.builders import AS_OF, RUN, line, new_ledger, request, url_of
from tests.publication.emulated import (
    BAD_WEEK,
    Account,
    Time,
    account,
    credit_memo,
    documents,
    issue,
    pem,
    private_key,
)

EID = "C-1__2026-04-01__invoice__0"


@pytest.fixture
def netsuite(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path) as opened:
        yield opened


def with_faults(netsuite: Account, **faults: Any) -> Account:
    netsuite.emulator.faults = Faults(**faults)
    return netsuite


def deliver(ledger: Ledger, netsuite: Account, **given: Any) -> DeliverySummary:
    given.setdefault("retries", Retries())
    [summary] = relay.deliver(ledger, [netsuite.target()], AS_OF, RUN, timer=netsuite.timer, **given)
    return summary


def state_of(ledger: Ledger, contract: str = "C-1", kind: str = "invoice") -> tuple[str, str | None]:
    [found] = [one for one in ledger.standings("netsuite") if one.document_id == f"{contract}/2026-04-01/{kind}/0"]
    return found.state, found.answer


# -- fields ----------------------------------------------------------------------------------------------------------


def test_an_invoice_is_written_field_by_field(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1")])
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, summary.differences) == (1, ())
    record = netsuite.emulator.records[EID]
    assert record.record_type == "invoice"
    assert record.body == {
        "entity": {"id": "7001"},
        "subsidiary": {"id": "1"},
        "currency": {"id": "1"},
        "tranDate": "2026-04-03",
        "dueDate": "2026-05-03",
        "postingPeriod": {"id": "31"},
        "otherRefNum": "US01-INV-000001",
        "memo": "C-1/2026-04-01/invoice/0",
        "item": {
            "items": [
                {
                    "item": {"id": "501"},
                    "quantity": Decimal("12345.678"),
                    "amount": Decimal(100),
                    "price": {"id": "-1"},
                    "description": "usage model-a tokens 2026-03-01 2026-04-01",
                },
                {
                    "item": {"id": "501"},
                    "quantity": Decimal("12345.678"),
                    "amount": Decimal("8.5"),
                    "price": {"id": "-1"},
                    "description": "tax model-a tokens 2026-03-01 2026-04-01",
                },
            ]
        },
    }


def test_a_credit_memo_is_positive_there_and_applied_to_its_invoice(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1")])
    issue(ledger, [credit_memo(ledger, "C-1", "8.25")])
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, summary.differences) == (2, ())
    memo = netsuite.emulator.records["C-1__2026-04-01__credit_5fmemo__0"]
    assert memo.record_type == "creditMemo"
    assert [one["amount"] for one in memo.body["item"]["items"]] == [Decimal("8.25")]
    assert memo.body["apply"] == {"items": [{"doc": {"id": f"eid:{EID}"}, "apply": True, "amount": Decimal("8.25")}]}
    assert "dueDate" not in memo.body
    assert netsuite.emulator.totals() == {"1": (2, Decimal("100.25"))}


def test_a_credit_memo_waits_for_its_invoice(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1")])
    issue(ledger, [credit_memo(ledger, "C-1")])
    held = "netsuite/C-1/2026-04-01/invoice/0/v1"
    summary = deliver(ledger, netsuite, gate=lambda items: {held: "dispute"}, retries=Retries(tries=2))
    assert (summary.confirmed, summary.held, summary.left) == (0, 1, 1)
    assert state_of(ledger, kind="credit_memo") == (
        "unknown",
        "not sent: C-1/2026-04-01/invoice/0, which it corrects, is not there yet",
    )
    assert deliver(ledger, netsuite).confirmed == 2


@given(st.decimals("-9e15", "9e15", places=2), st.decimals("0", "9e15", places=12))
def test_amounts_are_written_as_the_decimals_they_are(amount: Decimal, quantity: Decimal) -> None:
    ids = IdMap({"A": "1"}, {"US01": "1"}, {"USD": "1"}, {"2026-03": "1"}, {"line_kind:usage": "1"})
    document = {
        "document_id": "C/2026-04-01/invoice/0", "kind": "invoice", "account_id": "A", "selling_entity": "US01",
        "currency": "USD", "issue_date": "2026-04-03", "due_date": "2026-05-03", "close_period": "2026-03",
        "number": "N", "total": f"{amount:f}",
    }  # fmt: skip
    lines = [{"line_kind": "usage", "amount": f"{amount:f}", "quantity": f"{quantity:f}"}]
    [written] = json.loads(
        json_of(record_of(json.dumps({"document": document, "lines": lines}), ids)), parse_float=Decimal
    )["item"]["items"]
    assert Decimal(written["amount"]) == amount
    if "rate" in written:
        assert Decimal(written["rate"]) * Decimal(written["quantity"]) == amount


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(texts, min_size=2, max_size=6, unique=True))
def test_external_ids_are_one_to_one_and_plain(document_ids: list[str]) -> None:
    ids = [external_id(document_id) for document_id in document_ids]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,100}", one) for one in ids)


def test_external_ids_that_could_be_mistaken_for_another_differ() -> None:
    ids = ["a/b", "a_b", "a__b", "a_5fb", "a//b", "x" * 101, "x" * 102, "a b", "a|b", "é"]
    assert len({external_id(one) for one in ids}) == len(ids)
    assert external_id("C-1/2026-04-01/invoice/0") == EID


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"account_id": "A-unknown"}, "entities 'A-unknown'"),
        ({"selling_entity": "US01", "close_period": "2026-03", "currency": "GBP"}, "currencies 'GBP'"),
        ({"kind": "marketplace_statement"}, "not a marketplace statement"),
    ],
)
def test_what_is_not_mapped_is_rejected_by_name_and_the_rest_goes_on(
    ledger: Ledger, netsuite: Account, changes: dict[str, Any], missing: str
) -> None:
    if "currency" in changes:
        changes["lines"] = (line(1, currency=changes["currency"]),)
    issue(ledger, [request("C-2"), request("C-1", **changes), request("C-3")])
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, len(summary.rejected)) == (2, 1)
    [bad] = ledger.standings("netsuite", is_open=True)
    assert missing in str(bad.answer)


def test_an_item_is_found_by_product_before_line_kind() -> None:
    ids = IdMap({}, {}, {}, {}, {"product:p": "1", "line_kind:usage": "2"})
    assert ids.id_of("items", "product:p", "line_kind:usage") == {"id": "1"}
    assert ids.id_of("items", "product:q", "line_kind:usage") == {"id": "2"}
    with pytest.raises(NotMapped, match="no items 'product:q' or 'line_kind:tax'"):
        ids.id_of("items", "product:q", "line_kind:tax")


# -- nothing is overwritten ------------------------------------------------------------------------------------------


def test_other_content_under_our_external_id_is_never_overwritten(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1"), request("C-2")])
    strange = {"memo": "by hand", "currency": {"id": "1"}, "postingPeriod": {"id": "31"}, "item": {"items": []}}
    netsuite.emulator.put("invoice", EID, dict(strange), set())
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, len(summary.rejected)) == (1, 1)
    assert netsuite.emulator.records[EID].body == strange
    state, answer = state_of(ledger)
    assert state == "rejected"
    assert answer == ("the target holds other content: entity, subsidiary, tranDate, dueDate, otherRefNum, memo, lines")


def test_the_same_content_that_is_there_already_is_confirmed_unsent(tmp_path: Path, netsuite: Account) -> None:
    for name in ("one", "restored"):
        (tmp_path / name).mkdir()
        with new_ledger(tmp_path / name) as ledger:
            issue(ledger, [request("C-1")])
            assert deliver(ledger, netsuite).confirmed == 1
    record = netsuite.emulator.records[EID]
    assert (record.puts, record.effects) == (1, 1)


def test_a_closed_period_is_rejected_with_the_answer(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1"), request("C-2")])
    with_faults(netsuite, closed_periods=frozenset({"31"}))
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, len(summary.rejected), summary.left) == (0, 2, 0)
    assert state_of(ledger) == ("rejected", "400 USER_ERROR You may not post to a closed accounting period.")
    assert netsuite.emulator.records == {}


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_poison_row_is_set_aside_with_its_answer(ledger: Ledger, netsuite: Account, status: int) -> None:
    issue(ledger, [request(f"C-{number}") for number in range(5)])
    with_faults(netsuite, refused={EID: status})
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, len(summary.rejected), summary.left) == (4, 1, 0)
    assert state_of(ledger) == ("rejected", f"{status} INVALID_CONTENT Refused by rule.")
    assert netsuite.emulator.requests["PUT"] == 5


def test_a_row_that_always_fails_is_left_and_the_rest_goes_on(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request(f"C-{number}") for number in range(5)])
    with_faults(netsuite, refused={EID: 503})
    summary = deliver(ledger, netsuite)
    assert (summary.confirmed, len(summary.rejected), summary.left) == (4, 0, 1)
    with_faults(netsuite)
    assert deliver(ledger, netsuite).confirmed == 1


# -- throttled, expired, slow ----------------------------------------------------------------------------------------


def test_a_throttled_request_waits_as_it_was_told(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(30))
    with_faults(netsuite, seed=3, throttle=0.3)
    summary = deliver(ledger, netsuite)
    throttled = netsuite.emulator.met["throttle"]
    assert (summary.confirmed, summary.left) == (30, 0)
    assert throttled > 10
    assert netsuite.timer.waited >= throttled / 5  # five at a time meet a pause together


def test_no_more_requests_at_a_time_than_the_account_has(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(40))
    with_faults(netsuite, delay=1, delay_seconds=0.005, concurrency=5)
    assert deliver(ledger, netsuite).confirmed == 40
    assert 3 <= netsuite.emulator.most_at_once <= 5
    assert netsuite.emulator.met["concurrency"] == 0


def test_a_refused_token_is_renewed_once(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(40))
    with_faults(netsuite, token_uses=25)
    assert deliver(ledger, netsuite).confirmed == 40
    assert 3 <= netsuite.emulator.tokens_given <= 8


def test_a_token_is_kept_until_shortly_before_it_expires(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(4))
    target = netsuite.target()
    for contract in ("C-100", "C-101"):
        issue(ledger, [request(contract)])
        relay.deliver(ledger, [target], AS_OF, RUN, timer=netsuite.timer)
    assert netsuite.emulator.tokens_given == 1
    netsuite.timer.wait(3_600 - 60)
    issue(ledger, [request("C-102")])
    relay.deliver(ledger, [target], AS_OF, RUN, timer=netsuite.timer)
    assert netsuite.emulator.tokens_given == 2


def test_a_request_is_not_sent_faster_than_the_pace(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(20))
    target = netsuite.target(BILLING_NETSUITE_PER_SECOND="2")
    [summary] = relay.deliver(ledger, [target], AS_OF, RUN, timer=netsuite.timer)
    requests = sum(netsuite.emulator.requests.values()) - 1  # the token is not counted
    assert summary.confirmed == 20
    assert netsuite.timer.waited >= (requests - 1) / 2


def test_a_target_that_does_not_answer_leaves_everything_to_the_next_run(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, documents(30))
    target = netsuite.target(BILLING_NETSUITE_URL="http://127.0.0.1:9")
    [summary] = relay.deliver(ledger, [target], AS_OF, RUN, timer=Time())
    assert (summary.confirmed, summary.left, summary.rejected) == (0, 30, ())
    assert deliver(ledger, netsuite).confirmed == 30


def test_an_answer_later_than_the_client_waits_is_read_back(ledger: Ledger, netsuite: Account) -> None:
    issue(ledger, [request("C-1")])
    with_faults(netsuite, delay=1, delay_seconds=0.5)
    slow = threading.Timer(0.3, lambda: with_faults(netsuite))
    slow.start()
    target = netsuite.target(BILLING_NETSUITE_SECONDS="0.2")
    summaries = []
    for _ in range(20):
        summaries += relay.deliver(ledger, [target], AS_OF, RUN, timer=netsuite.timer)
        time.sleep(0.05)
    slow.join()
    assert sum(summary.confirmed for summary in summaries) == 1
    assert netsuite.emulator.effects() == {EID: 1}


# -- credentials -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ES256", "PS256"])
def test_both_kinds_of_key_sign(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65_537, 2_048)
    emulator = NetSuiteEmulator(key.public_key(), "client", "certificate")
    issue(ledger, [request("C-1")])
    with emulator.serve() as url:
        opened = Account(emulator, url, tmp_path)
        target = opened.target(BILLING_NETSUITE_PRIVATE_KEY=pem(key))
        [summary] = relay.deliver(ledger, [target], AS_OF, RUN, timer=Time())
    assert summary.confirmed == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_NETSUITE_CLIENT_ID", "another"),
        ("BILLING_NETSUITE_CERTIFICATE_ID", "another"),
        ("BILLING_NETSUITE_PRIVATE_KEY", pem(ec.generate_private_key(ec.SECP256R1()))),
    ],
)
def test_wrong_credentials_send_nothing_and_say_what_to_check(
    ledger: Ledger, netsuite: Account, name: str, value: str
) -> None:
    issue(ledger, [request("C-1")])
    target = netsuite.target(**{name: value})
    [summary] = relay.deliver(ledger, [target], AS_OF, RUN, timer=Time(), retries=Retries(tries=2))
    assert (summary.left, netsuite.emulator.records) == (1, {})
    assert state_of(ledger) == ("unknown", "no access token (400): check client, certificate and key")


def test_no_credential_reaches_the_ledger_or_a_log(
    tmp_path: Path, netsuite: Account, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[str] = []
    give = netsuite.emulator.give_token

    def noting(form: Any, audience: str) -> str | None:
        token = give(form, audience)
        given.extend([token or "none", form["client_assertion"][0]])
        return token

    netsuite.emulator.give_token = noting  # type: ignore[method-assign]
    told: list[str] = []
    caplog.set_level(0)
    with new_ledger(tmp_path) as ledger:
        issue(ledger, documents(60))
        with_faults(netsuite, seed=5, drop=0.1, lost=0.1, error_after=0.1, token_uses=20)
        deliver(ledger, netsuite, tell=told.append)
    held = (tmp_path / "ledger.sqlite").read_bytes() + (caplog.text + "".join(told)).encode()
    secret = pem(private_key()).splitlines()[1]
    assert len(given) > 4
    assert not [one for one in [*given, secret] if one.encode() in held]


def test_credentials_are_not_sent_in_the_clear(tmp_path: Path, netsuite: Account) -> None:
    with pytest.raises(TargetUnavailable, match="no https address"):
        netsuite.target(BILLING_NETSUITE_URL="http://account.example.com")


@pytest.mark.parametrize("name", ["URL", "CLIENT_ID", "CERTIFICATE_ID", "PRIVATE_KEY", "MAP"])
def test_a_missing_setting_is_named(netsuite: Account, name: str) -> None:
    with pytest.raises(TargetNotConfigured, match=f"BILLING_NETSUITE_{name}"):
        netsuite.target(**{f"BILLING_NETSUITE_{name}": ""})


def test_an_unknown_target_is_refused_before_anything_is_issued(tmp_path: Path) -> None:
    with pytest.raises(TargetNotConfigured, match="no target ledgerland: there are file, netsuite"):
        registry.build(Settings(home=tmp_path, targets=("file", "ledgerland")))


def test_a_key_that_is_none_is_not_shown(netsuite: Account) -> None:
    with pytest.raises(TargetUnavailable) as caught:
        netsuite.target(BILLING_NETSUITE_PRIVATE_KEY="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n")
    assert "c2VjcmV0" not in str(caught.value)


# -- a bad week ------------------------------------------------------------------------------------------------------


def bad_week(folder: Path, count: int, seed: int) -> tuple[NetSuiteEmulator, int]:
    """Deliver `count` documents through a bad week; every document must be there once at its end, money included."""
    asked = documents(count)
    faults = Faults(**{**vars(BAD_WEEK), "seed": seed})
    with account(folder, faults) as netsuite, new_ledger(folder) as ledger:
        for start in range(0, count, 1_000):
            issue(ledger, asked[start : start + 1_000])
        runs = 0
        while ledger.open_batches("netsuite") or ledger.uncompared_batches("netsuite"):
            runs += 1
            assert runs <= 4, ledger.standings("netsuite", is_open=True)[:5]
            summary = deliver(ledger, netsuite)
            assert (summary.rejected, summary.held) == ((), 0)
        emulator = netsuite.emulator
        assert emulator.effects() == {external_id(one.document_id): 1 for one in asked}
        expected: dict[str, tuple[int, Decimal]] = {}
        for one in asked:
            identity = {"USD": "1", "EUR": "4"}[one.currency]
            documents_before, amount = expected.get(identity, (0, Decimal(0)))
            expected[identity] = (documents_before + 1, amount + one.total)
        assert emulator.totals() == expected
        latest = {(row["batch"], row["currency"]): row for row in ledger.extract()["control_totals"].to_pylist()}
        assert all(
            (row["issued_documents"], row["issued_amount"]) == (row["held_documents"], row["held_amount"])
            for row in latest.values()
        )
        assert {one.state for one in ledger.standings("netsuite")} == {"confirmed"}
        assert ledger.verify() == []
        return emulator, runs


def test_a_bad_week_delivers_each_document_once(tmp_path: Path) -> None:
    emulator, _ = bad_week(tmp_path, 300, seed=11)
    met = {"drop", "error_before", "error_after", "lost", "throttle", "duplicate", "delay", "invisible"}
    assert met <= set(emulator.met)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_week_of_five_thousand(tmp_path: Path, seed: int) -> None:
    started = time.monotonic()
    emulator, runs = bad_week(tmp_path, 5_000, seed)
    print(
        f"\n5,000 documents, {sum(emulator.requests.values()):,} requests, {sum(emulator.met.values()):,} faults met "
        f"({dict(sorted(emulator.met.items()))}), {runs} runs, {time.monotonic() - started:.0f} s"
    )


# -- killed in the middle --------------------------------------------------------------------------------------------


def _deliver_in_a_child(folder: Path, netsuite: Account) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            with Ledger.open(url_of(folder)) as ledger:
                deliver(ledger, netsuite)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return pid


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
@pytest.mark.parametrize("seed", range(20))
def test_a_relay_killed_in_the_middle_of_sending_resumes_to_each_document_once(tmp_path: Path, seed: int) -> None:
    count = 25
    with account(tmp_path, Faults(seed=seed, delay=0.3, delay_seconds=0.01, lost=0.02)) as netsuite:
        with new_ledger(tmp_path) as ledger:
            issue(ledger, documents(count))
        # Somewhere between the first request and the last: a token, one look-up, then a PUT and a GET each.
        moment = random.Random(seed).randint(2, 2 * count)  # noqa: S311 - seeded, to be repeated
        pid = _deliver_in_a_child(tmp_path, netsuite)
        patience = time.monotonic() + 30
        while sum(netsuite.emulator.requests.values()) < moment and time.monotonic() < patience:
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status)
        with Ledger.open(url_of(tmp_path)) as ledger:
            before = [one.state for one in ledger.standings("netsuite")]
            assert before.count("confirmed") < count
            runs = 0
            while ledger.open_batches("netsuite"):
                deliver(ledger, netsuite)
                runs += 1
                assert runs <= 3
            assert {one.state for one in ledger.standings("netsuite")} == {"confirmed"}
            assert ledger.verify() == []
        assert set(netsuite.emulator.effects().values()) == {1}
        assert len(netsuite.emulator.effects()) == count


# -- the emulator itself ---------------------------------------------------------------------------------------------


def test_the_emulator_refuses_what_netsuite_refuses(netsuite: Account) -> None:
    with httpx.Client(base_url=netsuite.url) as client:
        path = f"/services/rest/record/v1/invoice/eid:{EID}"
        assert client.get(path).status_code == 401
        answer = client.post("/services/rest/auth/oauth2/v1/token", data={"grant_type": "client_credentials"})
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_an_upsert_merges_sublists_unless_told_to_replace_them() -> None:
    emulator = NetSuiteEmulator(private_key().public_key(), "client", "certificate")
    body = {"postingPeriod": {"id": "1"}, "currency": {"id": "1"}, "item": {"items": [{"amount": 5}]}}
    for replaced, amount in ((set[str](), 5), ({"item"}, 5), (set[str](), 10)):
        assert emulator.put("invoice", "x", dict(body), replaced)[0] == 204
        assert emulator.records["x"].amount == amount
    assert (emulator.records["x"].effects, emulator.records["x"].puts) == (2, 3)


def test_items_of_the_outbox_say_what_they_correct(ledger: Ledger) -> None:
    issue(ledger, [request("C-1")])
    issue(ledger, [credit_memo(ledger, "C-1")])
    items: list[OutboxItem] = ledger.outbox_items("netsuite", 2)
    assert [item.corrects_document_id for item in items] == ["C-1/2026-04-01/invoice/0"]
    assert [item.state for item in items] == ["new"]
