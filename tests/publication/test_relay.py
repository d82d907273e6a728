"""Every document reaches its target once, whatever dies in between and whatever the target answers."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import Attempt, Ledger, LedgerError, OutboxItem
from billing_assets.publication import relay
from billing_assets.publication.relay import DeliverySummary
from billing_assets.publication.targets import ControlTotal
from billing_assets.publication.targets.file import FileTarget
from tests.ledger.builders import AS_OF, OPEN, RUN, request, url_of

KEYS = [f"memory/C-{number}/2026-04-01/invoice/0/v1" for number in range(4)]


class MemoryTarget:
    """A target that keeps no document twice but counts how often it was sent, and misbehaves as told."""

    name = "memory"

    def __init__(self, portion: int = 2) -> None:
        self.portion = portion
        self.sent: Counter[str] = Counter()
        self.held: dict[str, tuple[str, OutboxItem]] = {}
        self.answers: dict[str, str] = {}
        self.loses: set[str] = set()
        self.asked: list[str] = []

    def plan(self, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        return [items[start : start + self.portion] for start in range(0, len(items), self.portion)]

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        for item in items:
            self.sent[item.item_key] += 1
            assert payloads[item.item_key]
            answer = self.answers.get(item.item_key)
            if item.item_key not in self.loses and answer != "rejected":
                self.held[item.item_key] = (item.payload_hash, item)
        return [Attempt(item.item_key, self.answers.get(item.item_key, "sent")) for item in items]

    def close(self, items: Sequence[OutboxItem]) -> None: ...

    def read_back(self, items: Sequence[OutboxItem]) -> dict[str, str]:
        self.asked += [item.item_key for item in items]
        return {item.item_key: self.held[item.item_key][0] for item in items if item.item_key in self.held}

    def totals(self, items: Sequence[OutboxItem]) -> dict[str, ControlTotal]:
        amounts = [item.total for _, item in self.held.values()]
        return {"USD": ControlTotal(len(amounts), sum(amounts, Decimal(0)))} if amounts else {}


def issued(ledger: Ledger, count: int = 4, target: str = "memory") -> None:
    ledger.issue([request(f"C-{number}") for number in range(count)], [target], OPEN, RUN)


def deliver(ledger: Ledger, target: Any) -> DeliverySummary:
    [summary] = relay.deliver(ledger, [target], AS_OF, RUN)
    return summary


def states(ledger: Ledger) -> dict[str, str]:
    rows = ledger.extract()["publications"].to_pylist()
    return {row["key"]: row["state"] for row in rows}


def test_everything_is_sent_once_and_read_back(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    summary = deliver(ledger, target)
    assert (summary.batches, summary.confirmed, summary.left, summary.differences) == (1, 4, 0, ())
    assert str(summary) == "memory: 4 confirmed in 1 batches"
    assert target.sent == Counter(dict.fromkeys(KEYS, 1))
    assert set(states(ledger).values()) == {"confirmed"}
    assert ledger.verify() == []


def test_what_is_confirmed_is_never_touched_again(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    deliver(ledger, target)
    entries = ledger.sequence()
    assert deliver(ledger, target) == DeliverySummary("memory")
    assert (ledger.sequence(), max(target.sent.values())) == (entries, 1)


def test_a_target_gets_only_its_own(ledger: Ledger) -> None:
    issued(ledger, target="other")
    assert deliver(ledger, MemoryTarget()).confirmed == 0


def test_an_unknown_outcome_is_read_back_before_it_is_sent_again(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    target.answers = {KEYS[0]: "unknown", KEYS[1]: "unknown"}
    target.loses = {KEYS[1]}
    summary = deliver(ledger, target)
    assert (summary.confirmed, summary.left) == (3, 1)
    assert states(ledger)[KEYS[1]] == "unknown"
    target.answers, target.loses = {}, set()
    target.asked.clear()
    assert deliver(ledger, target).confirmed == 1
    assert target.asked[0] == KEYS[1]
    assert target.sent == Counter({KEYS[0]: 1, KEYS[1]: 2, KEYS[2]: 1, KEYS[3]: 1})


def test_a_target_that_says_sent_and_holds_nothing_is_not_believed(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    target.loses = {KEYS[3]}
    summary = deliver(ledger, target)
    assert (summary.confirmed, summary.left) == (3, 1)
    [difference] = summary.differences
    assert (difference.issued, difference.held) == (
        ControlTotal(4, Decimal("434")),
        ControlTotal(3, Decimal("325.5")),
    )
    target.loses = set()
    assert deliver(ledger, target).differences == ()


def test_what_the_target_refuses_is_set_aside_and_reported(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    target.answers = {KEYS[2]: "rejected"}
    summary = deliver(ledger, target)
    assert (summary.confirmed, summary.rejected) == (3, (KEYS[2],))
    assert "1 rejected, 1 control-total differences" in str(summary)
    assert deliver(ledger, target).batches == 0
    assert target.sent[KEYS[2]] == 1


def test_other_content_at_the_target_is_never_confirmed(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    target.answers = {KEYS[0]: "unknown"}
    target.loses = {KEYS[0]}
    deliver(ledger, target)
    item = ledger.outbox_items("memory", 1)[0]
    target.held[KEYS[0]] = ("another hash", item)
    assert deliver(ledger, target).rejected == (KEYS[0],)
    assert target.sent[KEYS[0]] == 1


def test_a_difference_in_money_alone_is_reported(ledger: Ledger) -> None:
    issued(ledger, 1)
    target = MemoryTarget()
    target.totals = lambda items: {"USD": ControlTotal(1, Decimal("108.51"))}  # type: ignore[method-assign]
    [difference] = deliver(ledger, target).differences
    assert str(difference) == ("memory batch 1 USD: issued 1 documents 108.5, the target has 1 documents 108.51")


def test_money_of_a_currency_that_was_not_issued_is_reported(ledger: Ledger) -> None:
    issued(ledger, 1)
    target = MemoryTarget()
    target.totals = lambda items: {  # type: ignore[method-assign]
        "USD": ControlTotal(1, Decimal("108.5")),
        "EUR": ControlTotal(1, Decimal("1")),
    }
    assert [difference.currency for difference in deliver(ledger, target).differences] == ["EUR"]


def test_a_payload_changed_in_the_database_is_not_sent(tmp_path: Path, ledger: Ledger) -> None:
    issued(ledger)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        raw.execute("drop trigger guard_outbox_items_update")
        raw.execute("update outbox_items set payload = '{}' where item_key = ?", (KEYS[1],))
    target = MemoryTarget(portion=1)
    with pytest.raises(LedgerError, match=f"{KEYS[1]} is not what was issued"):
        deliver(ledger, target)
    assert target.sent[KEYS[1]] == 0


def test_a_relay_that_another_has_overtaken_records_nothing_more(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget(portion=4)
    second = MemoryTarget(portion=4)
    send = target.send

    def send_while_another_relay_starts(items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        # The other relay sees planned items, finds the target empty and takes them over.
        second.held = target.held
        deliver(ledger, second)
        return send(items, payloads)

    target.send = send_while_another_relay_starts  # type: ignore[method-assign]
    with pytest.raises(LedgerError, match="another relay is at work"):
        deliver(ledger, target)
    assert set(states(ledger).values()) == {"confirmed"}
    assert len(target.held) == 4  # both sent, and the target's own key kept each document once


# -- killed anywhere -------------------------------------------------------------------------------------------------


class _Dying:
    """Counts the steps of a child process and kills it at one of them, before or after the step."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self._step()
            result = function(*arguments, **named)
            self._step()
            return result

        return wrapped

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def _child(folder: Path, at: int) -> None:
    """Delivers to the file target in portions of two, and dies at step `at`."""
    from billing_assets.publication.targets import file

    dying = _Dying(at)
    file._PORTION = 2
    target = FileTarget(folder / "published" / "file")
    with Ledger.open(url_of(folder)) as ledger:
        ledger.record_attempts = dying.wrap(ledger.record_attempts)  # type: ignore[method-assign]
        file.os.replace = dying.wrap(os.replace)
        relay.deliver(ledger, [target], AS_OF, RUN)


