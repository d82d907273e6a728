"""What the simulated seller sells on AWS Marketplace: buyers, offers, prices, schedules, and how each buyer pays.

One row per agreement. Every name, price and number is made up; AWS account numbers come from the seed. Deals 2001 to
2011 are in order but for one listing fee; the later ones carry what `market_faults` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_assets.periods import add_months

# Shares of a sale that AWS keeps, in percent of the price before tax, by what was agreed (since January 2024).
PUBLIC_FEE, PRIVATE_FEE, MILLION_FEE, RENEWAL_FEE, RESALE_FEE = (Decimal(x) for x in ("3", "3", "2", "1.5", "3.5"))
# What the channel partner's supplier keeps of the buyer's price when we are the partner.
WHOLESALE_PERCENT = Decimal(80)
PRICE_IN, PRICE_OUT = "300", "1200"  # the public offer, dollars per million tokens


@dataclass(frozen=True)
class Instalment:
    """One charge of a payment schedule: `month` of the world (from 0) and day, in the deal's currency."""

    month: int
    day: int
    amount: Decimal


@dataclass(frozen=True)
class Deal:
    """One agreement with its buyer. A deal has usage prices or instalments, never both."""

    number: int
    company: str
    country: str
    region: str  # state, as addresses give it
    city: str
    postal_code: str
    broker: str = "AWS_INC"
    offer: str = "public"  # public | private | resold (a partner sells our product) | reselling (we sell another's)
    fee_percent: Decimal = PUBLIC_FEE
    prices: tuple[str, str] | None = (PRICE_IN, PRICE_OUT)
    instalments: tuple[Instalment, ...] = ()
    currency: str = "USD"
    payout_currency: str = "USD"
    weight: int = 5
    terms_days: int = 30
    # Days after the due date that the buyer pays, for the first, middle and last of the last three months.
    pays_after: tuple[int, int, int] = (0, 0, 0)
    is_renewal: bool = False
    has_own_payer: bool = False  # another account of the buyer's group pays
    fee_tax_percent: Decimal | None = None  # a listing-fee invoice of its own, with tax, where AWS invoices it apart
    buyer_tax: tuple[tuple[str, str, Decimal], ...] = ()  # (level, jurisdiction, percent) that AWS collects and remits
    seller_tax_percent: Decimal | None = None  # tax that AWS pays to the seller on an invoice of its own
    contract_amount: Decimal | None = None  # what our contract says per instalment, where the agreement differs

    @property
    def account_id(self) -> str:
        return f"A-{self.number}"

    @property
    def contract_id(self) -> str:
        return f"C-{self.number}"

    @property
    def is_private(self) -> bool:
        return self.offer != "public"

    @property
    def value(self) -> Decimal:
        """The agreement's estimated value in its currency; usage has none."""
        return sum((part.amount for part in self.instalments), Decimal(0))


def every(months: int, day: int, amount: str, count: int) -> tuple[Instalment, ...]:
    """`count` equal instalments, `months` apart, from the world's first month."""
    return tuple(Instalment(months * n, day, Decimal(amount)) for n in range(count))


def due_on(first_day: date, part: Instalment) -> date:
    return add_months(first_day, part.month).replace(day=part.day)


# Washington's and Texas' rates are invented figures of a plausible size: no tax advice.
SALES_TAX_WA = (("State", "WASHINGTON", Decimal("6.5")), ("City", "SPOKANE", Decimal("2.4")))
SALES_TAX_TX = (("State", "TEXAS", Decimal("6.25")),)
CONSUMPTION_TAX_JP = (("State", "JAPAN", Decimal(10)),)
VAT_DE, VAT_FR, JCT = Decimal(19), Decimal(20), Decimal(10)


