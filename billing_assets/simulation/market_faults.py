"""What goes wrong on AWS Marketplace and at the bank in the simulated world, and the truth about it.

Plans come before usage is packed into files; the truth follows from what was then written. Faults that a sound run
absorbs (a blank entity, a late correction) name no control: they must raise nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from billing_assets.periods import add_months, month_of
from billing_assets.simulation.billing_events import CENT, Mishaps, Money, Payout, round_to
from billing_assets.simulation.deals import PUBLIC_FEE
from billing_assets.simulation.faults import MILLION, Fault
from billing_assets.simulation.feeds import CORRECTED_DEAL, NEW_USAGE_COLUMN, FeedFaults
from billing_assets.simulation.market import CHANNEL, DOUBLE_DIP, GATEWAY, SELLING_ENTITY, Market, direct_contract_id
from billing_assets.simulation.metered import Metering, meter
from billing_assets.simulation.usage import Event

# Deal of each fault.
SHORT_LINE, MISSING_LINE = 2016, 2017
REJECTED, DOUBLED, LATE = 2019, 2014, 2016
LATE_DAYS = 3
# What the bank kept of the short line.
SHORT_BY = Decimal("25.00")


@dataclass
class MarketPlan:
    """Everything that is to go wrong, by deal number."""

    mishaps: Mishaps = field(default_factory=Mishaps)
    feeds: FeedFaults = field(default_factory=FeedFaults)
    rejected: dict[int, set[date]] = field(default_factory=dict)
    doubled: dict[int, set[date]] = field(default_factory=dict)
    late: dict[int, set[str]] = field(default_factory=dict)  # event ids
    short_lines: dict[tuple[int, date], Decimal] = field(default_factory=dict)  # (deal, service month)
    missing_lines: set[tuple[int, date]] = field(default_factory=set)


def plan_market(market: Market, sent: list[Event]) -> MarketPlan:
    """What goes wrong; delivers the late events late. Without deals nothing does."""
    if not market.deals:
        return MarketPlan()
    first, middle, last = market.told
    plan = MarketPlan(
        mishaps=Mishaps(
            fee_percents={(2018, first): PUBLIC_FEE, (2005, middle): PUBLIC_FEE},
            bounced={(2014, first): True, (2015, first): False},
            cent_too_much={(2021, first)},
            forgiven={(2020, first): last.replace(day=25)},
            refunds={(2013, first): (last.replace(day=18), Decimal(25))},
            parts={(2003, first): (Decimal(50), 14), (2002, middle): (Decimal(60), 30)},
            not_invoiced={(2012, last)},
            blank_brokers={(2004, first)},
            corrected={(2001, first): (add_months(first, 1).replace(day=20), Decimal("-10.00"))},
        ),
        feeds=FeedFaults(
            no_agreement=frozenset({2022}),
            usage_without_agreement=frozenset({(2021, middle)}),
            lost_zeros=frozenset({2002}),
        ),
        rejected={REJECTED: {middle.replace(day=12)}},
        doubled={DOUBLED: {middle.replace(day=17)}},
        late={LATE: set()},
        short_lines={(SHORT_LINE, first): SHORT_BY},
        missing_lines={(MISSING_LINE, first)},
    )
    day = middle.replace(day=24)
    for event in sent:
        if event.gateway == GATEWAY and event.subject == f"org-{LATE}" and event.day == day:
            event.delivered = day + timedelta(days=LATE_DAYS)
            event.again = None
            plan.late[LATE].add(event.event_id)
    return plan


@dataclass(frozen=True)
class CleanAgreement:
    """An agreement that must raise nothing but what is not due yet."""

    agreement_id: str
    contract_id: str
    account_id: str


def measure(market: Market, sent: list[Event], plan: MarketPlan) -> dict[int, Metering]:
    """Metering of every deal with usage prices, as the plan spoils it."""
    return {
        deal.number: meter(
            market,
            deal,
            sent,
            plan.rejected.get(deal.number, set()),
            plan.doubled.get(deal.number, set()),
            plan.late.get(deal.number, set()),
        )
        for deal in market.deals
        if deal.prices
    }


def faulty_lines(plan: MarketPlan, money: Money) -> tuple[dict[str, Decimal], set[str]]:
    """Ids of the payouts whose bank line is short, with what is missing, and of those that have none."""
    short = {_payout(money, key).event.billing_event_id: by for key, by in plan.short_lines.items()}
    return short, {_payout(money, key).event.billing_event_id for key in plan.missing_lines}


def _payout(money: Money, key: tuple[int, date]) -> Payout:
    """The first payout that settles a deal's service month."""
    return next(
        payout
        for payout in money.payouts
        if any(row.deal and row.period and (row.deal.number, row.period[0]) == key for row in payout.settled)
    )


