"""The simulated seller: accounts, their contracts, what is provisioned, exchange rates. No usage, no files.

Every name is made up. Accounts 1 to 31 are ordinary; the stories that follow them carry what goes wrong (and two
changes of price, one of them a rise) and are told only when there are months enough to tell them.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing_assets.periods import add_months, month_of
from billing_assets.simulation import plans
from billing_assets.simulation.mixing import mix

Terms = dict[str, Any]
Plan = Callable[[str], Terms]
Row = dict[str, str]

# Each selling entity has a gateway of its own, so that a producer's gap closes one entity's scope.
GATEWAYS = {"US01": "gateway-us", "EU01": "gateway-eu"}
REGIONS = {"US01": ("us-east", "us-west"), "EU01": ("eu-central", "eu-north")}
# The stories take nine accounts and look back two months, and row faults must stay below the quarantine share of the
# largest accounts: told only beside a dozen ordinary accounts, with this many events a month.
STORY_ACCOUNTS, STORY_MONTHS, STORY_EVENTS_A_MONTH = 21, 3, 25_000
COMPANIES = (
    "Larkfield Analytics Inc", "Northquay Robotics Inc", "Brightmoor Health Inc", "Tallgrass Media Inc",
    "Copperline Logistics Inc", "Saltmarsh Games Inc", "Fernhollow Legal Ltd", "Ironwood Retail Inc",
    "Bluecairn Insurance Inc", "Redharbor Energy Inc", "Quillstone Publishing Inc", "Kirihara Systems KK",
    "Minatozawa Foods KK", "Asanuma Optics KK", "Sandalvana Software Pvt Ltd", "Oakhelm Finance Inc",
    "Pebblebrook Storage Inc", "Windmere Education Inc", "Millrace Telecom Inc", "Hohenried Maschinenbau GmbH",
    "Valcombe Conseil SAS", "Steinbruck Daten GmbH", "Zuiderhof Handel BV", "Glenarrow Research Ltd",
    "Lindenau Druck GmbH", "Costaluz Turismo SL", "Erlengrund Werke GmbH", "Tannhof Verlag GmbH",
    "Karstein Bau GmbH", "Malabrook Exports Pvt Ltd", "Fjallvik Shipping AB", "Rushbridge Tools Inc",
    "Amberlea Foods Inc", "Moorstett Optik GmbH", "Stonewick Travel Inc", "Greyfinch Motors Inc",
    "Hollowell Paper Inc", "Bellecroix Parfums SAS", "Wiesental Pharma GmbH", "Dunmarra Textiles Ltd",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What a world depends on. `scale` counts usage events (two per request); `as_of` is the business date."""

    seed: int = 7
    months: int = 3
    accounts: int = 40
    scale: int = 112_740  # the whole trace twice
    as_of: date = date(2026, 4, 3)

    @property
    def first_day(self) -> date:
        """First of the first month told: `months` whole months before the month of `as_of`."""
        return add_months(self.as_of.replace(day=1), -self.months)

    @property
    def last_day(self) -> date:
        """The last day whose usage has been delivered: gateways deliver a day's file the day after."""
        return self.as_of - timedelta(days=1)


@dataclass
class Account:
    """One customer, its contract versions and the share of the usage it makes (`weight`)."""

    number: int
    name: str
    country: str
    selling_entity: str
    currency: str
    zone: str
    weight: int
    organizations: list[str]
    starts_on: date
    ends_on: date | None = None
    contracts: list[Terms] = field(default_factory=list)
    entitlements: list[Row] = field(default_factory=list)
    story: str | None = None

    @property
    def account_id(self) -> str:
        return f"A-{self.number}"

    @property
    def contract_id(self) -> str:
        return f"C-{self.number}"

    def active_on(self, day: date) -> bool:
        """Whether the whole UTC day lies inside the contract (its days are local to its zone)."""
        opens = local_midnight(self.starts_on, self.zone)
        begins = datetime.combine(day, time(), UTC)
        if begins < opens:
            return False
        closes = local_midnight(self.ends_on, self.zone) if self.ends_on else None
        return closes is None or begins + timedelta(days=1) <= closes


