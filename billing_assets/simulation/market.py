"""The AWS Marketplace side of the simulated seller: ids as AWS gives them, contracts, provisioning and usage.

Buyers on AWS Marketplace use the product through a gateway of their own; their requests are the traces told once
more. Account and address ids are opaque and differ per seller, as in AWS's feeds: hashes of the seed and a name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing_assets.periods import add_months
from billing_assets.simulation import plans
from billing_assets.simulation.deals import Deal, deals, due_on
from billing_assets.simulation.mixing import mix
from billing_assets.simulation.traces import TraceRequest
from billing_assets.simulation.usage import Event, events
from billing_assets.simulation.world import Account, Options, World, contract, entitlements

SELLING_ENTITY, CHANNEL, GATEWAY = "US01", "aws_marketplace", "gateway-aws"
# One request for AWS buyers to every two of the direct customers: with the sample's scale, the traces told once.
DIRECT_EVENTS_A_REQUEST = 4
DIMENSION, UNIT_AMOUNT = "usage_fee", Decimal("0.01")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ACCOUNT_ID_LENGTH, EVENT_ID_LENGTH = 42, 40
# Two account numbers start with zeros, which careless tools lose.
ZERO_LED = {2002: "00", 2017: "0"}
# The same usage billed directly too: days of the last month, and the contract that bills it.
DOUBLE_DIP, DOUBLE_DIP_DAYS = 2023, (9, 20)


def opaque(length: int, *names: object) -> str:
    """An id that tells nothing: `length` letters and digits that depend only on `names`."""
    number = int.from_bytes(hashlib.sha512("/".join(map(str, names)).encode()).digest(), "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits)


def lower(length: int, *names: object) -> str:
    """The same with lower-case letters and digits, as agreements, offers and products are named."""
    return opaque(length * 2, *names).lower()[:length]


def guid(*names: object) -> str:
    text = hashlib.sha256("/".join(map(str, names)).encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


@dataclass(frozen=True)
class Market:
    """The seller's agreements and the names everything has there. `deals` is empty where no stories are told."""

    options: Options
    deals: list[Deal]
    accounts: list[Account]  # the buyers of the deals, in their order, as the platform knows them

    @property
    def months(self) -> list[date]:
        return [add_months(self.options.first_day, n) for n in range(self.options.months)]

    @property
    def told(self) -> tuple[date, date, date]:
        """The last three whole months: in the stories disbursed, collected, invoiced."""
        return self.months[-3], self.months[-2], self.months[-1]

    @property
    def direct_copies(self) -> list[Account]:
        """Direct contracts that bill what a marketplace agreement bills."""
        return [account for account in self.accounts if account.story == "double_dip"]

    def deal(self, number: int) -> Deal:
        return next(deal for deal in self.deals if deal.number == number)

    def account(self, deal: Deal) -> Account:
        return next(account for account in self.accounts if account.number == deal.number)

    def name(self, kind: str, *names: object, length: int = ACCOUNT_ID_LENGTH) -> str:
        return opaque(length, self.options.seed, kind, *names)

    @property
    def seller(self) -> str:
        """The account that receives the feeds."""
        return self.name("account", "seller")

    def aws(self, broker: str) -> str:
        return self.name("account", broker)

    def subscriber(self, deal: Deal) -> str:
        return self.name("account", deal.number)

    def payer(self, deal: Deal) -> str:
        return self.name("account", deal.number, "payer") if deal.has_own_payer else self.subscriber(deal)

    def partner(self, deal: Deal) -> str:
        """The other seller of a deal through the channel: the reseller, or the supplier of what we resell."""
        return self.name("account", deal.number, "partner")

    def address(self, *names: object) -> str:
        return self.name("address", *names)

    def agreement(self, deal: Deal) -> str:
        return f"agmt-{lower(25, self.options.seed, 'agreement', deal.number)}"

    def preceding_agreement(self, deal: Deal) -> str:
        return f"agmt-{lower(25, self.options.seed, 'agreement', deal.number, 'before')}"

    def offer(self, deal: Deal) -> str:
        key = deal.number if deal.is_private else f"public {self.product(deal)}"
        return f"offer-{lower(13, self.options.seed, 'offer', key)}"

    def preceding_offer(self, deal: Deal) -> str:
        return f"offer-{lower(13, self.options.seed, 'offer', deal.number, 'before')}"

    def product_key(self, deal: Deal) -> str:
        if deal.offer == "reselling":
            return "supplied"
        return "usage" if deal.prices else "platform"

    def product(self, deal: Deal) -> str:
        return f"prod-{lower(13, self.options.seed, 'product', self.product_key(deal))}"

    def product_code(self, key: str) -> str:
        return lower(25, self.options.seed, "product code", key)

    def account_number(self, *names: object) -> str:
        """A 12-digit AWS account number."""
        digits = int(hashlib.sha256(f"{self.options.seed}/number/{names}".encode()).hexdigest(), 16) % 10**12
        text = f"{digits:012d}"
        zeros = ZERO_LED.get(names[0], "") if len(names) == 1 and isinstance(names[0], int) else ""
        return (zeros or str(1 + digits % 9)) + text[max(len(zeros), 1) :].replace("0", "7", 1)

    def customer_number(self, deal: Deal) -> str:
        return self.account_number(deal.number)


