"""The 13 seller data feeds as AWS writes them: a CSV a feed and month, rows appended in the month they were written.

Timestamps are UTC, most as ISO with T and Z, some with a blank; blanks are nulls; a month without rows is a header.
`feed_versions` gives the files of any night: what AWS had written by the end of that day.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from billing_assets.periods import add_months
from billing_assets.simulation.billing_events import SELLER_TAX, BillingEvent, Money, at, round_to
from billing_assets.simulation.deals import Deal, due_on
from billing_assets.simulation.market import DIMENSION, UNIT_AMOUNT, Market, guid, opaque
from billing_assets.simulation.metered import Metering

Row = dict[str, str]

HISTORY = ("valid_from", "insert_date", "update_date", "delete_date")
COLUMNS: dict[str, tuple[str, ...]] = {
    "accountfeed": (
        "account_id", "aws_account_id", "encrypted_account_id", "mailing_address_id", "tax_address_id",
        "tax_registration_number", "tax_legal_name", "catalog", *HISTORY,
    ),
    "addressfeed": (
        "address_id", "aws_account_id", "email_domain", "company_name", "country_code", "state_or_region", "city",
        "postal_code", "address_line_1", "address_line_2", "address_line_3", *HISTORY, "valid_to",
    ),
    "agreementfeed": (
        "agreement_id", "license_ids", "proposer_account_id", "acceptor_account_id", "offer_id",
        "offer_revision_at_acceptance", "offer_set_id", "start_time", "end_time", "acceptance_time", "intent",
        "preceding_agreement_id", "status", "status_reason_code", "estimated_agreement_value", "currency_code",
        "recipient_account_id", "catalog", *HISTORY,
    ),
    "agreementtermfeed": ("agreement_id", "term_id", "term_type", "term_configuration", *HISTORY),
    "agreementchargefeed": ("agreement_id", "term_id", "time", "currency_code", "amount", *HISTORY),
    "billingeventfeed": (
        "billing_event_id", "from_account_id", "to_account_id", "end_user_account_id", "product_id", "action",
        "transaction_type", "parent_billing_event_id", "disbursement_billing_event_id", "amount", "currency",
        "balance_impacting", "invoice_date", "payment_due_date", "usage_period_start_date", "usage_period_end_date",
        "invoice_id", "billing_address_id", "transaction_reference_id", "buyer_transaction_reference_id",
        "bank_trace_id", "broker_id", "agreement_id", "offer_id", "buyer_invoice_id", "buyer_invoice_date",
        "line_item_id", "buyer_line_item_id", "invoice_variant", "charge_variant", "charge_side", "action_date",
        "disbursement_amount", "disbursement_currency", "disbursement_reference_number", "recipient_account_id",
        "catalog", *HISTORY,
    ),
    "dailyusagefeed": (
        "usage_feed_id", "usage_date", "product_id", "agreement_id", "end_user_account_id", "payer_account_id",
        "region", "dimension_key", "usage_unit", "usage_quantity", "pricing_currency",
        "estimated_revenue_in_pricing_currency", "usage_rate_per_unit_in_pricing_currency", "offer_id",
        "charge_item_description", "recipient_account_id", "catalog", *HISTORY,
    ),
    "legacyidmappingfeed": ("mapping_type", "legacy_id", "new_id", "catalog", *HISTORY),
    "offerfeed": (
        "offer_id", "offer_revision", "name", "expiration_date", "opportunity_id", "opportunity_name",
        "opportunity_description", "seller_account_id", "recipient_account_id", "catalog", *HISTORY,
    ),
    "offerproductfeed": ("offer_id", "offer_revision", "product_id", "catalog", *HISTORY),
    "offertargetfeed": (
        "offer_target_id", "offer_id", "offer_revision", "target_type", "polarity", "value", "catalog", *HISTORY,
    ),
    "productfeed": ("product_id", "manufacturer_account_id", "product_code", "title", "catalog", *HISTORY),
    "taxitemfeed": (
        "tax_item_id", "invoice_id", "line_item_id", "customer_bill_id", "tax_liable_party", "transaction_type_code",
        "product_id", "product_tax_code", "invoice_date", "taxed_customer_account_id", "taxed_customer_country",
        "taxed_customer_state_or_region", "taxed_customer_city", "taxed_customer_postal_code",
        "tax_location_code_taxed_jurisdiction", "tax_type_code", "jurisdiction_level", "taxed_jurisdiction",
        "display_price_taxability_type", "taxable_amount", "nontaxable_amount", "tax_jurisdiction_rate", "tax_amount",
        "tax_currency", "tax_calculation_reason_code", "date_used_for_tax_calculation",
        "customer_exemption_certificate_id", "customer_exemption_certificate_id_domain",
        "customer_exemption_certificate_level", "customer_exemption_code", "customer_exemption_domain",
        "transaction_reference_id", *HISTORY,
    ),
}  # fmt: skip
CATALOG = "AWSMarketplace"
# AWS adds columns without notice: this one comes with the usage files of the last whole month.
NEW_USAGE_COLUMN = "metering_source"
OPEN_ENDED = "9999-01-01T00:00:00Z"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Written:
    """One row of a feed and when AWS wrote it: the day decides its file and the nights that have it."""

    feed: str
    row: Row
    when: datetime


@dataclass(frozen=True)
class FeedFaults:
    """What is odd about the feeds themselves, by deal number (see `market_faults`)."""

    no_agreement: frozenset[int] = frozenset()  # its rows in the agreement feed never come
    usage_without_agreement: frozenset[tuple[int, date]] = frozenset()  # (deal, month): agreement id blank
    lost_zeros: frozenset[int] = frozenset()  # account number without its leading zeros in one row


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def spaced(moment: datetime, digits: int = 6) -> str:
    """The other spelling, with `digits` decimals of a second: all zeros, as AWS keeps whole seconds."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") + ("." + "0" * digits if digits else "")