@dataclass(frozen=True)
class World:
    """Everything about the seller that is not usage."""

    options: Options
    accounts: list[Account]
    strangers: list[Account]  # they use the gateways and have no contract; their window is that of their usage
    fx: list[Row]

    @property
    def months(self) -> list[date]:
        return [add_months(self.options.first_day, n) for n in range(self.options.months)]

    @property
    def has_stories(self) -> bool:
        return any(account.story for account in self.accounts)

    def told(self, story: str) -> Account:
        """The account of a story."""
        return next(a for a in [*self.accounts, *self.strangers] if a.story == story)

    def largest(self, selling_entity: str) -> Account:
        """The entity's account with the most usage: one bad row in it stays under the quarantine share."""
        mine = [a for a in self.accounts if a.selling_entity == selling_entity and a.weight > 0]
        return max(mine, key=lambda account: (account.weight, -account.number))


def local_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def seat_ramp(first: date, *steps: tuple[date, int]) -> list[Terms]:
    return [{"from": day.isoformat(), "quantity": str(seats)} for day, seats in steps if day >= first]


@dataclass(frozen=True)
class _Kind:
    """One row of the table of customers."""

    plan: Plan
    selling_entity: str
    country: str
    currency: str
    zone: str
    weight: int
    billing: Terms = field(default_factory=dict)
    starts: tuple[int, int] = (0, 1)  # month of the world (from 0), day
    story: str | None = None


def _ordinary(first: date) -> list[_Kind]:
    def day(month: int, of: int = 1) -> date:
        return add_months(first, month).replace(day=of)

    ramp = seat_ramp(first, (first, 12), (day(1), 15), (day(2, 16), 20))
    promo_from, promo_to = f"{first.isoformat()}T00:00:00Z", f"{day(6).isoformat()}T00:00:00Z"

    def advance(currency: str) -> Terms:
        return plans.seats_in_advance(currency, ramp)

    def arrears(currency: str) -> Terms:
        return plans.seats_in_arrears(currency, seat_ramp(first, (first, 8), (day(1, 11), 10)))

    def promotional(currency: str) -> Terms:
        return plans.promotional(currency, promo_from, promo_to)

    total = {"rounding": {"mode": "half_up", "stage": "total", "places": None}}
    on_15th = {"anchor_date": day(0, 15).isoformat()}
    quarterly = {"frequency": "quarterly"}
    us, eu = "US01", "EU01"
    return [
        _Kind(plans.pay_as_you_go, us, "US", "USD", "UTC", 44),
        _Kind(plans.graduated, us, "US", "USD", "America/New_York", 8),
        _Kind(plans.volume, us, "US", "USD", "UTC", 9),
        _Kind(plans.package, us, "US", "USD", "America/New_York", 7),
        _Kind(plans.platform_fee, us, "US", "USD", "America/Los_Angeles", 8),
        _Kind(advance, us, "US", "USD", "UTC", 6),
        _Kind(arrears, us, "CA", "USD", "America/Toronto", 5),
        _Kind(plans.minimum_spend, us, "US", "USD", "UTC", 5),
        _Kind(lambda c: plans.prepaid(c, "600"), us, "US", "USD", "UTC", 10),
        _Kind(promotional, us, "US", "USD", "America/New_York", 5),
        _Kind(plans.by_model, us, "US", "USD", "UTC", 7),
        _Kind(plans.by_region, us, "JP", "JPY", "Asia/Tokyo", 6),
        _Kind(plans.graduated, us, "JP", "JPY", "Asia/Tokyo", 6),
        _Kind(plans.with_tax(plans.platform_fee, "JP-CT-10", "10"), us, "JP", "JPY", "Asia/Tokyo", 5),
        _Kind(plans.pay_as_you_go, us, "IN", "USD", "Asia/Kolkata", 6),
        _Kind(plans.discounted, us, "US", "USD", "UTC", 6, total),
        _Kind(plans.stored, us, "US", "USD", "UTC", 4),
        _Kind(plans.onboarding, us, "US", "USD", "UTC", 4, {"anchor_date": day(1).isoformat()}, (0, 20)),
        _Kind(plans.volume, us, "US", "USD", "UTC", 5, on_15th, (0, 15)),
        _Kind(plans.with_tax(plans.by_region, "DE-VAT-19", "19"), eu, "DE", "EUR", "Europe/Berlin", 36),
        _Kind(plans.graduated, eu, "FR", "EUR", "Europe/Paris", 8),
        _Kind(plans.with_tax(plans.volume, "DE-VAT-19", "19"), eu, "DE", "EUR", "Europe/Berlin", 7),
        _Kind(plans.package, eu, "NL", "EUR", "Europe/Amsterdam", 6, {"anchor_date": day(1).isoformat()}, (0, 20)),
        _Kind(plans.platform_fee, eu, "IE", "EUR", "Europe/Dublin", 6),
        _Kind(advance, eu, "DE", "EUR", "Europe/Berlin", 5),
        _Kind(lambda c: plans.minimum_spend(c, "150"), eu, "ES", "EUR", "Europe/Madrid", 6),
        _Kind(lambda c: plans.prepaid(c, "800"), eu, "DE", "EUR", "Europe/Berlin", 9),
        _Kind(promotional, eu, "DE", "EUR", "Europe/Berlin", 5),
        _Kind(plans.by_model_charge, eu, "AT", "EUR", "Europe/Vienna", 7),
        _Kind(plans.graduated_with_tier_fees, eu, "IN", "USD", "Asia/Kolkata", 5),
        _Kind(plans.pay_as_you_go, eu, "SE", "EUR", "Europe/Stockholm", 4, quarterly),
    ]


