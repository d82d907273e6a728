"""Months of a seller's feeds with everything that goes wrong in them, drawn from a seed.

Every invoiced line lives on by its own rules: paid in full, late, in part or never, refunded, forgiven, settled by a
payout that fails and is sent again. What the feeds say is all that is kept; nothing here computes a total.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from tests.marketplace.feeds import Feeds, Row

SELLER, AWS = "seller-account", "aws-account"
# A settled share of each component keeps six places, as the feed does.
SIX_PLACES = Decimal("0.000001")
ENTITIES = {"AWS_INC": "USD", "AWS_EUROPE": "EUR", "AWS_JAPAN": "JPY"}
# Payout currency where it is not the pricing currency, with the rate.
PAID_ABROAD = {"EUR": ("USD", Decimal("1.0825"))}


@dataclass
class Component:
    """One invoiced row as its settlements repeat it."""

    row: Row
    amount: Decimal
    collected: bool = True  # False: tax that AWS remits


@dataclass
class Simulation:
    agreements: int
    months: int
    seed: int = 1
    start: date = date(2024, 1, 1)
    feeds: Feeds = field(default_factory=Feeds)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a simulation, not a secret
        self.counter = 0
        self.last_payout = ""
        # (entity, currency, month) -> what is paid out then
        self.due: dict[tuple[str, str, date], list[Row]] = defaultdict(list)

    def run(self) -> Feeds:
        for number in range(self.agreements):
            self._agreement(number)
        for entity, currency, month in sorted(self.due):
            self._pay_out(entity, currency, month)
        self._oddities()
        self._correct()
        return self.feeds

    # -- one agreement ---------------------------------------------------------------------------------------

    def _agreement(self, number: int) -> None:
        entity = list(ENTITIES)[number % 3]
        agreement, offer, product = f"agmt-{number:05}", f"offer-{number:05}", f"prod-{number % 7}"
        if number % 13 != 12:  # else: an agreement that is missing in the feed
            seen = stamp(self.start - timedelta(days=20))
            common = {
                "agreement_id": agreement, "proposer_account_id": SELLER, "acceptor_account_id": f"buyer-{number}",
                "status": "ACTIVE", "intent": "NEW", "currency_code": ENTITIES[entity],
                "recipient_account_id": SELLER, "start_time": seen,
            }  # fmt: skip
            self.feeds.add("agreementfeed", seen=seen, offer_id=offer, **common)
            if number % 6 == 5:  # a later version with another offer
                later = stamp(month_after(self.start, self.months // 2) + timedelta(days=1))
                self.feeds.add("agreementfeed", seen=later, offer_id=f"{offer}-2", **common)
        for month in range(self.months):
            self._line(number, entity, agreement if number % 17 != 16 else "", offer, product, month)

    def _line(self, number: int, entity: str, agreement: str, offer: str, product: str, month: int) -> None:
        service_from = month_after(self.start, month)
        service_to = month_after(self.start, month + 1)
        invoiced = service_to + timedelta(days=1)
        chance = self.random.random
        gross = self._amount(ENTITIES[entity])
        broker = entity if not (entity == "AWS_INC" and number % 4 == 1) else ""
        self.counter += 1
        buyer_invoice, buyer_line = f"{700000000 + self.counter}", f"line-{self.counter}"
        common = {
            "product_id": product, "end_user_account_id": f"user-{number}", "agreement_id": agreement,
            "offer_id": offer, "broker_id": broker, "currency": ENTITIES[entity], "recipient_account_id": SELLER,
            "invoice_date": stamp(invoiced), "payment_due_date": stamp(invoiced + timedelta(days=30)),
            "usage_period_start_date": stamp(service_from),
            "usage_period_end_date": stamp(service_to - timedelta(days=1), time(23, 59, 59)),
            "buyer_invoice_id": buyer_invoice, "buyer_line_item_id": buyer_line,
            "buyer_invoice_date": stamp(invoiced), "transaction_reference_id": f"ref-{self.counter}",
            "buyer_transaction_reference_id": f"ref-{self.counter}", "catalog": "AWSMarketplace",
            "disbursement_currency": PAID_ABROAD.get(ENTITIES[entity], (ENTITIES[entity], 1))[0],
        }  # fmt: skip
        purchase = {"invoice_id": buyer_invoice, "line_item_id": buyer_line, "invoice_variant": "PURCHASE"}
        fee_invoice = (
            purchase | {"charge_variant": "LISTING_FEE"}
            if entity == "AWS_INC"
            else {"invoice_id": f"{entity[4:7]}INGB-{self.counter}", "line_item_id": f"fee-{self.counter}",
                  "invoice_variant": "LISTING_FEE", "transaction_reference_id": f"fee-ref-{self.counter}"}
        )  # fmt: skip
        buyer, fee = f"payer-{number}", (-gross * Decimal("0.03")).quantize(SIX_PLACES)
        parts: list[Component] = []

        def invoice(kind: str, amount: Decimal, flag: str, values: Row, collected: bool = True) -> None:
            row = self._event(invoiced, common | values | {
                "action": "INVOICED", "transaction_type": kind, "amount": text(amount), "balance_impacting": flag
            })  # fmt: skip
            parts.append(Component(row, amount, collected))

        people = {"from_account_id": buyer, "to_account_id": SELLER}
        if number % 10 == 7:  # the manufacturer's view of a reseller's sale
            resale = {"invoice_id": f"R{buyer_invoice}", "line_item_id": f"r-{buyer_line}", "invoice_variant": "RESALE",
                      "charge_variant": "RESALE", "charge_side": "SELLING"}  # fmt: skip
            invoice("SELLER_REV_SHARE", gross, "1", people | resale)
            invoice("SELLER_TAX_SHARE", gross * Decimal("0.05"), "1", people | resale)
        else:
            invoice("SELLER_REV_SHARE", gross, "1", people | purchase)
        if number % 10 == 3:  # a reseller: what he owes the manufacturer
            wholesale = {"from_account_id": SELLER, "to_account_id": "maker", "invoice_id": f"W{buyer_invoice}",
                         "line_item_id": f"w-{buyer_line}", "invoice_variant": "RESALE", "charge_variant": "RESALE",
                         "charge_side": "BUYING"}  # fmt: skip
            invoice("SELLER_REV_SHARE", -gross * Decimal("0.8"), "1", wholesale)
        invoice("AWS_REV_SHARE", fee, "1", {"from_account_id": SELLER, "to_account_id": AWS} | fee_invoice)
        if entity == "AWS_INC":
            tax = (gross * Decimal("0.0825")).quantize(SIX_PLACES)
            no_payout = {"disbursement_currency": ""} if chance() < 0.5 else {}
            invoice("AWS_TAX_SHARE", tax, "0", people | purchase | no_payout, chance() < 0.05)
        else:
            invoice("AWS_TAX_SHARE", (fee * Decimal("0.2")).quantize(SIX_PLACES), "1",
                    {"from_account_id": SELLER, "to_account_id": AWS} | fee_invoice)  # fmt: skip
        if entity == "AWS_EUROPE" and chance() < 0.3:
            vat = {"from_account_id": AWS, "to_account_id": SELLER, "invoice_id": f"VAT-{self.counter}",
                   "line_item_id": f"vat-{self.counter}", "invoice_variant": "TAX_VAT"}  # fmt: skip
            invoice("SELLER_TAX_SHARE", gross * Decimal("0.19"), "1", vat)
        if chance() < 0.03:
            invoice("OTHER_SELLER_TAX_SHARE", -gross * Decimal("0.01"), "1", people | purchase)
        if chance() < 0.03:
            invoice("AWS_INFRA_SHARE", -gross * Decimal("0.02"), "1", {"from_account_id": SELLER} | purchase)
        if chance() < 0.02:
            invoice("NEW_KIND_OF_SHARE", -gross * Decimal("0.001"), "1", people | purchase)
        self._refund(parts, invoiced)
        self._settle(parts, entity, invoiced)

    def _refund(self, parts: list[Component], invoiced: date) -> None:
        chance = self.random.random()
        if chance >= 0.12:
            return
        share = Decimal(1) if chance < 0.04 else Decimal("0.25")
        kind = "CREDIT" if chance < 0.01 else "REFUND"
        day = invoiced + timedelta(days=self.random.choice([0, 3, 20, 75]))
        moved = {} if chance < 0.08 else {"usage_period_start_date": "", "usage_period_end_date": ""}
        for part in list(parts[:2] if parts[1].row["transaction_type"] == "AWS_REV_SHARE" else parts[:1]):
            amount = -(part.amount * share).quantize(SIX_PLACES)
            row = self._event(day, part.row | moved | {
                "transaction_type": f"{part.row['transaction_type']}_{kind}", "amount": text(amount),
                "invoice_date": stamp(day), "invoice_id": f"CM{self.random.choice('079')}{self.counter}",
            })  # fmt: skip
            parts.append(Component(row, amount))

    # -- cash ------------------------------------------------------------------------------------------------

    def _settle(self, parts: list[Component], entity: str, invoiced: date) -> None:
        chance = self.random.random()
        due = invoiced + timedelta(days=30)
        if chance < 0.03:  # bad debt
            for part in parts:
                self._event(due + timedelta(days=90), part.row | {
                    "action": "FORGIVEN", "amount": text(-part.amount), "parent_billing_event_id":
                    part.row["billing_event_id"], "action_date": spaced(due + timedelta(days=90)),
                })  # fmt: skip
            return
        if chance < 0.08:  # never paid
            return
        shares = [Decimal(1)]
        if chance < 0.2:
            shares = [Decimal("0.6"), Decimal("0.4")] if chance < 0.15 else [Decimal("0.6")]
        left = {id(part): part.amount for part in parts}
        for number, share in enumerate(shares):
            paid_on = due + timedelta(days=self.random.randint(-10, 25) + 40 * number)
            last = share == 1 or (number == len(shares) - 1 and number > 0)
            for part in parts:
                amount = left[id(part)] if last else (part.amount * share).quantize(SIX_PLACES)
                left[id(part)] -= amount
                is_aws_tax = part.row["transaction_type"].startswith("AWS_TAX") and part.row["balance_impacting"] == "0"
                settlement = part.row | {
                    "action_date": spaced(paid_on), "balance_impacting": "0",
                    "parent_billing_event_id": part.row["billing_event_id"],
                }  # fmt: skip
                if chance > 0.985:
                    settlement["invoice_date"] = ""
                if not is_aws_tax or part.collected:
                    self._event(paid_on, settlement | {"action": "COLLECTED", "amount": text(amount)})
                if not is_aws_tax:
                    month = month_after(paid_on.replace(day=1), 1)
                    broker = part.row["broker_id"] or "AWS_INC"
                    self.due[broker, part.row["currency"], month].append(
                        settlement | {"action": "DISBURSED", "amount": text(-amount), "action_date": ""}
                    )

    def _pay_out(self, entity: str, currency: str, month: date) -> None:
        rows = self.due[entity, currency, month]
        paid_on = month + timedelta(days=self.random.randint(6, 9))
        self._payout(entity, currency, rows, paid_on, fails=self.random.random() < 0.15)

    def _payout(self, entity: str, currency: str, rows: list[Row], paid_on: date, *, fails: bool) -> None:
        payout = self._next("D")
        total = sum((-Decimal(row["amount"]) for row in rows), Decimal(0))
        abroad, rate = PAID_ABROAD.get(currency, (currency, Decimal(1)))
        cent = self.random.choice([0, 0, 0, 0, 1, -1])
        common = {
            "from_account_id": AWS, "to_account_id": SELLER, "action": "DISBURSED", "currency": currency,
            "balance_impacting": "0", "broker_id": entity, "recipient_account_id": SELLER,
            "disbursement_currency": abroad, "catalog": "AWSMarketplace",
        }  # fmt: skip
        amount = total + Decimal(cent) / 100
        trace = self.random.choice([f"trace-{payout}", f"trace-{payout}", "testTraceId", ""])
        head = common | {"disbursement_amount": text((amount * rate).quantize(SIX_PLACES))}
        if self.random.random() > 0.02:  # else: a payout that never shows in the feed
            self._event(paid_on, head | {
                "transaction_type": "DISBURSEMENT", "amount": text(amount), "invoice_date": stamp(paid_on),
                "bank_trace_id": trace, "disbursement_reference_number": f"ref-{payout}",
            }, payout)  # fmt: skip
        for row in rows:
            self._event(paid_on, row | {
                "disbursement_billing_event_id": payout,
                "disbursement_amount": text((Decimal(row["amount"]) * rate).quantize(SIX_PLACES)),
                "disbursement_currency": abroad,
            })  # fmt: skip
        if not fails:
            self.last_payout = payout
            return
        failure, failed_on = self._next("F"), paid_on + timedelta(days=3)
        self._event(failed_on, common | {
            "transaction_type": "DISBURSEMENT_FAILURE", "amount": text(-amount), "invoice_date": stamp(failed_on),
            "disbursement_amount": text(-(amount * rate).quantize(SIX_PLACES)),
            # one entity points at the last payout that succeeded
            "parent_billing_event_id": payout if entity != "AWS_EUROPE" else self.last_payout,
        }, failure)  # fmt: skip
        if entity == "AWS_EUROPE" or self.random.random() < 0.7:
            for row in rows:
                self._event(failed_on, row | {
                    "disbursement_billing_event_id": failure, "amount": text(-Decimal(row["amount"])),
                    "disbursement_amount": text(-(Decimal(row["amount"]) * rate).quantize(SIX_PLACES)),
                    "disbursement_currency": abroad,
                })  # fmt: skip
        if self.random.random() < 0.7:
            self._payout(entity, currency, rows, failed_on + timedelta(days=5), fails=False)

    # -- what belongs to no agreement or has no plain line ------------------------------------------------------

    def _oddities(self) -> None:
        for number in range(self.months):
            day = month_after(self.start, number) + timedelta(days=14)
            adjustment = {
                "from_account_id": AWS, "to_account_id": SELLER, "action": "INVOICED", "currency": "USD",
                "transaction_type": "BALANCE_ADJUSTMENT", "balance_impacting": "1", "broker_id": "AWS_INC",
                "recipient_account_id": SELLER, "invoice_date": stamp(day, time(5, 17)), "disbursement_currency": "USD",
            }  # fmt: skip
            amount = self._amount("USD") / 10 * (1 if number % 2 else -1)
            self._event(day, adjustment | {"amount": text(amount)})
            if number % 3 == 0:
                self.due["AWS_INC", "USD", day.replace(day=1)] = [
                    adjustment | {"action": "DISBURSED", "amount": text(-amount), "balance_impacting": "0"}
                ]
                self._pay_out("AWS_INC", "USD", day.replace(day=1))
            # an invoice of the seller alone, with no buyer's invoice behind it
            variant = "LISTING_FEE" if number % 2 else "PURCHASE"
            self._event(day, {
                "from_account_id": SELLER, "to_account_id": AWS, "action": "INVOICED", "currency": "USD",
                "transaction_type": "AWS_REV_SHARE", "amount": text(-self._amount("USD") / 100),
                "balance_impacting": "1", "recipient_account_id": SELLER, "invoice_date": stamp(day),
                "invoice_id": f"SO-{number}", "line_item_id": f"so-{number}", "invoice_variant": variant,
            })  # fmt: skip
            # a line whose fee AWS booked in another currency
            line = {
                "from_account_id": "payer-x", "to_account_id": SELLER, "action": "INVOICED", "balance_impacting": "1",
                "recipient_account_id": SELLER, "invoice_date": stamp(day), "invoice_id": f"MC-{number}",
                "buyer_invoice_id": f"MC-{number}", "buyer_line_item_id": "1", "line_item_id": "1",
                "invoice_variant": "PURCHASE", "agreement_id": "agmt-00000",
            }  # fmt: skip
            self._event(day, line | {"transaction_type": "SELLER_REV_SHARE", "amount": "250", "currency": "USD"})
            self._event(day, line | {"transaction_type": "AWS_REV_SHARE", "amount": "-6.9", "currency": "EUR",
                                     "broker_id": "AWS_INC"})  # fmt: skip
            # one line, half of it with a blank broker
            split = line | {"invoice_id": f"BB-{number}", "buyer_invoice_id": f"BB-{number}", "currency": "USD"}
            self._event(day, split | {"transaction_type": "SELLER_REV_SHARE", "amount": "99.99"})
            self._event(day, split | {"transaction_type": "AWS_REV_SHARE", "amount": "-3", "broker_id": "AWS_INC"})

    def _correct(self) -> None:
        """Some events came wrong first, or twice, or are taken back later."""
        for row in list(self.feeds.rows["billingeventfeed"]):
            chance = self.random.random()
            later = stamp(date.fromisoformat(row["update_date"][:10]) + timedelta(days=40))
            if chance < 0.02:
                right = dict(row)
                row["amount"] = text(Decimal(row["amount"]) * 2)
                self.feeds.rows["billingeventfeed"].append(right | {"update_date": later})
            elif chance < 0.025:
                self.feeds.rows["billingeventfeed"].append(dict(row))
            elif chance < 0.03:
                self.feeds.rows["billingeventfeed"].append(row | {"update_date": later, "delete_date": later})

    def _event(self, day: date, values: Row, event_id: str = "") -> Row:
        history = {"valid_from", "insert_date", "update_date", "delete_date"}
        said = {name: value for name, value in values.items() if name not in history}
        return self.feeds.event(
            seen=stamp(day, time(6)), **said | {"billing_event_id": event_id or self._next("E")}
        )  # fmt: skip

    def _next(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter:08}"

    def _amount(self, currency: str) -> Decimal:
        cents = self.random.randint(1000, 900000)
        return Decimal(cents) if currency == "JPY" else Decimal(cents) / 100


def text(amount: Decimal) -> str:
    return f"{amount:f}"


def stamp(day: date, at: time = time(0)) -> str:
    return datetime.combine(day, at).isoformat() + "Z"


def spaced(day: date) -> str:
    """The spelling some columns use."""
    return f"{day.isoformat()} 07:30:00.0"


def month_after(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