def build_market(options: Options, *, with_stories: bool) -> Market:
    """The marketplace of a world; without deals where the world tells no stories."""
    market = Market(options, deals() if with_stories else [], [])
    for deal in market.deals:
        market.accounts.append(_account(market, deal))
        if deal.number == DOUBLE_DIP:
            market.accounts.append(_direct_copy(market, deal))
    return market


def _account(market: Market, deal: Deal) -> Account:
    options = market.options
    account = Account(
        number=deal.number,
        name=deal.company,
        country=deal.country,
        selling_entity=SELLING_ENTITY,
        currency=deal.currency,
        zone="UTC",  # AWS bills by UTC
        weight=deal.weight,
        organizations=[f"org-{deal.number}"],
        starts_on=options.first_day,
        ends_on=add_months(options.first_day, 12),
    )
    document = contract(account, _terms(market, deal), {"po_number": None, "payment_terms_days": deal.terms_days})
    document["channel"] = CHANNEL
    document["account"]["external_ids"]["aws"] = market.customer_number(deal)
    document["marketplace"] = {
        "agreement_id": market.agreement(deal),
        "offer_id": market.offer(deal),
        "product_id": market.product(deal),
        "product_code": market.product_code(market.product_key(deal)),
        "license_arn": f"arn:aws:license-manager::294406891311:license:l-{lower(32, options.seed, 'l', deal.number)}",
        "customer_account_id": market.customer_number(deal),
    }
    if deal.prices:
        document["marketplace"]["metering"] = {
            "dimension": DIMENSION,
            "unit_amount": str(UNIT_AMOUNT),
            "decimals": 0,
        }
    account.contracts = [document]
    account.entitlements = entitlements(options, account)
    return account


def _terms(market: Market, deal: Deal) -> plans.Terms:
    if deal.prices:
        return {"charges": plans.tokens("USD", *deal.prices)}
    charges = []
    for n, part in enumerate(deal.instalments, start=1):
        amount = part.amount if deal.contract_amount is None else deal.contract_amount
        charges.append(
            {
                "charge_id": f"instalment-{n:02d}",
                "product": "platform",
                "description": f"platform: instalment {n} of {len(deal.instalments)}",
                "type": "one_time",
                "timing": "advance",
                "due_on": due_on(market.options.first_day, part).isoformat(),
                "quantity": "1",
                "price": {"model": "unit", "unit_price": format(amount, "f")},
            }
        )
    return {"charges": charges}


def _direct_copy(market: Market, deal: Deal) -> Account:
    """The same customer with a direct contract for the last month, which bills usage that AWS bills too."""
    last = market.told[2]
    account = replace(
        market.accounts[-1],
        story="double_dip",
        weight=0,
        starts_on=last,
        ends_on=add_months(last, 12),
        contracts=[],
        entitlements=[],
    )
    document = contract(account, {"charges": plans.tokens("USD", *(deal.prices or ("0", "0")))}, {})
    document["contract_id"] = direct_contract_id(deal)
    document["external_ids"] = {"salesforce_contract": f"800SIM{deal.number:09d}D"}
    document["account"]["external_ids"]["aws"] = market.customer_number(deal)
    document["source_document"]["uri"] = f"contracts-archive/{direct_contract_id(deal)}.pdf"
    account.contracts = [document]
    account.entitlements = entitlements(market.options, account)
    return account


def direct_contract_id(deal: Deal) -> str:
    return f"{deal.contract_id}-D"


def market_events(market: Market, trace: list[TraceRequest]) -> list[Event]:
    """The usage of the buyers, delivered on its day (AWS takes no usage older than a day), a few rows sent twice."""
    if not market.deals:
        return []
    options = market.options
    requests = replace(options, scale=options.scale // DIRECT_EVENTS_A_REQUEST * 2, seed=options.seed + 1)
    buyers = [account for account in market.accounts if account.weight]
    result: list[Event] = []
    for event in events(World(requests, buyers, [], []), trace):
        event.event_id = "m" + event.event_id[1:]
        event.gateway = GATEWAY
        if event.again:
            event.again = event.day + timedelta(days=1) if event.day < options.last_day else None
        event.delivered = event.day
        if event.subject == f"org-{DOUBLE_DIP}" and event.day >= market.told[2]:
            # Two contracts charge its meters by then.
            event.properties = {**event.properties, "contract_id": f"C-{DOUBLE_DIP}"}
        result.append(event)
    return result


def _is_copied(market: Market, day: date) -> bool:
    last = market.told[2]
    return (day.year, day.month) == (last.year, last.month) and day.day in range(*DOUBLE_DIP_DAYS)


def direct_copies(market: Market, sent: Iterable[Event]) -> list[Event]:
    """Events of the double-dipping customer once more, sent by the direct gateway for its direct contract."""
    return [
        replace(
            event,
            gateway="gateway-us",
            properties={**event.properties, "contract_id": f"C-{DOUBLE_DIP}-D"},
            delivered=event.day + timedelta(days=1),
            again=None,
            extra=True,
        )
        for event in sent
        if event.gateway == GATEWAY and event.subject == f"org-{DOUBLE_DIP}" and _is_copied(market, event.day)
    ]


def draw(market: Market, *names: Any) -> int:
    """A number below 2**32 that depends only on the seed and `names`."""
    return mix(int(hashlib.sha256("/".join(map(str, names)).encode()).hexdigest()[:8], 16), market.options.seed)