def _run_child(folder: Path, at: int) -> bool:
    """Whether the child came to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            _child(folder, at)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def _published(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "published" / "file").iterdir())}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
def test_a_relay_killed_at_any_step_resumes_to_the_same_end(tmp_path: Path) -> None:
    def home(name: str) -> Path:
        with Ledger.open(url_of(tmp_path / name)) as ledger:
            issued(ledger, 3, "file")
        return tmp_path / name

    undisturbed = home("undisturbed")
    assert _run_child(undisturbed, at=0)
    expected = _published(undisturbed)
    assert len(expected) == 5

    template = home("template")
    killed = 0
    for step in range(1, 200):
        folder = tmp_path / f"killed-{step}"
        folder.mkdir()
        (folder / "ledger.sqlite").write_bytes((template / "ledger.sqlite").read_bytes())
        if _run_child(folder, step):
            break
        killed += 1
        _run_child(folder, 3)  # and once more, early in the recovery itself
        assert _run_child(folder, 0)
        with Ledger.open(url_of(folder)) as ledger:
            assert set(states(ledger).values()) == {"confirmed"}
            assert ledger.verify() == []
        assert _published(folder) == expected
    assert killed == 2 * (3 + 2 + 5)  # before and after: 3 documents, 2 batch files, 5 ledger writes
