"""AWS's billing events of the simulated agreements: invoiced, collected, paid out, and what goes wrong on the way.

Amounts are signed from the seller's side. A payable row is settled by COLLECTED rows of the same sign and DISBURSED
rows of the opposite one; a DISBURSEMENT is what its DISBURSED rows settle, per AWS entity and currencies.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from billing_assets.periods import add_months
from billing_assets.simulation.deals import WHOLESALE_PERCENT, Deal, Instalment, due_on
from billing_assets.simulation.market import EVENT_ID_LENGTH, Market, draw, guid

CENT = Decimal("0.01")
# AWS pays out this many business days after it has the buyer's money.
PAYOUT_DAYS = 3
SALE, FEE, AWS_TAX, SELLER_TAX = "SELLER_REV_SHARE", "AWS_REV_SHARE", "AWS_TAX_SHARE", "SELLER_TAX_SHARE"


@dataclass(frozen=True)
class Tax:
    """What a tax row is a tax on: `percent` of `base`, for a jurisdiction (level blank: a country's)."""

    level: str
    jurisdiction: str
    percent: Decimal
    base: Decimal


@dataclass(frozen=True)
class BillingEvent:
    """One row of the billing event feed. `known` is when it was first written, `corrected` when written again."""

    billing_event_id: str
    from_account_id: str
    to_account_id: str
    action: str
    transaction_type: str
    amount: Decimal
    currency: str
    balance_impacting: int
    invoice_date: datetime
    known: datetime
    deal: Deal | None = None
    end_user_account_id: str = ""
    product_id: str = ""
    parent_billing_event_id: str = ""
    disbursement_billing_event_id: str = ""
    payment_due_date: datetime | None = None
    period: tuple[date, date] | None = None  # first and last day of service
    invoice_id: str = ""
    billing_address_id: str = ""
    transaction_reference_id: str = ""
    buyer_transaction_reference_id: str = ""
    bank_trace_id: str = ""
    broker_id: str = "AWS_INC"
    agreement_id: str = ""
    offer_id: str = ""
    buyer_invoice_id: str = ""
    buyer_invoice_date: datetime | None = None
    line_item_id: str = ""
    buyer_line_item_id: str = ""
    invoice_variant: str = ""
    charge_variant: str = ""
    charge_side: str = ""
    action_date: datetime | None = None
    payout_amount: Decimal | None = None
    payout_currency: str = ""
    reference_number: str = ""
    corrected: datetime | None = None
    tax: Tax | None = None

    @property
    def written(self) -> datetime:
        return self.corrected or self.known

    @property
    def is_payable(self) -> bool:
        """Whether the row changes what AWS owes."""
        return self.balance_impacting == 1


@dataclass
class Invoice:
    """What AWS invoiced a buyer on one day: its rows, taxes included, and the tax behind each tax row."""

    deal: Deal
    number: str
    day: date
    due: date
    rows: list[BillingEvent] = field(default_factory=list)

    @property
    def gross(self) -> Decimal:
        return sum((r.amount for r in self.rows if r.amount > 0 and r.transaction_type == SALE), Decimal(0))


@dataclass(frozen=True)
class Payout:
    """A DISBURSEMENT. `status`: paid; bounced (came back and was sent again); lost (came back and was not)."""

    event: BillingEvent
    settled: tuple[BillingEvent, ...]  # its DISBURSED rows
    status: str = "paid"

    @property
    def day(self) -> date:
        return self.event.invoice_date.date()

    @property
    def amount(self) -> Decimal:
        """In the payout's currency."""
        return self.event.payout_amount or Decimal(0)

    @property
    def deals(self) -> set[int]:
        return {row.deal.number for row in self.settled if row.deal}


@dataclass
class Money:
    """Everything AWS tells of money."""

    events: list[BillingEvent] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong with money, by deal number (see `market_faults`). Dates are of service months."""

    fee_percents: dict[tuple[int, date], Decimal] = field(default_factory=dict)  # charged in that month instead
    bounced: dict[tuple[int, date], bool] = field(default_factory=dict)  # month's payout bounces: sent again?
    cent_too_much: set[tuple[int, date]] = field(default_factory=set)
    forgiven: dict[tuple[int, date], date] = field(default_factory=dict)  # when AWS wrote it off
    refunds: dict[tuple[int, date], tuple[date, Decimal]] = field(default_factory=dict)  # when, percent of the price
    parts: dict[tuple[int, date], tuple[Decimal, int]] = field(default_factory=dict)  # first part paid in percent;
    # days until the rest (beyond `as_of`: it stays open)
    not_invoiced: set[tuple[int, date]] = field(default_factory=set)
    blank_brokers: set[tuple[int, date]] = field(default_factory=set)
    corrected: dict[tuple[int, date], tuple[date, Decimal]] = field(default_factory=dict)  # when; error before


def round_to(amount: Decimal, currency: str) -> Decimal:
    """Half up to the currency's minor unit."""
    return amount.quantize(Decimal(1) if currency == "JPY" else CENT, ROUND_HALF_UP)


def business_day(day: date, after: int = 0) -> date:
    """The first weekday on or after `day`, then `after` weekdays later."""
    while True:
        if day.weekday() < 5:
            if not after:
                return day
            after -= 1
        day += timedelta(days=1)


def invoice_day(deal: Deal, month: date) -> date:
    """Usage is invoiced on the second or third of the next month."""
    return add_months(month, 1).replace(day=2 + deal.number % 2)


def at(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second))


