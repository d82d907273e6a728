"""A small seller's year, month by month: nights on files, late usage, corrections, waivers and locks by people.

What happens is drawn from a seed; who may do it and what comes of it is the platform's own. Belongs here: the driver.
What must be true after every month is asked in test_year.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from billing_assets.access import act, facts, people
from billing_assets.access.people import Actor
from billing_assets.access.rates import dollars
from billing_assets.automation.nightly import Nightly
from billing_assets.close.lock import Close, NotLockable
from billing_assets.ledger import Ledger, OutboxItem, RecordedDocument
from billing_assets.periods import add_months, month_of
from billing_assets.publication import correction_requests
from billing_assets.publication.correction_requests import Correction
from billing_assets.publication.targets.file import FileTarget
from billing_assets.settings import Settings
from tests.access.builders import staff
from tests.end_to_end.conftest import report
from tests.end_to_end.world import Json, World, contract, recurring, usage

ENTITIES = ("DE01", "US01")
FIRST = date(2026, 1, 1)
# In which month (counted from 0) an invoice is voided, and in which one the month before is locked and opened again.
VOIDED, REOPENED = 1, 1
STAFF: dict[str, str | tuple[str, ...]] = {
    "analyst.one": "analyst",
    "manager.one": "billing_manager",
    "controller.one": "controller",
    "controller.two": "controller",
    "cfo.one": "cfo",
}
# People's tokens live for 90 days: everybody is given a new one well before.
_RENEW_AFTER = timedelta(days=50)
_EURO: Json = {"selling_entity": "DE01", "currency": "EUR"}
_PREPAID: Json = {
    "commitment_id": "prepaid", "kind": "prepaid", "amount": "900", "window": "contract", "applies_to": None,
    "priority": 1, "expires_at": None,
}  # fmt: skip
_TAX: Json = {"tax_code": "sales", "rate_percent": "10", "applies_to": None, "inclusive": False}
_METERED_IN_EUROPE = ("EURO", "BERLIN")
_METERED = ("PLAIN", "TAXED", "PREPAID", "TIERED", *_METERED_IN_EUROPE)
# A document whose late usage comes to more than this is rebilled; up to it the next document adjusts it.
_REBILLED_ABOVE = 15
_BANK = "value_date,booking_date,amount,currency,counterparty,reference,narrative,account\n"
_RATES = "rate_date,base_currency,quote_currency,rate,rate_type,source\n"


def contracts() -> list[Json]:
    """Eight contracts of two selling entities in two currencies: usage, a prepayment, seats."""
    one: Json = {"model": "unit", "unit_price": "1"}
    tiers: Json = {
        "model": "graduated",
        "tiers": [{"up_to": "100", "unit_price": "0.75"}, {"up_to": None, "unit_price": "0.33"}],
    }
    seat: Json = {"model": "unit", "unit_price": "28"}
    return [
        contract("PLAIN", [usage("u", "calls", one)]),
        contract("TAXED", [usage("u", "calls", one)], taxes=[_TAX]),
        contract("PREPAID", [usage("u", "calls", one)], commitments=[_PREPAID]),
        contract("TIERED", [usage("u", "calls", tiers)]),
        contract("SEATS", [recurring("seat", 10, seat)]),
        contract("EURO", [usage("u", "calls", one)], **_EURO),
        contract("BERLIN", [usage("u", "calls", tiers)], timezone="Europe/Berlin", **_EURO),
        contract("STAFF", [recurring("seat", 3, seat, timing="arrears")], **_EURO),
    ]


@dataclass
class Year:
    """A home, its people and what happened in it. `month` plays one month of the calendar."""

    root: Path
    seed: int = 7
    people: dict[str, Actor] = field(default_factory=dict)
    paid: dict[str, Decimal] = field(default_factory=dict)  # document id -> cash that arrived for it
    nights: int = 0
    happened: list[str] = field(default_factory=list)
    _events: int = 0
    _renewed: date = FIRST
    _shared: Nightly | None = None

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 - what happens in the year, no secret
        world = World()
        world.add(*contracts())
        world.write(self.root / "landing")
        # An empty file is a broken delivery. Usage lands month by month.
        (self.root / "landing" / "usage" / "gateway" / "events.jsonl").unlink()

    # -- nights --------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        return self.root / "home"

    def nightly(self, day: date | None = None) -> Nightly:
        """A night; the dbt project is read once for all of them."""
        settings = Settings(
            landing=self.root / "landing", home=self.home, as_of=day, threads=2, rebill_above=Decimal(_REBILLED_ABOVE)
        )
        night = Nightly(settings)
        if self._shared is not None:
            night.dbt = self._shared.dbt
        self._shared = night
        return night

    def night(self, day: date, keeps_back: str | None = None) -> None:
        """A whole run; with `keeps_back`, the target does not take that contract's documents."""
        plan = FileTarget.plan

        def takes_others(self: FileTarget, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
            return plan(self, [item for item in items if item.contract_id != keeps_back])

        with patch.object(FileTarget, "plan", takes_others):
            self.nightly(day).run()
        self.nights += 1

    def ledger(self) -> Ledger:
        return self.nightly().ledger()

    @contextmanager
    def at_the_desk(self, day: date) -> Iterator[tuple[Ledger, duckdb.DuckDBPyConnection]]:
        night = self.nightly(day)
        with night.ledger() as ledger, night.warehouse().reader() as connection:
            yield ledger, connection

    # -- what lands ----------------------------------------------------------------------------------------------

    def land(self, name: str, uses: Iterable[tuple[str, date, int]]) -> None:
        """A usage file of (contract, day, quantity)."""
        world = World()
        for contract_id, day, quantity in uses:
            world.event(f"org-{contract_id}", "calls", f"{day}T10:00:00Z", quantity)
        lines = []
        for event in world.events:
            lines.append(json.dumps(event | {"id": f"e{self._events:06d}"}) + "\n")
            self._events += 1
        self._write(f"usage/gateway/{name}.jsonl", "".join(lines))

    def land_month(self, first: date) -> None:
        """The month's own usage, a rate, and what customers paid."""
        self.land(
            month_of(first),
            [(name, first + timedelta(self.draw.randrange(27)), self.draw.randint(20, 250)) for name in _METERED],
        )
        end = add_months(first, 1)
        self._write(f"fx/{month_of(first)}.csv", f"{_RATES}{end},EUR,USD,1.09,spot,bank\n")

    def land_late(self, first: date, names: Sequence[str]) -> None:
        """Usage of the month for two of these contracts, billed without it: one to be adjusted, one to be rebilled."""
        little, much = self.draw.sample(names, 2)
        # the cheapest call costs 0.33
        drawn = (
            (little, self.draw.randint(5, _REBILLED_ABOVE)),
            (much, self.draw.randint(3 * _REBILLED_ABOVE + 1, 90)),
        )
        late = [(name, first + timedelta(20), quantity) for name, quantity in drawn]
        self.land(f"late-{month_of(first)}-{self._events}", late)
        self.happened += [f"{quantity} late calls of {name} for {month_of(first)}" for name, quantity in drawn]

    def land_payments(self, day: date) -> None:
        """Some customers pay an invoice in full, as it was open after the last night."""
        rows = []
        for document_id, (number, entity, currency, amount) in sorted(self.open_invoices().items()):
            if self.draw.random() < 0.4:
                rows.append(f"{day},{day},{amount:f},{currency},Customer,{number},payment of {number},BANK-{entity}\n")
                self.paid[document_id] = self.paid.get(document_id, Decimal(0)) + amount
        if rows:
            self._write(f"bank/{day}.csv", _BANK + "".join(rows))
            self.happened.append(f"{len(rows)} payments")

    def _write(self, name: str, text: str) -> None:
        path = self.root / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    # -- what people do ------------------------------------------------------------------------------------------

    def hire(self, day: date) -> None:
        with self.ledger() as ledger:
            self.people = staff(ledger, STAFF, day)
        self._renewed = day

    def renew_tokens(self, day: date) -> None:
        if day - self._renewed < _RENEW_AFTER:
            return
        with self.ledger() as ledger:
            admin = self.people["admin.one"]
            for user in ("admin.one", *STAFF):
                token = people.give_token(ledger, admin, user, "the quarter's token", day)
                self.people[user] = people.authenticate(ledger, token.token, day)
                admin = self.people["admin.one"]
        self._renewed = day

    def correct(self, what: str, correction: Correction, day: date) -> None:
        """Asked for by an analyst, approved by a manager."""
        document = correction.document
        with self.at_the_desk(day) as (ledger, connection):
            number = act.request(
                ledger, self.people["analyst.one"], what, correction.subject, object_hash=document.content_hash,
                amount=correction.amount, currency=document.currency, account_id=document.account_id,
                links=facts.document(ledger, document.document_id).links, reason="a customer asked", as_of=day,
                to_usd=dollars(connection, day),
            )  # fmt: skip
            act.approve(
                ledger, self.people["manager.one"], number, object_hash=document.content_hash, reason="agreed",
                as_of=day,
            )  # fmt: skip
        self.happened.append(f"{what} of {document.document_id} {correction.amount:f}")

    def waive_open(self, entity: str, period: str, day: date) -> int:
        """Waive what is still open for a month, until the month after it; returns how many exceptions that were."""
        found = [
            row["exception_id"]
            for row in report(self.home, "exceptions", "select * from report where status = 'open'")
            if (row["selling_entity"], row["period"]) == (entity, period)
        ]
        with self.at_the_desk(day) as (ledger, connection):
            for exception_id in sorted(found):
                thing = facts.violation(connection, exception_id)
                amount = None if thing.amount is None else format(thing.amount.normalize(), "f")
                number = act.request(
                    ledger, self.people["analyst.one"], "waiver",
                    {"exception_id": exception_id, "amount": amount, "row_hash": thing.object_hash},
                    object_hash=thing.object_hash, amount=None if thing.amount is None else abs(thing.amount),
                    currency=thing.currency, account_id=thing.account_id, links=thing.links,
                    reason="corrected in the next run", as_of=day, expires_on=day + timedelta(days=30),
                    to_usd=dollars(connection, day),
                )  # fmt: skip
                act.approve(
                    ledger, self.people["controller.two"], number, object_hash=thing.object_hash, reason="known",
                    as_of=day,
                )  # fmt: skip
        if found:
            self.happened.append(f"{len(found)} waivers for {period} of {entity}")
        return len(found)

    @contextmanager
    def closing(self, day: date) -> Iterator[tuple[Close, Actor]]:
        night = self.nightly(day)
        with night.ledger() as ledger:
            yield (
                Close(night.settings, night.warehouse(), ledger, night.identity(ledger)),
                self.people["controller.one"],
            )

    def soft_close(self, entity: str, period: str, day: date) -> None:
        with self.closing(day) as (close, controller):
            close.soft_close(controller, entity, period, "month end")

    def lock(self, entities: Sequence[str], period: str, day: date) -> date:
        """Lock the month; returns the date of the last night.

        What is open is waived and the night run again, once. All entities are locked on one finished run: a lock is a
        decision too, and the next one would wait for a run that knows of it.
        """
        refused = self._lock(entities, period, day)
        if refused:
            for entity in refused:
                self.waive_open(entity, period, day)
            day += timedelta(days=1)
            self.night(day)
            assert not self._lock(refused, period, day), self.happened[-1]
        return day

    def _lock(self, entities: Sequence[str], period: str, day: date) -> list[str]:
        refused = []
        with self.closing(day) as (close, controller):
            for entity in entities:
                try:
                    close.lock(controller, entity, period, "reviewed")
                except NotLockable as why:
                    refused.append(entity)
                    self.happened.append(str(why))
                else:
                    self.happened.append(f"locked {period} of {entity}")
        return refused

    def reopen(self, entity: str, period: str, day: date) -> None:
        """Open a locked month again, with the approval of a second controller and of the CFO, and soft-close it."""
        with self.ledger() as ledger:
            thing = facts.month(ledger, entity, period)
            request_no = act.request(
                ledger, self.people["controller.one"], "period_reopen", {"selling_entity": entity, "period": period},
                object_hash=thing.object_hash, amount=None, currency=None, account_id=None, links=thing.links,
                reason="an invoice has to be credited into it", as_of=day,
            )  # fmt: skip
            for user in ("cfo.one", "controller.two"):
                act.approve(
                    ledger, self.people[user], request_no, object_hash=thing.object_hash, reason="seen", as_of=day
                )
        with self.closing(day) as (close, controller):
            close.reopen(controller, entity, period, "an invoice has to be credited into it")
        self.soft_close(entity, period, day)
        self.happened.append(f"reopened {period} of {entity}")

    # -- what there is to correct --------------------------------------------------------------------------------

    def open_invoices(self) -> dict[str, tuple[str, str, str, Decimal]]:
        """Document id -> number, entity, currency and what is open, of invoices with anything to pay."""
        return {
            row["document_id"]: (row["number"], row["selling_entity"], row["currency"], row["open_amount"])
            for row in self.items()
            if row["kind"] == "invoice" and row["open_amount"] > 0
        }

    def items(self) -> list[dict[str, Any]]:
        """Every receivable item as readers see it after the last night."""
        if not (self.home / "reporting.duckdb").exists():
            return []
        with duckdb.connect(str(self.home / "reporting.duckdb"), read_only=True) as connection:
            result = connection.execute("select * from marts.fct_receivables_ageing order by document_id")
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def standing_invoices(self) -> list[RecordedDocument]:
        """Invoices that were neither voided nor credited in full, in order of their ids."""
        with self.ledger() as ledger:
            ids = [row["document_id"] for row in ledger.extract()["issued_documents"].to_pylist()]
            found = [document for name in sorted(ids) if (document := ledger.document(name)) is not None]
        return [one for one in found if one.kind == "invoice" and not one.is_voided and one.left > 0]

    def rebill_what_changed(self, day: date) -> set[str]:
        """Ask for a rebill of every invoice that INV-02 finds changed; returns their ids."""
        changed = {
            row["document_id"]
            for row in report(self.home, "exceptions", "select * from report where status = 'open'")
            if row["control_id"] == "INV-02" and row["document_id"]
        }
        for document_id in sorted(changed):
            with self.ledger() as ledger:
                correction = correction_requests.rebill(ledger, document_id, "late_usage")
            self.correct("rebill", correction, day)
        return changed

    def credit_some(self, day: date, but: set[str]) -> None:
        """One credit of a quarter and one of everything, of invoices that nothing else is asked for."""
        # Crediting the prepayment would leave its credit to be used.
        but = but | {f"PREPAID/{FIRST}/invoice/0"}
        invoices = [document for document in self.standing_invoices() if document.document_id not in but]
        part, whole = self.draw.sample(invoices, 2)
        with self.ledger() as ledger:
            amount = (part.left / 4).quantize(Decimal("0.01"))
            some = correction_requests.credit(ledger, part.document_id, "goodwill", amount=amount)
            everything = correction_requests.credit(ledger, whole.document_id, "our_error")
        self.correct("credit", some, day)
        self.correct("credit", everything, day)

    # -- the calendar --------------------------------------------------------------------------------------------

    def month(self, number: int) -> None:
        """Bill the month and lock the one before, which was soft-closed when it had been billed.

        The first night bills, finds what came late and carries out what was asked for a month ago. Much late usage of
        the month before is rebilled and its exception waived until then, which takes a second night; of a locked month
        it is rebilled into an open one. A little goes on the next document.
        """
        first = add_months(FIRST, number)
        before = add_months(first, -1)
        day = add_months(first, 1) + timedelta(days=3)
        is_before_late = number > 0 and number % 3 != 2
        self.land_month(first)
        if is_before_late:
            self.land_late(before, _METERED)
        elif number:
            self.land_late(add_months(before, -1), _METERED_IN_EUROPE)
        if number:
            self.land_payments(day - timedelta(days=2))
        self.night(day, keeps_back="TAXED" if number == VOIDED else None)
        if not number:
            self.hire(day)
        self.renew_tokens(day)
        asked = self.rebill_what_changed(day)
        if number == VOIDED:
            asked.add(self.void(f"TAXED/{add_months(first, 1)}/invoice/0", day))
        if is_before_late:
            for entity in ENTITIES:
                self.waive_open(entity, month_of(before), day)
            day += timedelta(days=1)
            self.night(day)
        if number == REOPENED + 1:
            day = self.lock(["US01"], month_of(add_months(before, -1)), day)
        if number:
            day = self.lock(ENTITIES, month_of(before), day)
        if number == REOPENED:
            asked.add(self.reopen_and_credit("US01", month_of(before), day))
        self.credit_some(day, asked)
        for entity in ENTITIES:
            self.soft_close(entity, month_of(first), day)

    def void(self, document_id: str, day: date) -> str:
        with self.ledger() as ledger:
            correction = correction_requests.void(ledger, document_id, "our_error")
        self.correct("void", correction, day)
        return document_id

    def reopen_and_credit(self, entity: str, period: str, day: date) -> str:
        """Reopen the last locked month and ask to credit an invoice of it; returns the invoice."""
        self.reopen(entity, period, day)
        of_month = [
            document
            for document in self.standing_invoices()
            if (document.selling_entity, document.close_period) == (entity, period)
        ]
        with self.ledger() as ledger:
            correction = correction_requests.credit(ledger, of_month[0].document_id, "goodwill", amount=Decimal(1))
        self.correct("credit", correction, day)
        return of_month[0].document_id