class Teller:
    """Writes the truth of what was planted on AWS Marketplace and at the bank."""

    def __init__(self, market: Market, plan: MarketPlan, money: Money, meterings: dict[int, Metering]) -> None:
        self.market, self.plan, self.money, self.meterings = market, plan, money, meterings
        self.faults: list[Fault] = []

    def tell(self, sent: list[Event], copies: list[Event]) -> list[Fault]:
        """All of them, in the order of their ids."""
        if not self.market.deals:
            return []
        self._tell_metering(sent, copies)
        self._tell_invoices()
        self._tell_payouts()
        self._tell_absorbed()
        return sorted(self.faults, key=lambda fault: fault.fault_id)

    def _add(
        self, fault_id: str, fault: str, controls: str, number: int, periods: str | date, *, code: str = "",
        amount: Decimal | None = None, note: str = "",
    ) -> None:  # fmt: skip
        deal = self.market.deal(number)
        self.faults.append(
            Fault(
                fault_id=fault_id,
                fault=fault,
                control_ids=controls,
                period=month_of(periods) if isinstance(periods, date) else periods,
                selling_entity=SELLING_ENTITY,
                channel=CHANNEL,
                account_id=deal.account_id,
                contract_id=deal.contract_id,
                amount="" if amount is None else format(amount, "f"),
                currency="" if amount is None else deal.currency,
                note=note,
                agreement_id=self.market.agreement(deal),
                break_code=code,
            )
        )

    def _tell_metering(self, sent: list[Event], copies: list[Event]) -> None:
        middle, last = self.market.told[1:]
        sound = measure(self.market, sent, MarketPlan())

        def lost(number: int) -> Decimal:
            return sound[number].reported_in(middle) - self.meterings[number].reported_in(middle)

        day = next(iter(self.plan.rejected[REJECTED]))
        self._add("M01", "metering records of a day rejected", "MKT-02|MKT-04", REJECTED, middle, code="B18|B04",
                  amount=lost(REJECTED), note=f"the usage of {day} was never billed")  # fmt: skip
        self._add("M02", "usage came after the metering window", "MKT-02|MKT-04", LATE, middle, code="B17|B18|B04",
                  amount=lost(LATE), note=f"events of {middle.replace(day=24)}, {LATE_DAYS} days late")  # fmt: skip
        day = next(iter(self.plan.doubled[DOUBLED]))
        self._add("M03", "a day metered twice", "MKT-02|MKT-04", DOUBLED, middle, code="B03|B04",
                  amount=-lost(DOUBLED), note=f"{day}: by product code and by licence")  # fmt: skip
        self._add("M04", "daily usage without agreement id", "MKT-11", 2021, middle, code="B15",
                  note="end user and product tell whose it is")  # fmt: skip
        deal = self.market.deal(DOUBLE_DIP)
        billed = Decimal(0)
        for kind, price in zip(("tokens.input", "tokens.output"), map(Decimal, deal.prices or ()), strict=False):
            used = sum(event.quantity for event in copies if event.meter == kind and isinstance(event.quantity, int))
            billed += round_to(used * price / MILLION, "USD")
        self._add("M05", "the same usage billed directly and through AWS", "MKT-12", DOUBLE_DIP, last, code="B03",
                  amount=billed, note=f"{direct_contract_id(deal)} bills it too")  # fmt: skip

    def _tell_invoices(self) -> None:
        first, middle, last = self.market.told
        for fault_id, fault, number, month in (
            ("M06", "listing fee of a new agreement on a renewal", 2018, first),
            ("M07", "listing fee without the reseller's uplift", 2005, middle),
        ):
            deal = self.market.deal(number)
            invoice = next(i for i in self.money.invoices if i.deal is deal and i.rows[0].period == _month(month))
            charged = self.plan.mishaps.fee_percents[number, month]
            fees = [round_to(invoice.gross * percent / 100, "USD") for percent in (charged, deal.fee_percent)]
            self._add(fault_id, fault, "MKT-05", number, month, code="B08", amount=abs(fees[0] - fees[1]),
                      note=f"{charged} % instead of {deal.fee_percent} %")  # fmt: skip
        (day, percent) = self.plan.mishaps.refunds[2013, first]
        refund = sum(
            (e.amount for e in self.money.events if e.transaction_type == "SELLER_REV_SHARE_REFUND"
             and e.action == "INVOICED"), Decimal(0)
        )  # fmt: skip
        self._add("M08", "part of an invoice refunded in a later month", "MKT-08|MKT-04", 2013, first, code="B19",
                  amount=abs(refund), note=f"{percent} % on {day}")  # fmt: skip
        forgiven = [e.amount for e in self.money.events if e.action == "FORGIVEN"]
        self._add("M09", "invoice forgiven: AWS will not collect it", "MKT-08|MKT-07", 2020, first, code="B19",
                  amount=abs(sum(forgiven, Decimal(0))), note="net of the listing fee")  # fmt: skip
        self._add("M10", "instalment not invoiced on its date", "MKT-04", 2012, last, code="B02",
                  amount=self.market.deal(2012).instalments[0].amount)  # fmt: skip
        months = "|".join(month_of(month) for month in (first, middle, last, add_months(last, 1)))
        self._add("M11", "agreement missing in the agreement feed", "MKT-11", 2022, months, code="B15")
        deal = self.market.deal(2024)
        own = (deal.contract_amount or Decimal(0)) * len(deal.instalments)
        note = f"{deal.value} agreed, {own} in the contract"
        self._add("M12", "value of the private offer differs from the contract", "MKT-10", 2024, months,
                  code="B05", amount=abs(deal.value - own), note=note)  # fmt: skip

    def _tell_payouts(self) -> None:
        first, last = self.market.told[0], self.market.told[2]
        either = f"{month_of(first)}|{month_of(last)}"
        lost = _payout(self.money, (2015, first))
        self._add("M13", "payout failed and not sent again", "MKT-08|MKT-07", 2015, either, code="B19",
                  amount=lost.amount)  # fmt: skip
        self._add("M14", "bank credited less than the payout", "MKT-07", SHORT_LINE, either, code="B12",
                  amount=SHORT_BY)  # fmt: skip
        since = add_months(last, 1)
        self.faults.append(
            Fault(
                fault_id="M19",
                fault="column that the feed's description does not know",
                control_ids="PLA-05",
                period=f"{month_of(last)}|{month_of(since)}",
                note=f"{NEW_USAGE_COLUMN} in the daily usage",
            )
        )
        missing = _payout(self.money, (MISSING_LINE, first))
        self._add("M15", "payout never reached the bank", "MKT-07", MISSING_LINE, either, code="B02",
                  amount=missing.amount)  # fmt: skip
        self._add("M16", "a cent too much paid out", "MKT-07", 2021, either, code="B10|B13", amount=CENT,
                  note="a known defect of AWS: within its tolerance")  # fmt: skip

    def _tell_absorbed(self) -> None:
        """Oddities that a sound run takes as they are meant: they raise nothing."""
        first, middle = self.market.told[:2]
        for fault_id, fault, number, month in (
            ("N01", "payout failed and sent again the next day", 2014, first),
            ("N02", "AWS entity blank: means AWS_INC", 2004, first),
            ("N03", "invoiced amount corrected by a later update", 2001, first),
            ("N04", "daily usage corrected by a later update", CORRECTED_DEAL, middle),
            ("N05", "account number without its leading zeros", 2002, first),
            ("N06", "daily usage spells agmnt-", 2003, first),
            ("N07", "invoice collected and paid out in two parts", 2003, first),
            ("N08", "invoice collected in part so far", 2002, middle),
            ("N09", "payout in transit to the bank", 2004, middle),
        ):
            self._add(fault_id, fault, "", number, month, note="must raise nothing")

    def clean_agreements(self) -> list[CleanAgreement]:
        """Agreements without a fault that a run must raise, and without a payout that one of those spoils."""
        told = {fault.agreement_id for fault in self.faults if fault.control_ids}
        spoilt = {
            number
            for key in [*self.plan.short_lines, *self.plan.missing_lines, *self.plan.mishaps.bounced]
            for number in _payout(self.money, key).deals
        }
        return [
            CleanAgreement(self.market.agreement(deal), deal.contract_id, deal.account_id)
            for deal in self.market.deals
            if self.market.agreement(deal) not in told and deal.number not in spoilt
        ]


def _month(month: date) -> tuple[date, date]:
    return month, add_months(month, 1) - timedelta(days=1)