def history(valid_from: datetime, insert: datetime, update: datetime | None = None) -> Row:
    return {
        "valid_from": iso(valid_from),
        "insert_date": iso(insert),
        "update_date": iso(update or insert),
        "delete_date": "",
    }


class FeedWriter:
    """Collects every row that AWS has written up to the business date."""

    def __init__(self, market: Market, faults: FeedFaults) -> None:
        self.market, self.faults = market, faults
        self.rows: list[Written] = []
        # The seller set the feeds up in the month before the world: what exists by then is written at once.
        self.set_up = at(add_months(market.options.first_day, -1).replace(day=9), 0, 12)
        # Offers, accounts and agreements were agreed shortly after.
        self.agreed = self.set_up + timedelta(days=8, hours=15)

    def add(self, feed: str, when: datetime, **row: str) -> None:
        if when.date() <= self.market.options.as_of:
            self.rows.append(Written(feed, row, when))

    def write(self, money: Money, meterings: dict[int, Metering]) -> list[Written]:
        """All rows of all feeds, in the order AWS wrote them."""
        self._products()
        self._parties()
        for deal in self.market.deals:
            self._buyer(deal)
            self._offer(deal)
            if deal.number not in self.faults.no_agreement:
                self._agreement(deal)
        for number, metering in meterings.items():
            self._usage(self.market.deal(number), metering)
        for event in money.events:
            self._event(event)
        self._taxes(money.events)
        return sorted(self.rows, key=lambda written: written.when)

    def _products(self) -> None:
        titles = {"usage": "Atlas Inference", "platform": "Atlas Platform", "supplied": "Tidemark Vector Store"}
        used = {self.market.product_key(deal): deal for deal in self.market.deals}
        for key, deal in used.items():
            maker = self.market.partner(deal) if key == "supplied" else self.market.seller
            self.add("productfeed", self.set_up, product_id=self.market.product(deal), manufacturer_account_id=maker,
                     product_code=self.market.product_code(key), title=titles[key], catalog=CATALOG,
                     **history(self.set_up - timedelta(days=400), self.set_up))  # fmt: skip
            if key == "usage":
                self.add("legacyidmappingfeed", self.set_up, mapping_type="PRODUCT",
                         legacy_id=guid(self.market.options.seed, "legacy", key), new_id=self.market.product(deal),
                         catalog=CATALOG,
                         **history(self.set_up - timedelta(days=400), self.set_up))  # fmt: skip

    def _parties(self) -> None:
        """The seller itself and AWS's operating companies, which stand on one side of many events."""
        names = {"seller": ("Atlas Inference Inc", "US"), "AWS_INC": ("AWS Marketplace", "US")}
        for deal in self.market.deals:
            names.setdefault(deal.broker, (f"AWS Marketplace {deal.country}", deal.country))
        for key, (company, country) in names.items():
            self._account(key, company, country, self.set_up, city="Seattle" if country == "US" else "")

    def _buyer(self, deal: Deal) -> None:
        place = {"region": deal.region, "city": deal.city, "postal_code": deal.postal_code}
        self._account(deal.number, deal.company, deal.country, self.agreed, **place)
        if deal.has_own_payer:
            self._account(deal.number, f"{deal.company} Group", deal.country, self.agreed, "payer", **place)
        if deal.offer == "resold":
            self._account(deal.number, "Brindle Channel Partners Inc", "US", self.agreed, "partner", city="Denver")
        if deal.offer == "reselling":
            self._account(deal.number, "Tidemark Software Inc", "US", self.agreed, "partner", city="Madison")

    def _account(
        self, key: str | int, company: str, country: str, when: datetime, which: str = "", *,
        region: str = "", city: str = "", postal_code: str = "",
    ) -> None:  # fmt: skip
        names = (key, which) if which else (key,)
        account_id = self.market.name("account", *names)
        number = self.market.account_number(*names)
        is_foreign = country != "US"
        tax_number = f"{country}{self._digits(account_id, 9)}" if is_foreign else ""
        row = {
            "account_id": account_id,
            "aws_account_id": number,
            "encrypted_account_id": opaque(12, account_id),
            "mailing_address_id": self.market.address(key, which),
            "tax_address_id": self.market.address(key, which) if is_foreign else "",
            "tax_registration_number": tax_number,
            "tax_legal_name": company if is_foreign else "",
            "catalog": CATALOG,
        }
        # Accounts are older than the agreements they make.
        self.add("accountfeed", when, **row, **history(when - timedelta(days=30), when))
        if key in self.faults.lost_zeros and not which:
            later = when + timedelta(days=40)
            row["aws_account_id"] = number.lstrip("0")
            self.add("accountfeed", later, **row, **history(later, later))
        domain = "".join(c for c in company.split(" ")[0].lower() if c.isalnum()) + ".example"
        self.add("addressfeed", when, address_id=self.market.address(key, which), aws_account_id=number,
                 email_domain=domain, company_name=company, country_code=country, state_or_region=region, city=city,
                 postal_code=postal_code, address_line_1="", address_line_2="", address_line_3="",
                 **history(when - timedelta(days=30), when), valid_to="")  # fmt: skip

    def _digits(self, text: str, length: int) -> str:
        return "".join(str(ord(letter) % 10) for letter in text)[:length]

    def _offer(self, deal: Deal) -> None:
        market = self.market
        ids = [(market.offer(deal), deal.is_private)]
        if deal.is_renewal:
            ids.append((market.preceding_offer(deal), True))
        for offer_id, is_private in ids:
            if any(w.feed == "offerfeed" and w.row["offer_id"] == offer_id for w in self.rows):
                continue  # the public offer, which many accept
            is_past = offer_id != market.offer(deal)
            when = self.set_up if is_past or not is_private else self.agreed - timedelta(days=2)
            valid = when - timedelta(days=400 if is_past else 330 if not is_private else 0)
            through_channel = deal.offer in ("resold", "reselling") and not is_past
            self.add(
                "offerfeed", when, offer_id=offer_id, offer_revision="1",
                name=f"Private offer for {deal.company}" if is_private else "",
                expiration_date=OPEN_ENDED if not is_private else iso(self.agreed + timedelta(days=30)),
                opportunity_id=f"resaleauthz-{opaque(13, offer_id).lower()}" if through_channel else "",
                opportunity_name=f"Resale to {deal.company}" if through_channel else "",
                opportunity_description="",
                seller_account_id=market.partner(deal) if deal.offer == "resold" and not is_past else market.seller,
                recipient_account_id=market.seller, catalog=CATALOG, **history(valid, when),
            )  # fmt: skip
            self.add("offerproductfeed", when, offer_id=offer_id, offer_revision="1",
                     product_id=market.product(deal), catalog=CATALOG, **history(valid, when))  # fmt: skip
            if is_private:
                self.add("offertargetfeed", when, offer_target_id=opaque(24, "target", offer_id), offer_id=offer_id,
                         offer_revision="1", target_type="BuyerAccounts", polarity="PositiveTargeting",
                         value=market.customer_number(deal), catalog=CATALOG, **history(valid, when))  # fmt: skip

    def _agreement(self, deal: Deal) -> None:
        market, first = self.market, self.market.options.first_day
        starts, ends = at(first, 0), at(add_months(first, 12), 0) - timedelta(seconds=1)
        base = {
            "agreement_id": market.agreement(deal),
            "license_ids": f"[{guid(market.options.seed, 'license', deal.number)}]",
            "proposer_account_id": market.partner(deal) if deal.offer == "resold" else market.seller,
            "acceptor_account_id": market.subscriber(deal),
            "offer_id": market.offer(deal),
            "offer_revision_at_acceptance": "1",
            "offer_set_id": "",
            "start_time": iso(starts),
            # Pay as you go has no end.
            "end_time": "" if deal.offer == "public" else iso(ends),
            "acceptance_time": iso(self.agreed),
            "intent": "RENEW" if deal.is_renewal else "NEW",
            "preceding_agreement_id": market.preceding_agreement(deal) if deal.is_renewal else "",
            "status": "ACTIVE",
            "status_reason_code": "",
            "estimated_agreement_value": format(deal.value, "f"),
            "currency_code": deal.currency,
            "recipient_account_id": market.seller,
            "catalog": CATALOG,
        }
        self.add("agreementfeed", self.agreed, **base, **history(self.agreed, self.agreed))
        if deal.is_renewal:
            year_before = at(add_months(first, -12), 0)
            before = {
                **base,
                "agreement_id": market.preceding_agreement(deal),
                "offer_id": market.preceding_offer(deal),
                "start_time": iso(year_before),
                "end_time": iso(starts - timedelta(seconds=1)),
                "acceptance_time": iso(year_before - timedelta(days=10)),
                "intent": "NEW",
                "preceding_agreement_id": "",
            }
            self.add("agreementfeed", self.set_up, **before, **history(year_before, self.set_up))
            self.add("agreementfeed", starts + 9 * MINUTE, **{**before, "status": "RENEWED"},
                     **history(starts, starts + 9 * MINUTE))  # fmt: skip
        self._terms(deal)

    def _terms(self, deal: Deal) -> None:
        market = self.market
        usage_card = {
            "currencyCode": deal.currency,
            "rateCards": [{"rateCard": [{"dimensionKey": DIMENSION, "price": str(UNIT_AMOUNT)}]}],
        }
        kinds: list[tuple[str, object]] = [("LegalTerm", None), ("SupportTerm", None)]
        if deal.prices:
            kinds.append(("UsageBasedPricingTerm", usage_card))
        else:
            months = {"selectorValue": "P12M", "dimensions": [{"dimensionKey": "platform", "dimensionValue": 1}]}
            kinds += [("ConfigurableUpfrontPricingTerm", months), ("PaymentScheduleTerm", None)]
        if deal.is_renewal:
            kinds.append(("RenewalTerm", {"enableAutoRenew": True}))
        for kind, configuration in kinds:
            term_id = self._term_id(deal, kind)
            text = json.dumps(configuration, separators=(",", ":")) if configuration else ""
            self.add("agreementtermfeed", self.agreed, agreement_id=market.agreement(deal), term_id=term_id,
                     term_type=kind, term_configuration=text, **history(self.agreed, self.agreed))  # fmt: skip
        for part in deal.instalments:
            due = at(due_on(market.options.first_day, part), 0)
            self.add("agreementchargefeed", self.agreed, agreement_id=market.agreement(deal),
                     term_id=self._term_id(deal, "PaymentScheduleTerm"), time=iso(due), currency_code=deal.currency,
                     amount=money(part.amount, deal.currency), **history(self.agreed, self.agreed))  # fmt: skip

    def _term_id(self, deal: Deal, kind: str) -> str:
        return f"term-{guid(self.market.options.seed, deal.number, kind).replace('-', '') * 2}"

    def _usage(self, deal: Deal, metering: Metering) -> None:
        """A row a day, told the night after; corrected days are told again."""
        market = self.market
        agreement = market.agreement(deal)
        if deal.number in SPELT_OTHERWISE:
            agreement = agreement.replace("agmt-", "agmnt-", 1)
        for day, taken in metering.reported.items():
            if not taken:
                continue
            units = taken // 2 if day in metering.doubled else taken
            told = at(day + timedelta(days=1), 1, deal.number % 60)
            is_nameless = (deal.number, day.replace(day=1)) in self.faults.usage_without_agreement
            region = "eu-central-1" if deal.broker == "AWS_EUROPE" else "us-east-1"
            key = f"EUC1_{DIMENSION}" if deal.broker == "AWS_EUROPE" else DIMENSION
            row = {
                "usage_feed_id": market.name("usage", deal.number, day, length=40),
                "usage_date": day.isoformat(),
                "product_id": market.product(deal),
                "agreement_id": "" if is_nameless else agreement,
                "end_user_account_id": market.subscriber(deal),
                "payer_account_id": market.payer(deal),
                "region": region,
                "dimension_key": key,
                "usage_unit": "Units",
                "pricing_currency": "USD",
                "usage_rate_per_unit_in_pricing_currency": f"{UNIT_AMOUNT:.6f}",
                "offer_id": market.offer(deal),
                "charge_item_description": f"{market.offer(deal)}|{region}|{key}",
                "recipient_account_id": market.seller,
                "catalog": CATALOG,
            }
            if told.date() >= market.told[2]:
                row[NEW_USAGE_COLUMN] = "BatchMeterUsage"
            stamps = {**history(at(day, 0), told), "valid_from": spaced(at(day, 0))}
            if day in metering.doubled:
                # Metered by product code and by licence: AWS tells of both.
                again = {**row, "usage_feed_id": market.name("usage", deal.number, day, "again", length=40)}
                self.add("dailyusagefeed", told, **again, **used(units), **stamps)
            if (deal.number, day) in self._corrected_usage():
                self.add("dailyusagefeed", told, **row, **used(units - CORRECTED_UNITS), **stamps)
                told = at(day + timedelta(days=6), 2, 5)
                stamps["update_date"] = iso(told)
            self.add("dailyusagefeed", told, **row, **used(units), **stamps)

    def _corrected_usage(self) -> set[tuple[int, date]]:
        """Daily usage that AWS first told too low, and wrote again days later."""
        return {(CORRECTED_DEAL, self.market.told[1].replace(day=19))}

    def _event(self, event: BillingEvent) -> None:
        first, last = event.period or (None, None)
        # Two spellings of time, as AWS's newer columns have them.
        digits = 6 if event.action == "INVOICED" else 1
        row = {
            "billing_event_id": event.billing_event_id,
            "from_account_id": event.from_account_id,
            "to_account_id": event.to_account_id,
            "end_user_account_id": event.end_user_account_id,
            "product_id": event.product_id,
            "action": event.action,
            "transaction_type": event.transaction_type,
            "parent_billing_event_id": event.parent_billing_event_id,
            "disbursement_billing_event_id": event.disbursement_billing_event_id,
            "amount": money(event.amount, event.currency),
            "currency": event.currency,
            "balance_impacting": str(event.balance_impacting),
            "invoice_date": iso(event.invoice_date),
            "payment_due_date": iso(event.payment_due_date) if event.payment_due_date else "",
            "usage_period_start_date": iso(at(first, 0)) if first else "",
            "usage_period_end_date": iso(at(last, 23, 59, 59)) if last else "",
            "invoice_id": event.invoice_id,
            "billing_address_id": event.billing_address_id,
            "transaction_reference_id": event.transaction_reference_id,
            "buyer_transaction_reference_id": event.buyer_transaction_reference_id,
            "bank_trace_id": event.bank_trace_id,
            "broker_id": event.broker_id,
            "agreement_id": event.agreement_id,
            "offer_id": event.offer_id,
            "buyer_invoice_id": event.buyer_invoice_id,
            "buyer_invoice_date": spaced(event.buyer_invoice_date, digits) if event.buyer_invoice_date else "",
            "line_item_id": event.line_item_id,
            "buyer_line_item_id": event.buyer_line_item_id,
            "invoice_variant": event.invoice_variant,
            "charge_variant": event.charge_variant,
            "charge_side": event.charge_side,
            "action_date": spaced(event.action_date, digits) if event.action_date else "",
            "disbursement_amount": (
                "" if event.payout_amount is None else money(event.payout_amount, event.payout_currency)
            ),
            "disbursement_currency": event.payout_currency,
            "disbursement_reference_number": event.reference_number,
            "recipient_account_id": self.market.seller,
            "catalog": CATALOG,
        }
        valid = event.action_date or event.invoice_date
        self.add("billingeventfeed", event.written, **row, **history(valid, event.known, event.written))

    def _taxes(self, events: Iterable[BillingEvent]) -> None:
        """A tax item for every tax row that was invoiced."""
        for event in events:
            deal, tax = event.deal, event.tax
            if event.action != "INVOICED" or tax is None or deal is None:
                continue
            self.add(
                "taxitemfeed", event.written, tax_item_id=f"{opaque(40, 'tax', event.billing_event_id)}_0001",
                invoice_id=event.invoice_id, line_item_id=event.line_item_id,
                customer_bill_id=opaque(12, event.invoice_id).lower(),
                tax_liable_party="Seller" if event.transaction_type.startswith(SELLER_TAX) else "AWS",
                transaction_type_code="REFUND" if event.transaction_type.endswith("_REFUND") else "AWS",
                product_id=event.product_id, product_tax_code="AWSMP_SOFTWARE_RA",
                invoice_date=iso(event.invoice_date), taxed_customer_account_id=event.from_account_id,
                taxed_customer_country=deal.country, taxed_customer_state_or_region=deal.region,
                taxed_customer_city=deal.city, taxed_customer_postal_code=deal.postal_code,
                tax_location_code_taxed_jurisdiction="", tax_type_code="Sales" if deal.country == "US" else "None",
                jurisdiction_level=tax.level, taxed_jurisdiction=tax.jurisdiction,
                display_price_taxability_type="Exclusive", taxable_amount=money(tax.base, event.currency),
                nontaxable_amount=money(Decimal(0), event.currency),
                tax_jurisdiction_rate=format((tax.percent / 100).normalize(), "f"),
                tax_amount=money(abs(event.amount), event.currency), tax_currency=event.currency,
                tax_calculation_reason_code="Taxable", date_used_for_tax_calculation=iso(event.invoice_date),
                customer_exemption_certificate_id="", customer_exemption_certificate_id_domain="",
                customer_exemption_certificate_level="", customer_exemption_code="", customer_exemption_domain="",
                transaction_reference_id=event.transaction_reference_id,
                **history(event.invoice_date, event.written),
            )  # fmt: skip


