"""ISO 20022 camt.053 bank-to-customer statements of any version, read without DTDs, entities or network.

An entry with several transactions becomes one entry a transaction where their amounts add up to it; else it stays one.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from lxml import etree

from billing_assets.landing.bank_entries import NO_REFERENCE, Item, Statement, account_of, entry, squeezed
from billing_assets.landing.numbers import parse_decimal
from billing_assets.landing.quarantine import Fault, FileFault, cut
from billing_assets.landing.times import parse_date

# Which balances open and close a statement; PRCD is the closing balance of the statement before.
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_BOOKED = "BOOK"


def read(text: str) -> Iterator[tuple[int, Item]]:
    """Statements and their entries. Raises FileFault for what is not a well-formed camt.053 document."""
    root = _parse(text)
    statements = root.findall("BkToCstmrStmt/Stmt") if root.tag == "Document" else root.findall("Stmt")
    if not statements:
        raise FileFault("no camt.053 statement in the document")
    for found in statements:
        yield from _statement(found)


def _parse(text: str) -> Any:
    parser = etree.XMLParser(
        encoding="utf-8",  # what the landing contract says, whatever the declaration claims
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise FileFault(f"not well-formed XML: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise FileFault("a document type definition is refused")
    for element in root.iter():
        element.tag = etree.QName(element).localname  # versions differ in their namespace only
    return root


def _statement(found: Any) -> Iterator[tuple[int, Item]]:
    acct_currency = _text(found, "Acct/Ccy")
    opening, closing = _balance(found, _OPENING), _balance(found, _CLOSING)
    currency = acct_currency or next((of for _, of in (opening, closing) if of), None)
    currency = currency or next((amount.get("Ccy", "") for amount in found.findall("Ntry/Amt")), "")
    number = _text(found, "Acct/Id/IBAN") or _text(found, "Acct/Id/Othr/Id") or _text(found, "Acct/Id/BBAN")
    if not number:
        raise FileFault("a statement names no account")
    account = account_of(number)
    statement = Statement(found.sourceline, "camt053", account, currency)
    statement.opening_balance, statement.closing_balance = opening[0], closing[0]
    statement.from_date = _day(_text(found, "FrToDt/FrDtTm") or _text(found, "FrToDt/FrDt"))
    statement.to_date = _day(_text(found, "FrToDt/ToDtTm") or _text(found, "FrToDt/ToDt"))
    last = statement.to_date or _day(_text(found, "CreDtTm")) or ""
    statement.statement_id = f"{account}/{_text(found, 'Id') or _text(found, 'ElctrncSeqNb') or ''}/{last}"
    for booked in found.findall("Ntry"):
        yield from _entries(booked, statement)
    yield statement.line, statement


def _entries(booked: Any, statement: Statement) -> Iterator[tuple[int, Item]]:
    status = _text(booked, "Sts/Cd") or _text(booked, "Sts/Prtry") or _text(booked, "Sts")
    original = _source(booked)
    if status not in (None, _BOOKED):
        reason = f"Sts: {status} is not booked; it comes again when it is"
        yield booked.sourceline, Fault("field", reason, booked.sourceline, cut(original))
        return
    parts = booked.findall("NtryDtls/TxDtls")
    whole = _cells(booked, booked, parts, statement)
    split = [_cells(booked, part, [part], statement) for part in parts] if len(parts) > 1 else []
    if split and _adds_up(split, whole):
        for part, cells in zip(parts, split, strict=True):
            yield part.sourceline, entry(cells, statement, part.sourceline, _source(part))
    else:
        yield booked.sourceline, entry(whole, statement, booked.sourceline, original)


def _adds_up(split: list[dict[str, str]], whole: dict[str, str]) -> bool:
    amounts = [parse_decimal(cells["amount"]) for cells in split]
    total = parse_decimal(whole["amount"])
    exact = [amount for amount in amounts if isinstance(amount, Decimal)]
    currencies = {cells["currency"] for cells in split}
    return len(exact) == len(amounts) and sum(exact) == total and currencies == {whole["currency"]}


def _cells(booked: Any, part: Any, details: list[Any], statement: Statement) -> dict[str, str]:
    """The cells of an entry, or of one of its transactions; `details` are the transactions it speaks for."""
    amount = next((a for path in ("Amt", "AmtDtls/TxAmt/Amt") if (a := part.find(path)) is not None), None)
    direction = _text(part, "CdtDbtInd") or _text(booked, "CdtDbtInd")
    sign = {"CRDT": "", "DBIT": "-"}.get(direction or "", f"{direction} ")
    # The other side: who paid a credit, whom a debit paid.
    other = "Dbtr" if direction == "CRDT" else "Cdtr"
    names = [_text(detail, f"RltdPties/{other}/{name}") for detail in details for name in ("Nm", "Pty/Nm")]
    references = [
        _text(detail, path)
        for detail in details
        for path in ("RmtInf/Strd/CdtrRefInf/Ref", "Refs/EndToEndId", "Refs/InstrId", "RmtInf/Strd/RfrdDocInf/Nb")
    ]
    told = [reference for reference in references if reference and squeezed(reference) not in NO_REFERENCE]
    words = [
        text
        for detail in details
        for path in ("RmtInf/Ustrd", "RmtInf/Strd/AddtlRmtInf", "RmtInf/Strd/RfrdDocInf/Nb", "AddtlTxInf")
        for element in detail.findall(path)
        if (text := (element.text or "").strip())
    ]
    additional = _text(booked, "AddtlNtryInf")
    one_reference = told[0] if len(details) == 1 and told else ""
    # References beside the first one are not lost: they are read as part of the text.
    others = [reference for reference in told if reference != one_reference]
    family = [_text(booked, f"BkTxCd/{path}") for path in ("Domn/Cd", "Domn/Fmly/Cd", "Domn/Fmly/SubFmlyCd")]
    return {
        "account": statement.account,
        "value_date": _day_text(booked, "ValDt"),
        "booking_date": _day_text(booked, "BookgDt"),
        "amount": f"{sign}{(amount.text or '').strip()}" if amount is not None else "",
        "currency": amount.get("Ccy", "") if amount is not None else "",
        "counterparty": next((name for name in names if name), ""),
        "reference": one_reference,
        "bank_reference": _text(part, "Refs/AcctSvcrRef") or _text(booked, "AcctSvcrRef") or "",
        "narrative": " ".join(dict.fromkeys([*words, *([additional] if additional else []), *others])),
        "bank_code": "/".join(code for code in family if code) or _text(booked, "BkTxCd/Prtry/Cd") or "",
    }


def _balance(found: Any, codes: tuple[str, ...]) -> tuple[Decimal | None, str | None]:
    """The balance of the first code that the statement has, signed, with its currency."""
    for code in codes:
        for balance in found.findall("Bal"):
            if _text(balance, "Tp/CdOrPrtry/Cd") != code:
                continue
            amount = parse_decimal(_text(balance, "Amt") or "")
            direction = _text(balance, "CdtDbtInd")
            if isinstance(amount, str) or direction not in ("CRDT", "DBIT"):
                raise FileFault(f"the balance {code} cannot be read: {amount} {direction or 'without CdtDbtInd'}")
            return (amount if direction == "CRDT" else -amount), balance.find("Amt").get("Ccy")
    return None, None


def _text(element: Any, path: str) -> str | None:
    found = element.findtext(path)
    return found.strip() or None if found else None


def _day_text(booked: Any, tag: str) -> str:
    return _text(booked, f"{tag}/Dt") or (_text(booked, f"{tag}/DtTm") or "")[:10]


def _day(text: str | None) -> Any:
    day = parse_date((text or "")[:10])
    return None if isinstance(day, str) else day


def _source(element: Any) -> str:
    return str(etree.tostring(element, encoding="unicode", with_tail=False))