class Bookkeeper:
    """Writes the money of a market, day by day of each invoice, up to the business date."""

    def __init__(self, market: Market, mishaps: Mishaps, yen_per_dollar: Decimal) -> None:
        self.market, self.mishaps, self.yen_per_dollar = market, mishaps, yen_per_dollar
        self.money = Money()
        # What AWS has collected and not paid out: per payout day and payout key.
        self.due: dict[tuple[date, str, str, str], list[tuple[BillingEvent, Decimal]]] = defaultdict(list)

    @property
    def as_of(self) -> date:
        return self.market.options.as_of

    def write(self, usage: dict[int, dict[date, Decimal]]) -> Money:
        """Invoice usage (deal number -> month -> money) and instalments; collect and pay out what falls due."""
        for deal in self.market.deals:
            for month, amount in usage.get(deal.number, {}).items():
                last = add_months(month, 1) - timedelta(days=1)
                self._invoice(deal, month, invoice_day(deal, month), amount, (month, last))
            for part in deal.instalments:
                self._invoice_instalment(deal, part)
        self._pay_out()
        written = [event for event in self.money.events if event.written.date() <= self.as_of]
        self.money.events = sorted(written, key=lambda e: (e.written, e.billing_event_id))
        self.money.payouts = [payout for payout in self.money.payouts if payout.day <= self.as_of]
        return self.money

    def _invoice_instalment(self, deal: Deal, part: Instalment) -> None:
        day = due_on(self.market.options.first_day, part)
        month = day.replace(day=1)
        if (deal.number, month) not in self.mishaps.not_invoiced:
            last = add_months(month, 1) - timedelta(days=1)
            self._invoice(deal, month, day, part.amount, (month, last))

    def _invoice(self, deal: Deal, month: date, day: date, amount: Decimal, period: tuple[date, date]) -> None:
        """One invoice with everything that follows from it."""
        if day > self.as_of or not amount:
            return
        invoice = Invoice(deal, self._number(deal, month), day, day + timedelta(days=deal.terms_days))
        key = deal.number, month
        fee_percent = self.mishaps.fee_percents.get(key, deal.fee_percent)
        invoice.rows = list(self._rows(invoice, month, amount, fee_percent, period))
        if key in self.mishaps.blank_brokers:
            invoice.rows = [replace(row, broker_id="") for row in invoice.rows]
        self.money.invoices.append(invoice)
        for row in invoice.rows:
            self._book(row)
        payable = [row for row in invoice.rows if row.is_payable]
        if key in self.mishaps.corrected:
            self._correct(invoice.rows[0], *self.mishaps.corrected[key])
        if key in self.mishaps.forgiven:
            self._forgive(payable, self.mishaps.forgiven[key])
            return
        self._collect(invoice, payable, month)
        if key in self.mishaps.refunds:
            self._refund(invoice, payable, *self.mishaps.refunds[key])

    def _number(self, deal: Deal, *names: object) -> str:
        """An invoice number as AWS writes them: ten digits, or letters and digits from Europe."""
        digits = f"{draw(self.market, 'invoice', deal.number, *names) % 10**9:09d}"
        return f"EUINGB26-{digits}" if deal.broker == "AWS_EUROPE" else f"2{digits}"

    def _rows(
        self, invoice: Invoice, month: date, amount: Decimal, fee_percent: Decimal, period: tuple[date, date]
    ) -> list[BillingEvent]:
        deal, market = invoice.deal, self.market
        names = (market.options.seed, deal.number, month)
        sold = self._sale(invoice, period, amount)
        if deal.offer == "resold":
            # The partner invoices the buyer; what reaches us is our wholesale invoice to the partner.
            sold = replace(
                sold,
                from_account_id=market.partner(deal),
                end_user_account_id="",
                invoice_id=self._number(deal, month, "resale"),
                line_item_id=guid("resale line", *names),
                transaction_reference_id=guid("resale reference", *names),
                invoice_variant="RESALE",
                charge_variant="RESALE",
                charge_side="SELLING",
            )
        rows = [sold]
        cost = Decimal(0)
        if deal.offer == "reselling":
            cost = round_to(amount * WHOLESALE_PERCENT / 100, deal.currency)
            rows.append(
                self._sibling(
                    sold, SALE, -cost, "cost", to_account_id=market.partner(deal),
                    from_account_id=market.seller, invoice_id=self._number(deal, month, "resale"),
                    line_item_id=guid("resale line", *names),
                    transaction_reference_id=guid("resale reference", *names),
                    invoice_variant="RESALE", charge_variant="RESALE", charge_side="BUYING",
                )
            )  # fmt: skip
        fee = round_to(amount * fee_percent / 100, deal.currency)
        to_aws = {"from_account_id": market.seller, "to_account_id": market.aws(deal.broker)}
        charge = {**to_aws, "charge_variant": "LISTING_FEE", "charge_side": ""}
        if deal.fee_tax_percent is not None:
            charge |= {
                "invoice_id": self._number(deal, month, "fee"),
                "line_item_id": guid("fee line", *names),
                "transaction_reference_id": guid("fee reference", *names),
                "invoice_variant": "LISTING_FEE",
            }
        if fee:
            rows.append(self._sibling(sold, FEE, -fee, "fee", **charge))
        if deal.fee_tax_percent is not None:
            tax = round_to(fee * deal.fee_tax_percent / 100, deal.currency)
            taxed = Tax("", deal.country, deal.fee_tax_percent, fee)
            rows.append(self._sibling(sold, AWS_TAX, -tax, "fee tax", **charge, tax=taxed))
        for level, jurisdiction, percent in deal.buyer_tax:
            tax = round_to(amount * percent / 100, deal.currency)
            rows.append(
                self._sibling(
                    sold, AWS_TAX, tax, f"tax {level}", to_account_id=market.aws(deal.broker),
                    balance_impacting=0, payout_amount=None, payout_currency="",
                    tax=Tax(level, jurisdiction, percent, amount),
                )
            )  # fmt: skip
        if deal.seller_tax_percent is not None:
            tax = round_to(amount * deal.seller_tax_percent / 100, deal.currency)
            rows.append(
                self._sibling(
                    sold, SELLER_TAX, tax, "seller tax", from_account_id=market.aws(deal.broker),
                    invoice_id=self._number(deal, month, "vat"), line_item_id=guid("vat line", *names),
                    transaction_reference_id=guid("vat reference", *names), invoice_variant="TAX_VAT",
                    charge_variant="", tax=Tax("", deal.country, deal.seller_tax_percent, amount),
                )
            )  # fmt: skip
        return rows

    def _sale(self, invoice: Invoice, period: tuple[date, date], amount: Decimal) -> BillingEvent:
        deal, market = invoice.deal, self.market
        names = (market.options.seed, deal.number, period[0])
        moment = at(invoice.day, 5, deal.number % 60, 17)
        reference, line = guid("reference", *names), guid("line", *names)
        return BillingEvent(
            billing_event_id=self._id(invoice.number, "sale"),
            from_account_id=market.payer(deal),
            to_account_id=market.seller,
            action="INVOICED",
            transaction_type=SALE,
            amount=amount,
            currency=deal.currency,
            balance_impacting=1,
            invoice_date=moment,
            known=at(invoice.day, 9, deal.number % 60),
            deal=deal,
            end_user_account_id=market.subscriber(deal),
            product_id=market.product(deal),
            payment_due_date=at(invoice.due, 5, deal.number % 60, 17),
            period=period,
            invoice_id=invoice.number,
            billing_address_id=market.address(deal.number, "payer" if deal.has_own_payer else ""),
            transaction_reference_id=reference,
            buyer_transaction_reference_id=reference,
            broker_id=deal.broker,
            agreement_id=market.agreement(deal),
            offer_id=market.offer(deal),
            buyer_invoice_id=invoice.number,
            buyer_invoice_date=moment,
            line_item_id=line,
            buyer_line_item_id=line,
            invoice_variant="PURCHASE",
            charge_variant="PURCHASE",
            action_date=moment,
            payout_amount=self._to_currency(amount, deal.currency, deal.payout_currency),
            payout_currency=deal.payout_currency,
        )

    def _sibling(self, row: BillingEvent, kind: str, amount: Decimal, what: str, **more: object) -> BillingEvent:
        """Another row of the same buyer line."""
        basis = {
            "billing_event_id": self._id(row.buyer_invoice_id, what),
            "transaction_type": kind,
            "amount": amount,
            "payout_amount": self._in_payout_currency(row, amount),
        }
        return replace(row, **{**basis, **more})  # type: ignore[arg-type]

    def _id(self, *names: object) -> str:
        return self.market.name("billing event", *names, length=EVENT_ID_LENGTH)

    def _in_payout_currency(self, row: BillingEvent, amount: Decimal) -> Decimal:
        return self._to_currency(amount, row.currency, row.payout_currency)

    def _to_currency(self, amount: Decimal, currency: str, payout_currency: str) -> Decimal:
        if currency == payout_currency:
            return amount
        return round_to(amount / self.yen_per_dollar, payout_currency)

    def _book(self, *events: BillingEvent) -> None:
        self.money.events.extend(events)

    def _correct(self, row: BillingEvent, day: date, error: Decimal) -> None:
        """AWS first told an amount with an error and wrote the row again on `day`: same id, later update."""
        position = self.money.events.index(row)
        first = replace(row, amount=row.amount + error, payout_amount=row.amount + error)
        self.money.events[position] = first
        self._book(replace(row, corrected=at(day, 9, 30)))

    def _forgive(self, payable: list[BillingEvent], day: date) -> None:
        for row in payable:
            self._book(self._step(row, "FORGIVEN", day, -row.amount, parent_billing_event_id=row.billing_event_id,
                                  balance_impacting=1))  # fmt: skip

    def _collect(self, invoice: Invoice, payable: list[BillingEvent], month: date) -> None:
        """The buyer pays, whole or in two parts; each part is paid out on its own."""
        told = self.market.months[-3:]
        offset = invoice.deal.pays_after[told.index(month)] if month in told else 0
        day = business_day(invoice.due + timedelta(days=offset))
        percent, wait = self.mishaps.parts.get((invoice.deal.number, month), (Decimal(100), 0))
        first = [(row, round_to(row.amount * percent / 100, row.currency)) for row in payable]
        self._take(first, day, "first")
        if wait:
            rest = [(row, row.amount - part) for row, part in first]
            self._take(rest, business_day(day + timedelta(days=wait)), "rest")

    def _take(self, parts: list[tuple[BillingEvent, Decimal]], day: date, which: str) -> None:
        if day > self.as_of:
            return
        for row, amount in parts:
            self._book(self._step(row, "COLLECTED", day, amount, which, parent_billing_event_id=row.billing_event_id))
            key = (business_day(day, PAYOUT_DAYS), row.broker_id or "AWS_INC", row.currency, row.payout_currency)
            self.due[key].append((row, amount))

    def _refund(self, invoice: Invoice, payable: list[BillingEvent], day: date, percent: Decimal) -> None:
        """A refund of part of the price with its part of the fee; netted from what AWS pays out next."""
        number = self._number(invoice.deal, day, "credit")
        parts = []
        for row in payable:
            amount = round_to(-row.amount * percent / 100, row.currency)
            refund = replace(
                self._step(row, "INVOICED", day, amount, "refund"),
                transaction_type=f"{row.transaction_type}_REFUND",
                balance_impacting=1,
                invoice_id=number,
                invoice_date=at(day, 6, 2),
                payment_due_date=at(day, 6, 2),
                line_item_id=guid("refund line", row.billing_event_id),
                tax=row.tax and replace(row.tax, base=round_to(row.tax.base * percent / 100, row.currency)),
            )
            self._book(refund)
            parts.append((refund, amount))
        self._take(parts, business_day(day + timedelta(days=1)), "refund")

    def _step(
        self, row: BillingEvent, action: str, day: date, amount: Decimal, which: str = "", **more: object
    ) -> BillingEvent:
        """A later event of an invoiced row: it repeats the row's invoice, period, references and agreement."""
        minute = row.deal.number % 60 if row.deal else 0
        step = replace(
            row,
            billing_event_id=self._id(row.billing_event_id, action, which, day),
            action=action,
            amount=amount,
            payout_amount=self._in_payout_currency(row, amount),
            balance_impacting=0,
            action_date=at(day, 14, minute),
            known=at(day, 18, minute),
        )
        return replace(step, **more)  # type: ignore[arg-type]

    def _pay_out(self) -> None:
        carried: dict[tuple[str, str, str], list[tuple[BillingEvent, Decimal]]] = defaultdict(list)
        for (day, *key), parts_of_day in sorted(self.due.items(), key=lambda item: item[0]):
            names = (key[0], key[1], key[2])
            parts = carried.pop(names, []) + parts_of_day
            if sum((amount for _, amount in parts), Decimal(0)) <= 0:
                carried[names] = parts  # a refund larger than the day's money waits for the next day's
                continue
            payout = self._disburse(day, names, parts, "")
            again = self._bounces(payout)
            if again is None:
                self.money.payouts.append(payout)
                continue
            self.money.payouts.append(replace(payout, status="bounced" if again else "lost"))
            self._bounce(payout, business_day(day, 1))
            if again:
                self.money.payouts.append(self._disburse(business_day(day, 2), names, parts, "again"))

    def _bounces(self, payout: Payout) -> bool | None:
        """Whether the payout comes back: None (no), or whether it is sent again."""
        for row in payout.settled:
            if row.deal and row.period:
                again = self.mishaps.bounced.get((row.deal.number, row.period[0]))
                if again is not None:
                    return again
        return None

    def _disburse(
        self, day: date, names: tuple[str, str, str], parts: list[tuple[BillingEvent, Decimal]], which: str
    ) -> Payout:
        broker, currency, payout_currency = names
        payout_id = self._id("disbursement", day, *names, which)
        trace = f"{draw(self.market, 'trace', payout_id):010d}{draw(self.market, 'trace 2', payout_id) % 10**5:05d}"
        reference = f"{draw(self.market, 'reference', payout_id):010d}"
        settled = []
        for row, part in parts:
            amount = -part
            key = (row.deal.number, row.period[0]) if row.deal and row.period else None
            if key in self.mishaps.cent_too_much and row.transaction_type == SALE:
                amount -= CENT
            settled.append(
                replace(
                    self._step(row, "DISBURSED", day, amount, which),
                    # A part of a row is settled by its own event.
                    billing_event_id=self._id(row.billing_event_id, "DISBURSED", payout_id),
                    parent_billing_event_id=row.billing_event_id,
                    disbursement_billing_event_id=payout_id,
                    bank_trace_id=trace,
                    reference_number=reference,
                )
            )
        moment = at(day, 16, 20)
        paid = -sum((row.amount for row in settled), Decimal(0))
        paid_out = -sum((row.payout_amount or Decimal(0) for row in settled), Decimal(0))
        event = BillingEvent(
            billing_event_id=payout_id,
            from_account_id=self.market.aws(broker),
            to_account_id=self.market.seller,
            action="DISBURSED",
            transaction_type="DISBURSEMENT",
            amount=paid,
            currency=currency,
            balance_impacting=0,
            invoice_date=moment,
            known=at(day, 19),
            action_date=moment,
            broker_id=broker,
            bank_trace_id=trace,
            reference_number=reference,
            payout_amount=paid_out,
            payout_currency=payout_currency,
        )
        self._book(event, *settled)
        return Payout(event, tuple(settled))

    def _bounce(self, payout: Payout, day: date) -> None:
        """The bank sent the payout back: a failure with the opposite sign, and every settled row reopened."""
        failure_id = self._id(payout.event.billing_event_id, "failure")
        moment = at(day, 11, 40)
        self._book(
            replace(
                payout.event,
                billing_event_id=failure_id,
                transaction_type="DISBURSEMENT_FAILURE",
                amount=-payout.event.amount,
                payout_amount=-payout.amount,
                parent_billing_event_id=payout.event.billing_event_id,
                invoice_date=moment,
                action_date=moment,
                known=at(day, 19),
            )
        )
        for row in payout.settled:
            self._book(
                replace(
                    row,
                    billing_event_id=self._id(row.billing_event_id, "reopened"),
                    disbursement_billing_event_id=failure_id,
                    amount=-row.amount,
                    payout_amount=-(row.payout_amount or Decimal(0)),
                    action_date=moment,
                    known=at(day, 19),
                )
            )
