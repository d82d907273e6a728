"""Delivers the outbox: every item reaches its target exactly once, whatever was interrupted before.

An item that may have been sent (planned or sent, and nothing after it) is unknown: the target is asked what it holds
before anything is sent again. What fails for the moment is tried again within the run's budget and then left to the
next run; what the target rejects is set aside, with its answer, and never holds up the rest. Each batch ends with a
comparison of control totals, which goes into the record; a difference is never repaired in silence.

Only issuing writes the outbox, and the gate was asked there. What a person held since is asked here, before each
portion.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing_assets.ledger import Attempt, BatchTotal, ControlTotal, Ledger, LedgerError, OutboxItem, RunIdentity
from billing_assets.ledger.canonical import decimal_text, sha256_text
from billing_assets.publication.holds import standing_holds
from billing_assets.publication.retries import RealTimer, Retries, Timer
from billing_assets.publication.targets import Closing, Held, Target, TargetUnavailable

Tell = Callable[[str], None]
# Items -> why each that a person holds is not sent, by item key.
Gate = Callable[[Sequence[OutboxItem]], Mapping[str, str]]

_NONE = ControlTotal(0, Decimal(0))
_OPEN = frozenset({"new", "unknown", "released"})
# So many different items in a row without one answer that makes sense: the target is down, not the items.
_DOWN = 10
# What comes due within a second is tried together: one transaction of the record, not one an item.
_TOGETHER_SECONDS = 1.0
# A line every few seconds shows that long work moves.
_TELL_SECONDS = 5.0


@dataclass(frozen=True)
class ControlDifference:
    """A batch of which the target says it has something else than was issued."""

    target: str
    batch: int
    currency: str
    issued: ControlTotal
    held: ControlTotal

    def __str__(self) -> str:
        return (
            f"{self.target} batch {self.batch} {self.currency}: issued {self.issued.documents} documents "
            f"{self.issued.amount:f}, the target has {self.held.documents} documents {self.held.amount:f}"
        )


@dataclass(frozen=True)
class DeliverySummary:
    """What one target was given by one call.

    `rejected` items wait for a person, `held` ones for a person's release, `left` ones for the next run.
    """

    target: str
    batches: int = 0
    confirmed: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)  # confirmed money by currency
    rejected: tuple[str, ...] = ()  # item keys
    held: int = 0
    left: int = 0
    differences: tuple[ControlDifference, ...] = ()

    def __str__(self) -> str:
        money = _money(self.amounts)
        text = f"{self.target}: {self.confirmed} confirmed{f' ({money})' if money else ''} in {self.batches} batches"
        for count, word in (
            (len(self.rejected), "rejected"),
            (self.held, "held"),
            (self.left, "left"),
            (len(self.differences), "control-total differences"),
        ):
            text += f", {count} {word}" if count else ""
        return text


def deliver(
    ledger: Ledger,
    targets: Sequence[Target],
    as_of: date,
    run: RunIdentity | None = None,
    *,
    gate: Gate | None = None,
    tell: Tell = lambda _: None,
    timer: Timer | None = None,
    retries: Retries | None = None,
) -> list[DeliverySummary]:
    """Send what each target has not confirmed yet, batch by batch, one summary a target.

    May be killed anywhere and called again. Raises LedgerError where the outbox is not as it was written.
    """
    asked = gate or standing_holds(ledger, as_of)
    return [
        _Relay(ledger, target, as_of, run, asked, tell, timer or RealTimer(), retries or Retries()).deliver()
        for target in targets
    ]


class _Relay:
    """One target's turn."""

    def __init__(
        self,
        ledger: Ledger,
        target: Target,
        as_of: date,
        run: RunIdentity | None,
        gate: Gate,
        tell: Tell,
        timer: Timer,
        retries: Retries,
    ) -> None:
        self._ledger = ledger
        self._target = target
        self._as_of = as_of
        self._run = run
        self._gate = gate
        self._tell = tell
        self._timer = timer
        self._retries = retries
        self._ends = timer.elapsed() + retries.seconds
        self._told = timer.elapsed()
        self._failing: set[str] = set()  # items that failed since the target last gave a sound answer
        self._strikes = 0
        self._is_given_up = False
        self._confirmed = 0
        self._amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._rejected: list[str] = []
        self._held = 0
        self._left = 0
        self._differences: list[ControlDifference] = []

    def deliver(self) -> DeliverySummary:
        unfinished = set(self._ledger.open_batches(self._target.name))
        for batch in sorted(unfinished | set(self._ledger.uncompared_batches(self._target.name))):
            self._deliver_batch(batch)
        return DeliverySummary(
            self._target.name,
            len(unfinished),
            self._confirmed,
            dict(sorted(self._amounts.items())),
            tuple(self._rejected),
            self._held,
            self._left,
            tuple(self._differences),
        )

    # -- one batch -------------------------------------------------------------------------------------------

    def _deliver_batch(self, batch: int) -> None:
        items = self._ledger.outbox_items(self._target.name, batch)
        self._items = {item.item_key: item for item in items}
        self._states = {item.item_key: item.state for item in items}
        self._refused: set[str] = set()
        interrupted = [item for item in items if item.state in ("planned", "sent")]
        self._record([Attempt(item.item_key, "unknown", "no outcome was recorded") for item in interrupted])
        self._work_off(batch)
        still_open = [key for key in self._items if self._states[key] in _OPEN]
        self._held += len(self._refused.intersection(still_open))
        self._left += len(set(still_open) - self._refused)
        if self._is_given_up:
            return
        if any(state != "new" for state in self._states.values()):
            self._compare(batch)

    def _work_off(self, batch: int) -> None:
        """Rounds over what is open until nothing is, or the budget is spent."""
        tried: Counter[str] = Counter()
        due: dict[str, float] = {key: 0.0 for key in self._items if self._states[key] in _OPEN}
        while due and not self._is_given_up:
            now = self._timer.elapsed()
            ready = [self._items[key] for key, moment in due.items() if moment <= now]
            if not ready:
                if not self._wait(min(due.values()) + _TOGETHER_SECONDS - now):
                    return
                continue
            self._round(batch, ready)
            now = self._timer.elapsed()
            for item in ready:
                key = item.item_key
                tried[key] += 1
                if self._states[key] not in _OPEN or key in self._refused or tried[key] >= self._retries.tries:
                    del due[key]
                else:
                    due[key] = now + self._retries.wait_before(key, tried[key])

    def _round(self, batch: int, items: Sequence[OutboxItem]) -> None:
        doubtful = [item for item in items if self._states[item.item_key] != "new"]
        arrived: list[OutboxItem] = []
        to_send = [item for item in items if self._states[item.item_key] == "new"]
        for portion in self._target.plan(doubtful):
            held = self._read_back(portion)
            there = [item for item in portion if item.item_key in held]
            to_send += [item for item in portion if item.item_key not in held]
            if isinstance(self._target, Closing):
                arrived += there
            else:
                self._judge(there, held)
            if not self._goes_on():
                return

        for portion in self._target.plan(to_send):
            refused = self._gate(portion)
            self._refused.update(refused)
            free = [item for item in portion if item.item_key not in refused]
            if not free:
                continue
            sent = self._send(free)
            if isinstance(self._target, Closing):
                arrived += sent
            else:
                self._judge(sent, self._read_back(sent))
            self._tell_progress(batch)
            if not self._goes_on():
                break

        if arrived and isinstance(self._target, Closing):
            taken = {item.item_key for item in arrived}
            self._target.close(
                [item for key, item in self._items.items() if key in taken or self._states[key] == "confirmed"]
            )
            self._judge(arrived, self._read_back(arrived))

    def _send(self, items: Sequence[OutboxItem]) -> list[OutboxItem]:
        """Send one portion; returns the items that the target took."""
        payloads = self._payloads(items)
        self._record([Attempt(item.item_key, "planned") for item in items])
        try:
            answers = self._target.send(items, payloads)
        except TargetUnavailable as error:
            answers = [Attempt(item.item_key, "unknown", str(error)) for item in items]
        self._record(answers)
        self._note((answer.item_key, answer.state == "unknown") for answer in answers)
        return [item for item in items if self._states[item.item_key] == "sent"]

    def _read_back(self, items: Sequence[OutboxItem]) -> Mapping[str, Held]:
        if not items:
            return {}
        try:
            held = self._target.read_back(items, self._payloads)
        except TargetUnavailable as error:
            held = {item.item_key: Held(None, str(error)) for item in items}
        unasked = {key for key, answer in held.items() if answer.payload_hash is None}
        self._note((item.item_key, item.item_key in unasked) for item in items)
        return held

    def _judge(self, items: Sequence[OutboxItem], held: Mapping[str, Held]) -> None:
        """Record what the target says it holds of `items`, which were sent or may have been."""
        outcomes = []
        for item in items:
            key, answer = item.item_key, held.get(item.item_key)
            if answer is None and self._states[key] == "sent":
                outcomes.append(Attempt(key, "unknown", "sent, and the target does not hold it"))
            elif answer is not None and answer.payload_hash == item.payload_hash:
                outcomes.append(Attempt(key, "confirmed"))
            elif answer is not None and answer.payload_hash is not None:
                detail = f": {answer.detail}" if answer.detail else ""
                outcomes.append(Attempt(key, "rejected", f"the target holds other content{detail}"))
            elif answer is not None and self._states[key] == "sent":
                outcomes.append(Attempt(key, "unknown", f"sent, and not read back: {answer.detail}"))
        self._record(outcomes)

    # -- control totals --------------------------------------------------------------------------------------

    def _compare(self, batch: int) -> None:
        """Compared with everything issued in the batch: what was rejected or is held is missing at the target."""
        items = list(self._items.values())
        held = self._ask_totals(batch, items)
        if held is None:
            return
        issued = _totals(items)
        confirmed = _totals(item for key, item in self._items.items() if self._states[key] == "confirmed")
        found = [
            BatchTotal(currency, issued.get(currency, _NONE), confirmed.get(currency, _NONE), held.get(currency, _NONE))
            for currency in sorted(issued.keys() | held.keys())
        ]
        self._ledger.record_totals(self._target.name, batch, found, self._as_of, self._run)
        self._differences += [
            ControlDifference(self._target.name, batch, total.currency, total.issued, total.held)
            for total in found
            if total.issued != total.held
        ]

    def _ask_totals(self, batch: int, items: Sequence[OutboxItem]) -> Mapping[str, ControlTotal] | None:
        """What the target has of the batch; None where it does not say: the next run asks again."""
        asked = 0
        while True:
            try:
                return self._target.totals(items)
            except TargetUnavailable as error:
                asked += 1
                name = f"{self._target.name} batch {batch}"
                if asked >= self._retries.tries or not self._wait(self._retries.wait_before(name, asked)):
                    self._tell(f"{name}: control totals not compared: {error}")
                    return None

    # -- budget and progress ---------------------------------------------------------------------------------

    def _note(self, outcomes: Iterable[tuple[str, bool]]) -> None:
        """Keep count of items that got no sound answer: (item key, failed)."""
        for key, failed in outcomes:
            if failed:
                self._failing.add(key)
            else:
                self._failing.clear()
                self._strikes = 0

    def _goes_on(self) -> bool:
        """Whether to go on with this target; waits where it seems to be down, and gives up in the end."""
        if len(self._failing) < _DOWN:
            return self._has_time(0)
        self._strikes += 1
        if self._strikes >= self._retries.tries:
            self._give_up("gives no answer")
            return False
        return self._wait(self._retries.wait_before(self._target.name, self._strikes))

    def _has_time(self, seconds: float) -> bool:
        if self._timer.elapsed() + seconds <= self._ends:
            return True
        self._give_up(f"took longer than {self._retries.seconds:.0f} s")
        return False

    def _wait(self, seconds: float) -> bool:
        if not self._has_time(seconds):
            return False
        self._timer.wait(seconds)
        return True

    def _give_up(self, why: str) -> None:
        self._is_given_up = True
        self._tell(f"{self._target.name}: {why}; what is open is left to the next run")

    def _tell_progress(self, batch: int) -> None:
        now = self._timer.elapsed()
        if now - self._told < _TELL_SECONDS:
            return
        self._told = now
        count = Counter(self._states.values())
        waiting = sum(count[state] for state in _OPEN)
        self._tell(
            f"{self._target.name} batch {batch}: {len(self._items) - waiting:,} of {len(self._items):,} documents "
            f"done, {count['rejected']} rejected; confirmed so far {self._confirmed:,} ({_money(self._amounts)})"
        )

    # -- the record ------------------------------------------------------------------------------------------

    def _payloads(self, items: Sequence[OutboxItem]) -> Mapping[str, str]:
        payloads = self._ledger.payloads([item.item_key for item in items])
        for item in items:
            if sha256_text(payloads[item.item_key]) != item.payload_hash:
                raise LedgerError(
                    f"{item.item_key} is not what was issued: nothing is sent; run `billing audit verify`"
                )
        return payloads

    def _record(self, attempts: Sequence[Attempt]) -> None:
        if not attempts:
            return
        self._ledger.record_attempts(attempts, self._as_of, self._run)
        for attempt in attempts:
            self._states[attempt.item_key] = attempt.state
            if attempt.state == "confirmed":
                item = self._items[attempt.item_key]
                self._confirmed += 1
                self._amounts[item.currency] += item.total
            elif attempt.state == "rejected":
                self._rejected.append(attempt.item_key)


def _totals(items: Iterable[OutboxItem]) -> dict[str, ControlTotal]:
    totals: dict[str, ControlTotal] = {}
    for item in items:
        before = totals.get(item.currency, _NONE)
        totals[item.currency] = ControlTotal(before.documents + 1, before.amount + item.total)
    return totals


def _money(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{Decimal(decimal_text(amount)):,f} {currency}" for currency, amount in sorted(amounts.items()))
