"""The subledger a second time, in plain Python from the rows of the feeds: what the models must say to the cent.

Written from the rules of the feeds and of AWS's report definitions, not from the models. Amounts are exact decimals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.marketplace.feeds import Row

ZERO = Decimal(0)
NOWHERE = {"EMEA_MP_TEST_TRACE_ID", "testTraceId", ""}
# Types that count in net as they are, with the visible column each is summed in.
NET_COLUMNS = {
    "SELLER_REV_SHARE": "gross_revenue",
    "SELLER_REV_SHARE_REFUND": "gross_refund",
    "SELLER_REV_SHARE_CREDIT": "gross_refund",
    "AWS_REV_SHARE": "listing_fee",
    "AWS_REV_SHARE_REFUND": "listing_fee_refund",
    "AWS_REV_SHARE_CREDIT": "listing_fee_refund",
    "SELLER_TAX_SHARE": "seller_tax",
    "SELLER_TAX_SHARE_REFUND": "seller_tax",
    "OTHER_SELLER_TAX_SHARE": "rest",
    "OTHER_SELLER_TAX_SHARE_REFUND": "rest",
    "AWS_INFRA_SHARE": "rest",
    "INFRA_FEE_PRETAX": "rest",
    "BALANCE_ADJUSTMENT": "rest",
}
AWS_TAX = {"AWS_TAX_SHARE", "AWS_TAX_SHARE_REFUND"}
MONEY = (
    *("gross_revenue", "gross_refund", "listing_fee", "listing_fee_refund", "seller_tax", "aws_tax"),
    *("wholesale_cost", "seller_net_revenue", "collected", "disbursed", "undisbursed"),
)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def instant(value: str) -> datetime | None:
    return datetime.fromisoformat(value.replace("Z", "").replace(" ", "T").split(".")[0]) if value else None


def day(value: str) -> date | None:
    at = instant(value)
    return at.date() if at else None


def resolved(rows: Iterable[Row], key: tuple[str, ...]) -> list[Row]:
    """The latest correction of each key; a tombstone takes it away."""
    latest: dict[tuple[str, ...], Row] = {}
    for row in rows:
        k = tuple(row[name] for name in key)
        if k not in latest or row["update_date"] > latest[k]["update_date"]:
            latest[k] = row
    return [row for row in latest.values() if not row["delete_date"]]


@dataclass
class Line:
    """One billing line as it should be."""

    key: str
    rows: list[Row] = field(default_factory=list)
    money: dict[str, Decimal] = field(default_factory=dict)
    status: str = ""
    agreement_id: str = ""
    aws_entity: str = ""
    currency: str = ""
    invoice_id: str = ""
    invoice_date: date | None = None


@dataclass
class Oracle:
    """Lines, AWS's report rows and the roll-forward of a set of delivered rows."""

    billing_events: list[Row]
    agreements: list[Row]

    def __post_init__(self) -> None:
        self.events = resolved(self.billing_events, ("billing_event_id",))
        self.payouts = {
            row["billing_event_id"]: row
            for row in self.events
            if row["transaction_type"] in ("DISBURSEMENT", "DISBURSEMENT_FAILURE") and row["action"] == "DISBURSED"
        }
        self.versions: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(resolved(self.agreements, ("agreement_id", "valid_from")), key=lambda r: r["valid_from"]):
            self.versions[row["agreement_id"]].append(row)
        self.by_key = self._keyed()
        self.unreversed = self._unreversed()
        self.lines = {key: self._line(key, rows) for key, rows in self.by_key.items()}
        self.aws = self._aws_report()

    # -- keys ------------------------------------------------------------------------------------------------

    def _base(self, row: Row) -> str:
        if row["transaction_type"] == "BALANCE_ADJUSTMENT":
            at = instant(row["invoice_date"])
            return f"{row['recipient_account_id']}:{at:%Y-%m-%d %H:%M:%S}.000 UTC"
        if not row["buyer_invoice_id"]:
            return f"{row['invoice_id']}:{row['line_item_id']}:{row['recipient_account_id']}"
        return f"{row['buyer_invoice_id']}:{row['buyer_line_item_id']}:{row['recipient_account_id']}"

    def _keyed(self) -> dict[str, list[Row]]:
        rows = [row for row in self.events if not row["transaction_type"].startswith("DISBURSEMENT")]
        paid_in: dict[tuple[str, str], str] = defaultdict(str)
        for row in rows:
            place = self._base(row), row["currency"]
            paid_in[place] = max(paid_in[place], row["disbursement_currency"])
        keyed = defaultdict(list)
        for row in rows:
            base = self._base(row)
            currency = row["disbursement_currency"] or paid_in[base, row["currency"]]
            keyed[f"{base}:{row['currency']}:{currency}"].append(row)
        return keyed

    # -- our figures -----------------------------------------------------------------------------------------

    def _unreversed(self) -> dict[str, date]:
        """Payout -> day it failed, where AWS wrote no rows that open its lines again."""
        reversed_by = {row["disbursement_billing_event_id"] for row in self.events}
        return {
            row["parent_billing_event_id"]: day(row["invoice_date"]) or date.min
            for row in self.payouts.values()
            if row["transaction_type"] == "DISBURSEMENT_FAILURE"
            and row["billing_event_id"] not in reversed_by
            and row["parent_billing_event_id"] in self.payouts
        }

    def _line(self, key: str, rows: list[Row]) -> Line:
        line = Line(key, rows)
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        settled, settlements = ZERO, 0
        owed_aws_tax = any(
            r["transaction_type"] in AWS_TAX and r["action"] == "INVOICED" and is_flagged(r) for r in rows
        )
        for row in rows:
            amount, kind = Decimal(row["amount"]), row["transaction_type"]
            if row["action"] == "DISBURSED":
                settlements += 1
                if row["disbursement_billing_event_id"] not in self.unreversed:
                    settled += amount
            elif row["action"] == "COLLECTED":
                if kind not in AWS_TAX or is_flagged(row) or owed_aws_tax:
                    sums["collected"] += amount
            elif row["action"] == "FORGIVEN":
                sums["seller_net_revenue"] += amount if counts(row) else ZERO
            else:
                sums["seller_net_revenue"] += amount if counts(row) else ZERO
                column = NET_COLUMNS.get(kind, "rest")
                if kind in AWS_TAX:
                    fee = row["invoice_variant"] == "LISTING_FEE" or row["charge_variant"] == "LISTING_FEE"
                    column = "rest" if fee or row["invoice_variant"] == "RESALE" else "aws_tax"
                if kind.startswith("SELLER_REV_SHARE") and is_bought(row):
                    column = "wholesale_cost"
                if kind.startswith("SELLER_TAX") and row["invoice_variant"] == "RESALE":
                    column = "rest"
                sums[column] += amount
        sums["disbursed"] = -settled
        sums["undisbursed"] = sums["seller_net_revenue"] + settled
        line.money = {name: cents(sums[name]) for name in MONEY}
        line.status = status(sums["seller_net_revenue"], settled, settlements > 0)
        original = min(rows, key=original_first)
        line.agreement_id = original["agreement_id"]
        line.aws_entity = original["broker_id"] or "AWS_INC"
        line.currency = original["currency"]
        is_resale = original["invoice_variant"] == "RESALE"
        line.invoice_id = original["buyer_invoice_id" if is_resale else "invoice_id"]
        line.invoice_date = day(original["buyer_invoice_date" if is_resale else "invoice_date"])
        return line

    def rollforward(self, as_of: date) -> dict[tuple[str, str, str, str], dict[str, Decimal]]:
        """(agreement or 'none', AWS entity, currency, month) -> movements and closing, every month present."""
        moved: dict[tuple[str, str, str], dict[str, dict[str, Decimal]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(lambda: ZERO))
        )
        for line in self.lines.values():
            place = line.agreement_id or "none", line.aws_entity, line.currency
            for row in line.rows:
                if row["action"] == "COLLECTED" or not counts(row):
                    continue
                amount, payout = Decimal(row["amount"]), row["disbursement_billing_event_id"]
                moved[place][f"{self.posted_on(row):%Y-%m}"][self._movement(row)] += amount
                if row["action"] == "DISBURSED" and payout in self.unreversed:
                    moved[place][f"{self.unreversed[payout]:%Y-%m}"]["failed"] -= amount
        rolled = {}
        for place, months in moved.items():
            balance, month, end = ZERO, min(months), max(f"{as_of:%Y-%m}", *months)
            while month <= end:
                opening = balance
                balance += sum(months[month].values())
                rolled[(*place, month)] = {**months[month], "opening": opening, "closing": balance}
                month = f"{date(int(month[:4]), int(month[5:]), 28) + timedelta(days=5):%Y-%m}"
        return rolled

    def _movement(self, row: Row) -> str:
        payout = self.payouts.get(row["disbursement_billing_event_id"])
        if row["action"] == "DISBURSED":
            return "failed" if payout and payout["transaction_type"] == "DISBURSEMENT_FAILURE" else "disbursed"
        if row["action"] == "FORGIVEN":
            return "forgiven"
        if row["transaction_type"] not in NET_COLUMNS.keys() - {"BALANCE_ADJUSTMENT"} | AWS_TAX:
            return "adjusted"
        return "refunded" if row["transaction_type"].endswith(("_REFUND", "_CREDIT")) else "invoiced"

    def posted_on(self, row: Row) -> date:
        payout = self.payouts.get(row["disbursement_billing_event_id"])
        choice: dict[str, list[str]] = {
            "DISBURSED": [payout["invoice_date"] if payout else "", row["action_date"]],
            "COLLECTED": [row["action_date"]],
            "FORGIVEN": [row["action_date"]],
        }
        for value in [*choice.get(row["action"], [row["invoice_date"], row["action_date"]]), row["valid_from"]]:
            if value:
                return day(value) or date.min
        raise ValueError(f"{row['billing_event_id']} has no date")

    # -- AWS's billed-revenue report -------------------------------------------------------------------------

    def _version(self, row: Row) -> Row | None:
        at, found = instant(row["invoice_date"]), None
        if at is None:
            return None
        for number, version in enumerate(self.versions.get(row["agreement_id"], [])):
            if number == 0 or (instant(version["valid_from"]) or at) <= at:
                found = version
        return found

    def _aws_report(self) -> dict[str, list[dict[str, Any]]]:
        """Line key -> the rows the report shows of it, copies included."""
        shown: dict[str, list[dict[str, Any]]] = {}
        heads: dict[str, list[tuple[str, str]]] = defaultdict(list)
        kept = {
            key: [row for row in rows if not row["agreement_id"] or self._version(row)]
            for key, rows in self.by_key.items()
        }
        for rows in kept.values():
            for row in rows:
                if row["invoice_variant"] == "PURCHASE":
                    heads[self._base(row)].append((row["invoice_id"], row["invoice_date"]))
                elif row["invoice_variant"] == "RESALE":
                    heads[self._base(row)].append((row["buyer_invoice_id"], row["buyer_invoice_date"]))
                elif row["transaction_type"] == "BALANCE_ADJUSTMENT":
                    heads[self._base(row)].append(("", row["invoice_date"]))
        for key, rows in kept.items():
            groups = {self._group(row) for row in rows if self._aws_stage(row) == "invoiced"}
            sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
            for row in rows:
                self._add_as_aws(sums, row)
            sums["disbursed"] = -sums["paid"]
            sums["undisbursed"] = sums["seller_net_revenue"] + sums["paid"]
            was_paid = any(self._aws_stage(row) == "payout" for row in rows)
            head = heads[self._base(rows[0])] if rows else []
            shown[key] = len(groups) * [
                {name: cents(sums[name]) for name in MONEY}
                | {
                    "status": status(sums["seller_net_revenue"], sums["paid"], was_paid),
                    "invoice_id": max((number for number, _ in head), default=""),
                    "invoice_date": max((day(at) or date.min for _, at in head if at), default=None),
                }
            ]
        return shown

    def _aws_stage(self, row: Row) -> str:
        if row["disbursement_billing_event_id"] in self.payouts:
            return "payout"
        return "collected" if row["action"] == "COLLECTED" else "invoiced"

    def _group(self, row: Row) -> tuple[str, ...]:
        version = self._version(row) or {}
        names = (
            *("disbursement_billing_event_id", "recipient_account_id", "broker_id", "product_id", "agreement_id"),
            *("end_user_account_id", "usage_period_start_date", "usage_period_end_date"),
            "buyer_transaction_reference_id",
        )
        return (
            *(row[name] for name in names),
            row["buyer_transaction_reference_id"] or row["transaction_reference_id"],
            *(version.get(name, "") for name in ("proposer_account_id", "acceptor_account_id")),
            version.get("offer_id") or row["offer_id"],
        )

    def _add_as_aws(self, sums: dict[str, Decimal], row: Row) -> None:
        amount, kind, stage = Decimal(row["amount"]), row["transaction_type"], self._aws_stage(row)
        if stage == "collected":
            sums["collected"] += amount
            return
        is_owed_tax = kind in AWS_TAX and (is_flagged(row) or row["action"] == "DISBURSED")
        if is_owed_tax or kind in NET_COLUMNS:
            sums["paid" if stage == "payout" else "seller_net_revenue"] += amount
        if stage == "payout":
            return
        if kind in AWS_TAX:
            fee = row["invoice_variant"] == "LISTING_FEE" or row["charge_variant"] == "LISTING_FEE"
            sums["-" if fee or row["invoice_variant"] == "RESALE" else "aws_tax"] += amount
        elif kind.startswith("SELLER_REV_SHARE") and is_bought(row):
            sums["wholesale_cost"] += amount
        elif kind.startswith("SELLER_TAX") and row["invoice_variant"] == "RESALE":
            pass
        elif kind in NET_COLUMNS:
            sums[NET_COLUMNS[kind]] += amount

    def is_plain(self, key: str) -> bool:
        """Whether AWS shows the line once, with the same money, status, invoice number and date."""
        line, rows = self.lines[key], self.aws[key]
        return len(rows) == 1 and rows[0] == line.money | {
            "status": line.status,
            "invoice_id": line.invoice_id,
            "invoice_date": line.invoice_date,
        }