def deals() -> list[Deal]:
    """All deals of a world, by number."""
    private = ("270", "1080")
    monthly = every(1, 10, "5000", 12)
    renewal = {"is_renewal": True, "offer": "private", "fee_percent": RENEWAL_FEE}
    return [
        Deal(2001, "Alderpoint Systems Inc", "US", "CO", "Boulder", "80301", weight=8),
        Deal(2002, "Cinderbrook Labs Inc", "US", "WA", "Spokane", "99201", weight=7, buyer_tax=SALES_TAX_WA),
        Deal(2003, "Falconreach Media Inc", "US", "NY", "Albany", "12207", offer="private", prices=private, weight=8,
             has_own_payer=True),
        Deal(2004, "Gullwater Freight Inc", "US", "GA", "Savannah", "31401", prices=private, pays_after=(0, -1, 0),
             **renewal),  # type: ignore[arg-type]
        Deal(2005, "Harrowgate Mills Inc", "US", "OH", "Dayton", "45402", offer="resold", fee_percent=RESALE_FEE,
             prices=("240", "960"), weight=6),
        Deal(2006, "Inglesby Dental Inc", "US", "IL", "Peoria", "61602", offer="reselling", fee_percent=Decimal(0),
             prices=None, instalments=monthly, weight=0),
        Deal(2007, "Kaltenbrunn Sensorik GmbH", "DE", "", "Ulm", "89073", broker="AWS_EUROPE", weight=7,
             fee_tax_percent=VAT_DE),
        Deal(2008, "Marchevert Assurances SA", "FR", "", "Lille", "59000", broker="AWS_EUROPE", offer="private",
             fee_percent=PRIVATE_FEE, prices=None, instalments=every(1, 12, "8000", 12), currency="EUR",
             payout_currency="EUR", weight=0, fee_tax_percent=VAT_FR, seller_tax_percent=VAT_FR),
        Deal(2009, "Nagisa Boueki KK", "JP", "", "Osaka", "530-0001", broker="AWS_JAPAN", weight=6,
             fee_tax_percent=JCT, buyer_tax=CONSUMPTION_TAX_JP),
        Deal(2010, "Ominato Seiki KK", "JP", "", "Nagoya", "450-0002", broker="AWS_JAPAN", offer="private",
             fee_percent=PRIVATE_FEE, prices=None, instalments=every(3, 14, "900000", 4), currency="JPY",
             weight=0, fee_tax_percent=JCT, buyer_tax=CONSUMPTION_TAX_JP),
        Deal(2011, "Pellworth Bancorp", "US", "NC", "Raleigh", "27601", offer="private", fee_percent=MILLION_FEE,
             prices=None, instalments=every(3, 8, "300000", 4), weight=0),
        Deal(2012, "Quernstone Steel Inc", "US", "PA", "Erie", "16501", offer="private", fee_percent=PRIVATE_FEE,
             prices=None, instalments=every(1, 11, "6500", 12), weight=0),
        Deal(2013, "Rivenhall Travel Inc", "US", "FL", "Tampa", "33602", pays_after=(-3, 0, 0)),
        Deal(2014, "Sedgemoor Energy Inc", "US", "TX", "Waco", "76701", pays_after=(2, 0, 0), buyer_tax=SALES_TAX_TX),
        Deal(2015, "Thistledown Toys Inc", "US", "OR", "Eugene", "97401", pays_after=(4, 0, 0)),
        Deal(2016, "Umberslade Pharma Inc", "US", "NJ", "Trenton", "08608", pays_after=(6, 0, 0)),
        Deal(2017, "Vintrow Hotels Inc", "US", "NV", "Reno", "89501", pays_after=(9, 0, 0)),
        Deal(2018, "Wexcombe Data Inc", "US", "VA", "Norfolk", "23510", prices=private, **renewal),  # type: ignore[arg-type]
        Deal(2019, "Yarrowfield Farms Inc", "US", "IA", "Ames", "50010", weight=7),
        Deal(2020, "Zephyrline Air Inc", "US", "AZ", "Tucson", "85701"),
        Deal(2021, "Ashcombe Retail Inc", "US", "MO", "Joplin", "64801", pays_after=(8, 0, 0)),
        Deal(2022, "Birchmere Tech Inc", "US", "MN", "Duluth", "55802", pays_after=(1, 0, 0)),
        Deal(2023, "Crowlake Studios Inc", "US", "CA", "Fresno", "93721", weight=6, pays_after=(12, 0, 0)),
        Deal(2024, "Dovecote Learning Inc", "US", "MA", "Lowell", "01852", offer="private", fee_percent=PRIVATE_FEE,
             prices=None, instalments=every(1, 9, "8000", 12), contract_amount=Decimal("7500"), weight=0),
    ]  # fmt: skip