def _stories(months: int) -> list[_Kind]:
    """Customers with something amiss, in the last months but the last. See `faults` for what each means."""
    middle, last = months - 2, months - 1

    def licence(dollars: str) -> Plan:
        return lambda c: {"charges": [plans.recurring("studio-licence", "studio", "arrears", plans.flat(c, dollars))]}

    us, eu, ny = "US01", "EU01", "America/New_York"
    return [
        _Kind(plans.pay_as_you_go, us, "US", "USD", ny, 7, story="unapproved_price_cut"),
        _Kind(plans.pay_as_you_go, us, "US", "USD", "UTC", 6, story="claimed_price_cut"),
        _Kind(plans.pay_as_you_go, eu, "DE", "EUR", "Europe/Berlin", 6, story="price_rise"),
        _Kind(plans.pay_as_you_go, us, "US", "USD", "UTC", 6, story="usage_after_deprovisioning"),
        _Kind(plans.pay_as_you_go, us, "US", "USD", "UTC", 5, story="many_bad_rows"),
        _Kind(licence("1200"), us, "US", "USD", "UTC", 0, starts=(last, 1), story="duplicate_contract"),
        _Kind(plans.pay_as_you_go, eu, "FR", "EUR", "UTC", 5, starts=(middle, 1), story="version_gap"),
        _Kind(licence("640"), eu, "DE", "EUR", "UTC", 0, starts=(middle, 1), story="account_currency"),
        _Kind(licence("900"), eu, "IE", "EUR", "UTC", 0, story="billed_after_deprovisioning"),
    ]


def build(options: Options, *, with_stories: bool = True) -> World:
    """The seller of these options; without its stories where accounts, months or events are too few for them."""
    ordinary = _ordinary(options.first_day)
    stories: list[_Kind] = []
    is_large_enough = (
        options.accounts >= STORY_ACCOUNTS
        and options.months >= STORY_MONTHS
        and options.scale >= STORY_EVENTS_A_MONTH * options.months
    )
    if with_stories and is_large_enough:
        stories = _stories(options.months)
    count = options.accounts - len(stories)
    kinds = [ordinary[n % len(ordinary)] for n in _picked(count, len(ordinary))] + stories
    accounts = [_account(options, n, kind) for n, kind in enumerate(kinds)]
    return World(options, accounts, _strangers(options) if stories else [], _rates(options))


def _strangers(options: Options) -> list[Account]:
    """Organizations whose usage nobody is billed for: one that nobody knows, one provisioned without a contract."""
    middle = add_months(options.first_day, options.months - 2)
    last = add_months(options.first_day, options.months - 1)

    def stranger(number: int, entity: str, opens: date, closes: date, story: str) -> Account:
        return Account(number, "", "", entity, "", "UTC", 3, [f"org-{number}"], opens, ends_on=closes, story=story)

    unknown = stranger(7781, "EU01", middle.replace(day=10), middle.replace(day=15), "unknown_organization")
    tenant = stranger(7790, "US01", last, add_months(last, 1), "usage_without_contract")
    row = {"organization_id": "org-7790", "account_id": "A-7790", "contract_id": "", "product": "inference"}
    validity = {"status": "provisioned", "quantity": "", "valid_from": last.isoformat(), "valid_to": ""}
    tenant.entitlements = [{**row, **validity}]
    return [unknown, tenant]


