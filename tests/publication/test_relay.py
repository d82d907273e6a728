"""Every document reaches its target once, whatever dies in between and whatever the target answers."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import Attempt, Ledger, LedgerError, NewDecision, OutboxItem
from billing_assets.publication import relay
from billing_assets.publication.relay import DeliverySummary
from billing_assets.publication.retries import Retries
from billing_assets.publication.targets import ControlTotal, Held, Payloads, TargetUnavailable
from billing_assets.publication.targets.file import FileTarget
from tests.ledger.builders import AS_OF, OPEN, RUN, request, url_of
from tests.publication.emulated import Time

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

    def read_back(self, items: Sequence[OutboxItem], payloads: Payloads) -> dict[str, Held]:
        self.asked += [item.item_key for item in items]
        return {item.item_key: Held(self.held[item.item_key][0]) for item in items if item.item_key in self.held}

    def totals(self, items: Sequence[OutboxItem]) -> dict[str, ControlTotal]:
        amounts = [item.total for _, item in self.held.values()]
        return {"USD": ControlTotal(len(amounts), sum(amounts, Decimal(0)))} if amounts else {}


def issued(ledger: Ledger, count: int = 4, target: str = "memory") -> None:
    ledger.issue([request(f"C-{number}") for number in range(count)], [target], OPEN, RUN)


ONCE = Retries(tries=1)


def deliver(ledger: Ledger, target: Any, retries: Retries = ONCE, **given: Any) -> DeliverySummary:
    timer = given.pop("timer", None) or Time()
    [summary] = relay.deliver(ledger, [target], AS_OF, RUN, retries=retries, timer=timer, **given)
    return summary


def states(ledger: Ledger) -> dict[str, str]:
    rows = ledger.extract()["publications"].to_pylist()
    return {row["key"]: row["state"] for row in rows}


def test_everything_is_sent_once_and_read_back(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    summary = deliver(ledger, target)
    assert (summary.batches, summary.confirmed, summary.left, summary.differences) == (1, 4, 0, ())
    assert str(summary) == "memory: 4 confirmed (434 USD) in 1 batches"
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
    summary = deliver(ledger, target, Retries(tries=2))
    assert (summary.confirmed, summary.left) == (3, 1)
    assert states(ledger)[KEYS[1]] == "unknown"
    target.answers, target.loses = {}, set()
    target.asked.clear()
    assert deliver(ledger, target).confirmed == 1
    assert target.asked[0] == KEYS[1]
    assert target.sent == Counter({KEYS[0]: 1, KEYS[1]: 3, KEYS[2]: 1, KEYS[3]: 1})


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


# -- what fails for the moment ---------------------------------------------------------------------------------------


class FlakyTarget(MemoryTarget):
    """Says "not now" to an item so many times before it takes it."""

    def __init__(self, portion: int = 2) -> None:
        super().__init__(portion)
        self.not_now: Counter[str] = Counter()
        self.is_down = False

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        if self.is_down:
            self.sent.update(item.item_key for item in items)
            raise TargetUnavailable("no answer to PUT (ConnectError)")
        turned_away = {item.item_key for item in items if self.not_now[item.item_key] > 0}
        self.not_now.subtract(turned_away)
        taken = [item for item in items if item.item_key not in turned_away]
        self.sent.update(turned_away)
        return super().send(taken, payloads) + [Attempt(key, "unknown", "503") for key in turned_away]

    def read_back(self, items: Sequence[OutboxItem], payloads: Payloads) -> dict[str, Held]:
        if self.is_down:
            raise TargetUnavailable("no answer to GET (ConnectError)")
        return super().read_back(items, payloads)


def test_what_fails_for_the_moment_is_tried_again_in_the_same_run(ledger: Ledger) -> None:
    issued(ledger)
    target, timer = FlakyTarget(), Time()
    target.not_now = Counter({KEYS[0]: 1, KEYS[2]: 3})
    summary = deliver(ledger, target, Retries(), timer=timer)
    assert (summary.confirmed, summary.left, summary.differences) == (4, 0, ())
    assert target.sent == Counter({KEYS[0]: 2, KEYS[1]: 1, KEYS[2]: 4, KEYS[3]: 1})
    assert 0 < timer.waited < 1 + 2 + 4 + 4  # three doubling waits at most, and a second each to go together


def test_an_item_that_never_gets_through_is_left_and_the_rest_is_not(ledger: Ledger) -> None:
    issued(ledger)
    target = FlakyTarget(portion=1)
    target.not_now = Counter({KEYS[1]: 7})
    summary = deliver(ledger, target, Retries(tries=5))
    assert (summary.confirmed, summary.left) == (3, 1)
    assert target.sent[KEYS[1]] == 5
    summary = deliver(ledger, target, Retries(tries=5))
    assert (summary.confirmed, summary.left, target.sent[KEYS[1]]) == (1, 0, 8)


def test_waits_double_up_to_a_limit_and_are_the_same_again() -> None:
    retries = Retries(first_wait=2, longest_wait=20)
    waits = {
        tried: [retries.wait_before(f"key {number}", tried) for number in range(300)] for tried in (1, 2, 3, 4, 99)
    }
    for tried, limit in ((1, 2), (2, 4), (3, 8), (4, 16), (99, 20)):
        assert 0 <= min(waits[tried]) < limit / 20
        assert limit * 0.95 < max(waits[tried]) < limit
        assert abs(sum(waits[tried]) / 300 - limit / 2) < limit / 10
    assert waits[3] == [retries.wait_before(f"key {number}", 3) for number in range(300)]


def test_a_target_that_is_down_is_given_up_before_every_item_has_been_tried(ledger: Ledger) -> None:
    issued(ledger, 400)
    target, told = FlakyTarget(portion=10), list[str]()
    target.is_down = True
    summary = deliver(ledger, target, Retries(tries=3), tell=told.append)
    assert (summary.confirmed, summary.left, summary.rejected) == (0, 400, ())
    assert sum(target.sent.values()) == 30
    assert told == ["memory: gives no answer; what is open is left to the next run"]
    target.is_down = False
    assert deliver(ledger, target).confirmed == 400


def test_a_run_spends_no_more_time_than_it_has(ledger: Ledger) -> None:
    issued(ledger)
    target, timer = FlakyTarget(), Time()
    target.not_now = Counter(dict.fromkeys(KEYS, 1_000))
    summary = deliver(ledger, target, Retries(tries=1_000, seconds=300), timer=timer)
    assert (summary.left, summary.confirmed) == (4, 0)
    assert 200 < timer.waited <= 300


def test_long_work_is_seen_to_move(ledger: Ledger) -> None:
    issued(ledger, 40)
    target, timer, told = MemoryTarget(portion=5), Time(), list[str]()
    send = target.send

    def slowly(items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        timer.wait(3)
        return send(items, payloads)

    target.send = slowly  # type: ignore[method-assign]
    deliver(ledger, target, timer=timer, tell=told.append)
    assert told[0] == "memory batch 1: 10 of 40 documents done, 0 rejected; confirmed so far 10 (1,085 USD)"
    assert len(told) == 4


# -- held, released, compared ----------------------------------------------------------------------------------------


def test_what_a_person_holds_is_not_sent_and_holds_up_nothing(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    summary = deliver(ledger, target, gate=lambda items: {KEYS[1]: "dispute"})
    assert (summary.confirmed, summary.held, summary.left, summary.rejected) == (3, 1, 0, ())
    assert (target.sent[KEYS[1]], states(ledger)[KEYS[1]]) == (0, "planned")
    assert deliver(ledger, target).confirmed == 1


def test_a_hold_set_during_a_delivery_stops_what_is_not_sent_yet(ledger: Ledger) -> None:
    issued(ledger)
    target, held = MemoryTarget(portion=1), set[str]()
    send = target.send

    def send_and_hold(items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        held.add(KEYS[3])
        return send(items, payloads)

    target.send = send_and_hold  # type: ignore[method-assign]
    summary = deliver(
        ledger, target, gate=lambda items: {item.item_key: "late" for item in items if item.item_key in held}
    )
    assert (summary.confirmed, summary.held, target.sent[KEYS[3]]) == (3, 1, 0)


def test_a_rejected_item_is_tried_again_when_a_person_released_it(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    target.answers = {KEYS[2]: "rejected"}
    deliver(ledger, target)
    actor = "user:biller.one"
    links = (f"outbox:{KEYS[2]}",)
    decision = ledger.decide(
        lambda _: NewDecision("sign", "invoice_release", {}, actor, "period opened", AS_OF, links=links)
    )
    for key, number, who in (
        (KEYS[1], decision, actor),
        (KEYS[2], decision, "user:another"),
        (KEYS[2], 99, actor),
        ("no/such/item", decision, actor),
    ):
        with pytest.raises(LedgerError):
            ledger.release_item(key, number, who, AS_OF)
    ledger.release_item(KEYS[2], decision, actor, AS_OF)
    target.answers = {}
    target.asked.clear()
    summary = deliver(ledger, target)
    assert (summary.confirmed, target.sent[KEYS[2]], target.asked[0]) == (1, 2, KEYS[2])  # read back before it was sent
    with pytest.raises(LedgerError):
        ledger.release_item(KEYS[2], decision, actor, AS_OF)
    assert ledger.verify() == []


def test_a_release_lets_an_item_go_once(ledger: Ledger) -> None:
    issued(ledger, 1)
    target = MemoryTarget()
    target.answers = {KEYS[0]: "rejected"}
    deliver(ledger, target)
    actor = "user:biller.one"
    decision = ledger.decide(
        lambda _: NewDecision("sign", "invoice_release", {}, actor, "mapped", AS_OF, links=(f"outbox:{KEYS[0]}",))
    )
    ledger.release_item(KEYS[0], decision, actor, AS_OF)
    assert deliver(ledger, target).rejected == (KEYS[0],)
    with pytest.raises(LedgerError, match="does not release"):
        ledger.release_item(KEYS[0], decision, actor, AS_OF)


def test_control_totals_go_into_the_record_and_are_asked_again_while_they_differ(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    totals = target.totals
    target.totals = lambda items: {"USD": ControlTotal(5, Decimal("542.5"))}  # type: ignore[method-assign]
    deliver(ledger, target)
    assert [d.held.documents for d in deliver(ledger, target).differences] == [5]
    target.totals = totals  # type: ignore[method-assign]
    assert deliver(ledger, target).differences == ()
    assert ledger.uncompared_batches("memory") == []
    rows = ledger.extract()["control_totals"].to_pylist()
    assert [(row["check_no"], row["confirmed_documents"], row["held_documents"]) for row in rows] == [
        (1, 4, 5),
        (2, 4, 5),
        (3, 4, 4),
    ]
    assert {row["issued_amount"] for row in rows} == {Decimal(434)}
    assert max(target.sent.values()) == 1


def test_totals_that_the_target_does_not_say_are_asked_for_by_the_next_run(ledger: Ledger) -> None:
    issued(ledger)
    target = MemoryTarget()
    totals = target.totals

    def silent(items: Sequence[OutboxItem]) -> dict[str, ControlTotal]:
        raise TargetUnavailable("no answer to POST (ReadTimeout)")

    target.totals = silent  # type: ignore[method-assign]
    told = list[str]()
    assert deliver(ledger, target, tell=told.append).confirmed == 4
    assert "control totals not compared" in told[-1]
    assert ledger.uncompared_batches("memory") == [1]
    target.totals = totals  # type: ignore[method-assign]
    assert deliver(ledger, target) == DeliverySummary("memory")
    assert ledger.uncompared_batches("memory") == []


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
        ledger.record_totals = dying.wrap(ledger.record_totals)  # type: ignore[method-assign]
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
        shutil.copytree(template, folder)
        if _run_child(folder, step):
            break
        killed += 1
        _run_child(folder, 3)  # and once more, early in the recovery itself
        assert _run_child(folder, 0)
        with Ledger.open(url_of(folder)) as ledger:
            assert set(states(ledger).values()) == {"confirmed"}
            assert ledger.verify() == []
        assert _published(folder) == expected
    assert killed == 2 * (3 + 2 + 5 + 1)  # before and after: 3 documents, 2 batch files, 5 + 1 ledger writes
