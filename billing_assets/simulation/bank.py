"""Bank statements of the simulated seller: AWS's payouts, customers' receipts, and what else moves money.

Two accounts. The dollar account's statements come as BAI2 up to the last whole month, camt.053 for that month and CSV
for the days since; the euro account's as MT940. Balances run on from one statement to the next.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from xml.sax.saxutils import escape

from billing_assets.periods import add_months, month_of
from billing_assets.simulation.billing_events import Payout, business_day, round_to
from billing_assets.simulation.deals import PRICE_IN, PRICE_OUT
from billing_assets.simulation.faults import MILLION, Fault, tokens
from billing_assets.simulation.market import SELLING_ENTITY, Market, draw
from billing_assets.simulation.usage import Event
from billing_assets.simulation.world import World

ACCOUNTS = {"USD": "4417002291", "EUR": "4417002308"}
OPENING = {"USD": Decimal("250000.00"), "EUR": Decimal("40000.00")}
BANK, OWNER = "HARBORST", "ATLASINF"
# Receipts of the business date. An entity's first invoices bill fees in advance, so their numbers and amounts do not
# depend on usage; with fewer customers others come first, and nothing is named.
NAMED_RECEIPTS = (
    ("A-1005", "US01-INV-000001", Decimal("450.00")),
    ("A-1009", "US01-INV-000003", Decimal("600.00")),
)
NAMED_IN_ACCOUNTS = 40
UNNAMED_PAYER = "A-1015"  # pays as it goes, at list prices
CSV_COLUMNS = ("value_date", "booking_date", "amount", "currency", "counterparty", "reference", "narrative", "account")
AWS_NAMES = {"AWS_INC": "AMAZON WEB SERVICES INC", "AWS_EUROPE": "AMAZON WEB SERVICES EMEA SARL",
             "AWS_JAPAN": "AMAZON WEB SERVICES JAPAN GK"}  # fmt: skip
# BAI2 type codes and MT940's, by what the line is.
BAI_CODES = {"wire": "195", "ach": "142", "out": "495", "returned": "555", "fee": "698"}
MT940_CODES = {"wire": "NTRF", "ach": "NTRF", "out": "NTRF", "returned": "NRTI", "fee": "NCHG"}


@dataclass(frozen=True)
class Line:
    """One movement; amount signed from the seller's side, in the account's currency."""

    day: date
    amount: Decimal
    currency: str
    counterparty: str
    narrative: str
    kind: str = "wire"
    reference: str = ""  # what the payer gave
    bank_reference: str = ""


def payout_lines(market: Market, payouts: list[Payout], short: dict[str, Decimal], missing: set[str]) -> list[Line]:
    """What arrives for AWS's payouts, a business day or two later; by payout id, less what the bank kept (`short`) or
    not at all (`missing`). A payout that was sent again came and went on one day; a lost one never came."""
    lines = []
    for payout in payouts:
        event = payout.event
        day = business_day(payout.day, 1 if event.broker_id == "AWS_INC" else 2)
        if event.billing_event_id in missing or day > market.options.as_of:
            continue
        name = AWS_NAMES[event.broker_id]
        line = Line(
            day,
            payout.amount - short.get(event.billing_event_id, Decimal(0)),
            event.payout_currency,
            name,
            f"MARKETPLACE PAYOUT TRACE {event.bank_trace_id}",
            "wire" if event.broker_id != "AWS_INC" else "ach",
            event.reference_number,
        )
        if payout.status == "paid":
            lines.append(line)
        elif payout.status == "bounced":
            text = f"RETURN OF MARKETPLACE PAYOUT TRACE {event.bank_trace_id}: ACCOUNT DETAILS INVALID"
            lines += [line, Line(day, -line.amount, line.currency, name, text, "returned", line.reference)]
    return lines


def other_lines(market: Market) -> list[Line]:
    """What leaves the accounts every month, and what the bank takes."""
    lines = []
    for n, month in enumerate(market.months[1:], start=1):
        cost = Decimal(1_800_000 + draw(market, "cloud", month) % 90_000).scaleb(-2)
        lines += [
            Line(business_day(month.replace(day=4)), -cost, "USD", "CLOUD HOSTING", f"HOSTING BILL {month:%Y-%m}",
                 "out"),
            Line(business_day(month.replace(day=25)), -Decimal("64200.00"), "USD", "PAYROLL",
                 f"PAYROLL {month:%Y-%m}", "out"),
            Line(business_day(month.replace(day=26)), -Decimal("31.50"), "USD", "", f"ACCOUNT FEES {month:%Y-%m}",
                 "fee"),
            Line(business_day(month.replace(day=16)), -Decimal("4100.00"), "EUR", "OFFICE RENT",
                 f"RENT {month:%Y-%m} LEASE {n:03d}", "out"),
        ]  # fmt: skip
    return lines


def receipts(world: World, arrived: list[Event]) -> tuple[list[Line], list[Fault]]:
    """What direct customers paid, and the truth about it. Two paid ahead of any invoice. On the business date itself
    two name the invoice they pay and one does not, but its amount is that of one invoice only."""
    options = world.options
    middle, last = add_months(options.first_day, options.months - 2), add_months(options.first_day, options.months - 1)
    by_id = {account.account_id: account for account in world.accounts}
    lines = [
        Line(business_day(middle.replace(day=20)), Decimal("1500.00"), "USD", "BRIGHTMOOR HEALTH INC", "ON ACCOUNT"),
        Line(business_day(last.replace(day=12)), Decimal("2750.00"), "USD", "REDHARBOR ENERGY INC", "PREPAYMENT"),
    ]
    advances = [
        Fault(
            fault_id=fault_id,
            fault="receipt on account that names no invoice",
            control_ids="CSH-01",
            period=month_of(line.day),
            selling_entity=SELLING_ENTITY,
            amount=format(line.amount, "f"),
            currency=line.currency,
            note=f"{line.counterparty}, {line.day}: stands unapplied",
        )
        for fault_id, line in zip(("M17", "M18"), lines, strict=True)
    ]
    today = options.as_of
    is_open = today.weekday() < 5
    if len(world.accounts) == NAMED_IN_ACCOUNTS and is_open:
        for name, number, amount in NAMED_RECEIPTS:
            lines.append(Line(today, amount, "USD", by_id[name].name.upper(), f"INVOICE {number}", "ach", number))
    payer = by_id.get(UNNAMED_PAYER)
    if payer and is_open:
        first = add_months(options.first_day, options.months - 3)
        amount = sum(
            (
                round_to(tokens(payer, arrived, kind, first, add_months(first, 1)) * Decimal(price) / MILLION, "USD")
                for kind, price in (("tokens.input", PRICE_IN), ("tokens.output", PRICE_OUT))
            ),
            Decimal(0),
        )
        lines.append(Line(today, amount, "USD", payer.name.upper(), "THANK YOU", "ach"))
    return lines, advances


def write_statements(landing: Path, market: Market, lines: Iterable[Line]) -> int:
    """Write bank/*; returns the number of files. Lines are numbered by the bank in their order."""
    last = market.told[2]
    since = add_months(last, 1)
    months = [*market.months[1:], since]
    ordered = sorted(lines, key=lambda line: (line.currency, line.day, line.amount, line.narrative))
    numbered = [replace(line, bank_reference=f"{line.day:%y%m%d}{n:05d}") for n, line in enumerate(ordered, start=1)]
    dollars = [line for line in numbered if line.currency == "USD"]
    euros = [line for line in numbered if line.currency == "EUR"]
    files: dict[str, str] = {}
    balance = OPENING["USD"]
    for month, end in pairwise(months):
        of_month = _between(dollars, month, end)
        if month < last:
            files[f"bank/usd-{month:%Y-%m}.bai"] = bai2_text(of_month, balance, end)
        else:
            files[f"bank/usd-{month:%Y-%m}.xml"] = camt053_text(of_month, balance, month, end)
        balance += sum((line.amount for line in of_month), Decimal(0))
    files[f"bank/usd-{since:%Y-%m}.csv"] = bank_csv(_between(dollars, since, date.max))
    by_month = [_between(euros, month, end) for month, end in pairwise(months)]
    files[f"bank/eur-{last:%Y-%m}.sta"] = mt940_text(by_month, months)
    for name, text in files.items():
        target = landing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return len(files)


def _between(lines: list[Line], start: date, end: date) -> list[Line]:
    return [line for line in lines if start <= line.day < end]


def bai2_text(lines: list[Line], opening: Decimal, end: date) -> str:
    """One group a day, each with the account's balances of that day."""
    cents = Decimal(100)
    records: list[str] = [f"01,{BANK},{OWNER},{end:%y%m%d},0400,1,,,2/"]
    file_total = groups = 0
    balance = opening
    for day, of_day in groupby(lines, key=lambda line: line.day):
        begun = balance
        details = []
        total = 0
        for line in of_day:
            balance += line.amount
            minor = int(abs(line.amount) * cents)
            total += minor
            text = " ".join(part for part in (line.counterparty, line.narrative) if part)
            details.append(f"16,{BAI_CODES[line.kind]},{minor},0,{line.bank_reference},{line.reference},{text}")
        begun_minor, ended_minor = int(begun * cents), int(balance * cents)
        total += begun_minor + ended_minor
        records += [
            f"02,{OWNER},{BANK},1,{day:%y%m%d},2359,USD,2/",
            f"03,{ACCOUNTS['USD']},USD,010,{begun_minor},,,015,{ended_minor},,/",
            *details,
            f"49,{total},{len(details) + 2}/",
            f"98,{total},1,{len(details) + 4}/",
        ]
        file_total += total
        groups += 1
    records.append(f"99,{file_total},{groups},{len(records) + 1}/")
    return "\n".join(records) + "\n"


def camt053_text(lines: list[Line], opening: Decimal, start: date, end: date) -> str:
    last_day = end - timedelta(days=1)
    closing = opening + sum((line.amount for line in lines), Decimal(0))

    def balance(code: str, amount: Decimal, day: date) -> str:
        return (
            f'      <Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="USD">{abs(amount)}</Amt>'
            f"<CdtDbtInd>{_mark(amount)}</CdtDbtInd><Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>"
        )

    entries = []
    for line in lines:
        party = "Dbtr" if line.amount > 0 else "Cdtr"
        name = f"<{party}><Nm>{escape(line.counterparty)}</Nm></{party}>" if line.counterparty else ""
        entries.append(
            f'      <Ntry><Amt Ccy="USD">{abs(line.amount)}</Amt><CdtDbtInd>{_mark(line.amount)}</CdtDbtInd>'
            f"<Sts>BOOK</Sts><BookgDt><Dt>{line.day.isoformat()}</Dt></BookgDt>"
            f"<ValDt><Dt>{line.day.isoformat()}</Dt></ValDt><AcctSvcrRef>{line.bank_reference}</AcctSvcrRef>"
            f"<NtryDtls><TxDtls><Refs><EndToEndId>{escape(line.reference) or 'NOTPROVIDED'}</EndToEndId></Refs>"
            f"{f'<RltdPties>{name}</RltdPties>' if name else ''}"
            f"<RmtInf><Ustrd>{escape(line.narrative)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )  # fmt: skip
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">',
            "  <BkToCstmrStmt>",
            f"    <GrpHdr><MsgId>{BANK}-{start:%Y%m}</MsgId><CreDtTm>{end.isoformat()}T04:00:00Z</CreDtTm></GrpHdr>",
            f"    <Stmt><Id>{start:%Y-%m}</Id><CreDtTm>{end.isoformat()}T04:00:00Z</CreDtTm>",
            f"      <FrToDt><FrDtTm>{start.isoformat()}T00:00:00Z</FrDtTm>"
            f"<ToDtTm>{last_day.isoformat()}T23:59:59Z</ToDtTm></FrToDt>",
            f"      <Acct><Id><Othr><Id>{ACCOUNTS['USD']}</Id></Othr></Id><Ccy>USD</Ccy></Acct>",
            balance("OPBD", opening, start),
            balance("CLBD", closing, last_day),
            *entries,
            "    </Stmt>",
            "  </BkToCstmrStmt>",
            "</Document>",
            "",
        ]
    )


def _mark(amount: Decimal) -> str:
    return "CRDT" if amount >= 0 else "DBIT"


def mt940_text(statements: list[list[Line]], days: list[date]) -> str:
    """A statement a month, in one file."""
    balance = OPENING["EUR"]
    out = []
    for number, lines in enumerate(statements, start=1):
        start, last_day = days[number - 1], days[number] - timedelta(days=1)
        out += [
            f":20:{OWNER}{start:%y%m}",
            f":25:{ACCOUNTS['EUR']}",
            f":28C:{number}/1",
            f":60F:{_mt940_balance(balance, start - timedelta(days=1))}",
        ]
        for line in lines:
            balance += line.amount
            mark = "C" if line.amount >= 0 else "D"
            amount = f"{abs(line.amount):.2f}".replace(".", ",")
            out += [
                f":61:{line.day:%y%m%d}{line.day:%m%d}{mark}{amount}{MT940_CODES[line.kind]}"
                f"{line.reference or 'NONREF'}//{line.bank_reference}",
                *_mt940_text(f"{line.counterparty} {line.narrative}"),
            ]
        out += [f":62F:{_mt940_balance(balance, last_day)}", "-"]
    return "\n".join(out) + "\n"


def _mt940_text(text: str) -> list[str]:
    """The field :86: in lines of at most 65 characters."""
    lines = [text[n : n + 65] for n in range(0, len(text), 65)]
    return [f":86:{lines[0]}", *lines[1:]]


def _mt940_balance(amount: Decimal, day: date) -> str:
    text = f"{abs(amount):.2f}".replace(".", ",")
    return f"{'C' if amount >= 0 else 'D'}{day:%y%m%d}EUR{text}"


def bank_csv(lines: list[Line]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        day = line.day.isoformat()
        writer.writerow(
            (day, day, line.amount, line.currency, line.counterparty, line.reference, line.narrative,
             ACCOUNTS[line.currency])
        )  # fmt: skip
    return buffer.getvalue()