def is_flagged(row: Row) -> bool:
    return row["balance_impacting"] == "1"


def is_bought(row: Row) -> bool:
    return row["charge_variant"] == "RESALE" and row["charge_side"] == "BUYING"


def counts(row: Row) -> bool:
    """Whether the row moves what AWS owes."""
    if row["transaction_type"] in NET_COLUMNS:
        return True
    return is_flagged(row) or row["action"] == "DISBURSED"


def original_first(row: Row) -> tuple[int, str, str, str]:
    """Order in which a line's rows say what it is about: the sale, then what is nearest to one."""
    kind, is_refund = row["transaction_type"], row["transaction_type"].endswith(("_REFUND", "_CREDIT"))
    rank = 5
    if row["action"] == "INVOICED":
        if kind == "SELLER_REV_SHARE":
            rank = int(is_bought(row))
        elif is_refund:
            rank = 4
        else:
            rank = 2 if kind.startswith("SELLER") else 3
    return rank, row["invoice_date"] or "9", row["valid_from"], row["billing_event_id"]


def status(net: Decimal, paid: Decimal, was_paid: bool) -> str:
    if not was_paid:
        return "Not disbursed"
    if net + paid == 0:
        return "Disbursed"
    if paid == 0:
        return "Disbursement reversed"
    return "Disbursed" if net + paid < 0 else "Partially disbursed"