def _picked(count: int, of: int) -> list[int]:
    """Rows of the table for `count` accounts: all in turn, or spread over the table when there are fewer."""
    return [n * of // count for n in range(count)] if count < of else list(range(count))


def _account(options: Options, position: int, kind: _Kind) -> Account:
    number = 1001 + position
    name, lap = COMPANIES[position % len(COMPANIES)], position // len(COMPANIES)
    if lap:
        name = f"{name} ({lap + 1})"
    month, day = kind.starts
    account = Account(
        number=number,
        name=name,
        country=kind.country,
        selling_entity=kind.selling_entity,
        currency=kind.currency,
        zone=kind.zone,
        weight=kind.weight,
        # Every third account has two organizations, so that one contract gathers several ids.
        organizations=[f"org-{number}-prod", f"org-{number}-dev"] if number % 3 == 0 else [f"org-{number}"],
        starts_on=add_months(options.first_day, month).replace(day=day),
        story=kind.story,
    )
    account.ends_on = add_months(account.starts_on.replace(day=1), 12)
    account.contracts = _versions(options, account, contract(account, kind.plan(kind.currency), kind.billing))
    account.entitlements = entitlements(options, account)
    return account


def contract(account: Account, terms: Terms, billing: Terms) -> Terms:
    """Version 1 of the account's contract document."""
    signed = account.starts_on - timedelta(days=14)
    return {
        "contract_id": account.contract_id,
        "version": 1,
        "effective_from": account.starts_on.isoformat(),
        "signed_at": f"{signed.isoformat()}T16:00:00Z",
        "external_ids": {"salesforce_contract": f"800SIM{account.number:09d}"},
        "account": {
            "account_id": account.account_id,
            "name": account.name,
            "country": account.country,
            "currency": account.currency,
            "tax_id": None,
            "bill_to": None,
            "organizations": account.organizations,
            "external_ids": {"salesforce": f"001SIM{account.number:09d}"},
        },
        "channel": "direct",
        "selling_entity": account.selling_entity,
        "currency": account.currency,
        "timezone": account.zone,
        "starts_on": account.starts_on.isoformat(),
        "ends_on": account.ends_on.isoformat() if account.ends_on else None,
        "billing": {
            "frequency": "monthly",
            "every": 1,
            "anchor_date": account.starts_on.isoformat(),
            "payment_terms_days": 30,
            "po_number": f"PO-{account.number}",
            "rounding": {"mode": "half_up", "stage": "line", "places": None},
            "tax_rounding": "line",
            "proration": "day",
            "trial_days": 0,
            **billing,
        },
        "charges": terms["charges"],
        "commitments": terms.get("commitments", []),
        "credit_grants": terms.get("credit_grants", []),
        "discounts": terms.get("discounts", []),
        "taxes": terms.get("taxes", []),
        "source_document": {
            "uri": f"contracts-archive/{account.contract_id}.pdf",
            "sha256": hashlib.sha256(account.contract_id.encode()).hexdigest(),
        },
        "approvals": [],
    }


def amended(first: Terms, version: int, effective_from: date, prices: dict[str, str]) -> Terms:
    """A later version of `first` with other unit prices, signed a week before it takes effect."""
    later = copy.deepcopy(first)
    later["version"] = version
    later["effective_from"] = effective_from.isoformat()
    later["signed_at"] = f"{(effective_from - timedelta(days=7)).isoformat()}T16:00:00Z"
    for charge in later["charges"]:
        if charge["charge_id"] in prices:
            charge["price"]["unit_price"] = prices[charge["charge_id"]]
    return later


def _versions(options: Options, account: Account, first: Terms) -> list[Terms]:
    """All contract documents of the account: one, unless its story amends or repeats it."""
    middle = add_months(options.first_day, options.months - 2)
    last = add_months(options.first_day, options.months - 1)
    if account.story in ("unapproved_price_cut", "claimed_price_cut"):
        second = amended(first, 2, last.replace(day=11), {"tokens-input": "270"})
        if account.story == "claimed_price_cut":
            second["approvals"] = [
                {
                    "what": "price_override",
                    "charge_id": "tokens-input",
                    "version": 2,
                    "by": "pricing committee",
                    "at": second["signed_at"],
                    "reason": "volume outlook for the year",
                }
            ]
        return [first, second]
    if account.story == "price_rise":
        return [first, amended(first, 2, last.replace(day=11), {"tokens-output": "1300"})]
    if account.story == "version_gap":
        return [first, amended(first, 3, middle.replace(day=16), {"tokens-output": "1300"})]
    if account.story == "account_currency":
        first["account"]["currency"] = "USD"
    if account.story == "duplicate_contract":
        again = copy.deepcopy(first)
        again["contract_id"] = f"{account.contract_id}-R"
        again["external_ids"] = {"salesforce_contract": f"800SIM{account.number:09d}R"}
        return [first, again]
    return [first]


def entitlements(options: Options, account: Account) -> list[Row]:
    """What is provisioned: every product of the contract for every organization, from the contract's start."""
    middle = add_months(options.first_day, options.months - 2)
    last = add_months(options.first_day, options.months - 1)
    rows: list[Row] = []
    for document in {doc["contract_id"]: doc for doc in account.contracts}.values():
        products = {charge["product"]: charge for charge in document["charges"]}
        for organization in account.organizations:
            for product, charge in products.items():
                rows.extend(_stretches(account, document["contract_id"], organization, product, charge))
    changes = {"usage_after_deprovisioning": last, "billed_after_deprovisioning": middle}
    if account.story in changes:
        rows = [part for row in rows for part in _changed(row, changes[account.story], "deprovisioned", until=None)]
    # A customer that paused its seats for five days: an ordinary event that a control must not report.
    if account.number == 1007 and options.months >= STORY_MONTHS:
        rows = [
            part
            for row in rows
            for part in (
                _changed(row, middle.replace(day=16), "suspended", middle.replace(day=21))
                if row["product"] == "studio"
                else [row]
            )
            if part["valid_from"] != part["valid_to"]
        ]
    return rows


def _stretches(account: Account, contract_id: str, organization: str, product: str, charge: Terms) -> list[Row]:
    """One row per seat count of the ramp; one row for anything else."""
    row = {
        "organization_id": organization,
        "account_id": account.account_id,
        "contract_id": contract_id,
        "product": product,
        "status": "provisioned",
        "quantity": "",
        "valid_from": account.starts_on.isoformat(),
        "valid_to": "",
    }
    steps = charge.get("quantity") if charge["type"] == "recurring" else None
    if not isinstance(steps, list):
        return [row]
    ends = [*[step["from"] for step in steps[1:]], ""]
    return [
        {**row, "quantity": step["quantity"], "valid_from": step["from"], "valid_to": end}
        for step, end in zip(steps, ends, strict=True)
    ]


def _changed(row: Row, day: date, status: str, until: date | None) -> list[Row]:
    """`row` cut at `day`, from when (`until` a day, or for good) another status holds."""
    start, end = day.isoformat(), until.isoformat() if until else row["valid_to"]
    if row["valid_from"] > start or (row["valid_to"] and row["valid_to"] <= start):
        return [row]
    parts = [{**row, "valid_to": start}, {**row, "status": status, "valid_from": start, "valid_to": end}]
    if until:
        parts.append({**row, "valid_from": end})
    return parts


def _rates(options: Options) -> list[Row]:
    """Invented exchange rates: every weekday's spot, and the average of each month told, around a slow drift."""
    start = {("EUR", "USD"): 108_400, ("USD", "JPY"): 15_120_000, ("EUR", "JPY"): 16_390_000}  # in 1/100000
    rows: list[Row] = []
    spots: dict[tuple[str, str, str], list[Decimal]] = {}
    for pair_number, ((base, quote), opening) in enumerate(start.items()):
        day, rate = options.first_day, opening
        while day <= options.as_of:
            if day.weekday() < 5:
                # A step of at most 0.2 % a day either way keeps the rates plausible.
                rate += rate * (mix(day.toordinal(), options.seed + 1000 + pair_number) % 401 - 200) // 100_000
                value = Decimal(rate) / 100_000
                rows.append(_rate(day, base, quote, value, "spot"))
                spots.setdefault((base, quote, month_of(day)), []).append(value)
            day += timedelta(days=1)
    for (base, quote, month), values in spots.items():
        last = add_months(date.fromisoformat(f"{month}-01"), 1) - timedelta(days=1)
        if last <= options.as_of:
            average = (sum(values, Decimal(0)) / len(values)).quantize(Decimal("0.00001"))
            rows.append(_rate(last, base, quote, average, "monthly_average"))
    return sorted(
        rows, key=lambda row: (row["rate_date"], row["rate_type"], row["base_currency"], row["quote_currency"])
    )


def _rate(day: date, base: str, quote: str, value: Decimal, rate_type: str) -> Row:
    return {
        "rate_date": day.isoformat(),
        "base_currency": base,
        "quote_currency": quote,
        "rate": format(value, "f"),
        "rate_type": rate_type,
        "source": "simulated",
    }