# The daily usage of these deals spells agreement ids `agmnt-`, as AWS's page on that feed does.
SPELT_OTHERWISE = frozenset({2003})
# One day of this deal is told too low by so many units at first.
CORRECTED_DEAL, CORRECTED_UNITS = 2001, 5


def used(units: int) -> Row:
    """Quantity and estimated revenue of a day."""
    return {
        "usage_quantity": f"{units}.00",
        "estimated_revenue_in_pricing_currency": format(units * UNIT_AMOUNT, ".2f"),
    }


def money(amount: Decimal, currency: str) -> str:
    """An amount as AWS writes it: whole yen, else cents."""
    return format(round_to(amount, currency), "f")


def feed_months(market: Market) -> list[date]:
    """Months that have files: from the one in which the feeds were set up to the business date's."""
    month, months = add_months(market.options.first_day, -1), []
    while month <= market.options.as_of:
        months.append(month)
        month = add_months(month, 1)
    return months


def feed_versions(market: Market, rows: Iterable[Written], day: date) -> dict[str, str]:
    """Path (below the landing zone) -> content of every feed file as it stood at the end of `day`.

    A file grows from night to night; a month file appears, as a header, on the first day of its month.
    """
    by_file: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for written in rows:
        if written.when.date() <= day:
            by_file[written.feed, written.when.date().replace(day=1)].append(written.row)
    files = {}
    for feed, columns in COLUMNS.items():
        for month in feed_months(market):
            if month > day:
                continue
            header = list(columns)
            if feed == "dailyusagefeed" and market.deals and month >= market.told[2]:
                header.append(NEW_USAGE_COLUMN)
            path = f"aws_marketplace/{feed}_v1/year={month:%Y}/month={month:%m}/data.csv"
            files[path] = csv_text(header, by_file[feed, month])
    return files


def csv_text(header: list[str], rows: list[Row]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def write_feeds(landing: Path, market: Market, rows: Iterable[Written], day: date) -> int:
    """Write the files of the night after `day`; returns their number."""
    files = feed_versions(market, rows, day)
    for path, text in files.items():
        target = landing / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return len(files)
