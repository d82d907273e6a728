"""Contract documents: the canonical form, checked term by term, as rows of the raw_contracts tables.

Belongs here: which terms a contract has and what values they may take. Prices are in `prices`, typed access to
fields in `terms`. Defaults are not filled in (staging does); nothing is computed; a doubtful term is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from billing_assets.landing.prices import Row, read_price
from billing_assets.landing.quarantine import Fault, cut
from billing_assets.landing.strict_json import NotJson, canonical, canonical_hash, loads
from billing_assets.landing.terms import BadTerm, Terms, number_of, scalar_text
from billing_assets.money import exponent

FREQUENCIES = ("daily", "weekly", "monthly", "quarterly", "semiannual", "annual")
CHANNELS = ("direct", "aws_marketplace", "azure_marketplace", "google_marketplace")
PARTNER_PREFIX = "partner:"
ROUNDING_MODES = ("half_up", "half_even", "ceil", "floor")
ROUNDING_STAGES = ("line", "total")
TAX_ROUNDINGS = ("line", "rate", "by_tax", "total")
PRORATIONS = ("day", "second", "none")
CHARGE_TYPES = ("usage", "recurring", "one_time")
TIMINGS = ("advance", "arrears")
AGGREGATIONS = (
    "sum", "count", "max", "min", "latest", "average", "unique_count", "weighted_sum",
)  # fmt: skip
CONVERSION_ROUNDINGS = ("none", "up", "down", "half_up")
COMMITMENT_KINDS = ("minimum_spend", "prepaid", "windowed")
WINDOWS = ("billing_period", "contract", "annual", "month", "day", "hour")
GRANT_KINDS = ("purchased", "promotional", "sla", "commit")
DISCOUNT_KINDS = ("percent", "amount", "free_quantity")
DURATION_KINDS = ("once", "periods", "forever")
# What the rounding macro can do: tens of thousands (negative) are no minor unit; 12 keeps an amount unrounded.
FEWEST_PLACES, MOST_PLACES = -2, 12

# Columns of a version that say where it stands, not what was agreed.
_PROVENANCE = ("document", "file_sequence", "line", "terms_hash", "source_uri", "source_sha256")
# Columns of a charge that no figure depends on: a new wording must not split a billing period.
_NOT_TERMS = ("position", "description", "external_ids", "price", "price_hash", "terms_hash")


@dataclass
class Contract:
    """One contract version: rows by table of raw_contracts. `terms_hash` is equal for equal terms."""

    contract_id: str
    version: int
    line: int
    terms_hash: str = ""
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> None:
        keys = {"contract_id": self.contract_id, "version": self.version}
        self.rows.setdefault(table, []).append(keys | row)


def read(text: str) -> Iterator[tuple[int, Contract | Fault]]:
    """Every document of a file as (line, Contract) or (line, Fault); line = where it starts, from 1."""
    for line, original in documents(text):
        yield line, parse(original, line)


def parse(text: str, line: int) -> Contract | Fault:
    """One document from its JSON text."""
    try:
        return _contract(Terms(loads(text)), line)
    except NotJson as error:
        return Fault("json", str(error), line, cut(text))
    except BadTerm as error:
        return Fault(error.code, error.reason, line, cut(text))


def documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a file with the line each starts on: one object over many lines, or one object a line.

    A file that is neither is one document where no line is a document of its own, else JSON Lines: so one broken
    line costs one contract, and one broken pretty-printed object is reported once.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        return
    if len(lines) > 1 and not _is_json(text) and any(_is_document(line) for _, line in lines):
        yield from ((number, line.strip()) for number, line in lines)
        return
    yield lines[0][0], text.strip()


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except NotJson:
        return False
    return True


def _is_document(line: str) -> bool:
    try:
        value = loads(line)
    except NotJson:
        return False
    return isinstance(value, Mapping) and "contract_id" in value


def _contract(terms: Terms, line: int) -> Contract:
    version = terms.integer("version", at_least=0)
    if version is None:
        raise terms.bad("version", "missing")
    contract = Contract(terms.required_text("contract_id"), version, line)
    zone = _zone(terms)
    header = _header(terms, zone)
    account = terms.child("account")
    header |= _account(account)
    for organization in account.texts("organizations"):
        contract.add(
            "organizations",
            {"account_id": header["account_id"], "organization_id": organization},
        )
    charges = terms.children("charges")
    _unique(charges, "charge_id")
    for position, charge in enumerate(charges, start=1):
        _charge(contract, charge, position)
    _each(contract, terms, "commitments", "commitment_id", lambda one: _commitment(contract, one, zone))
    _each(contract, terms, "credit_grants", "grant_id", lambda one: _grant(contract, one, zone))
    _each(contract, terms, "discounts", "discount_id", lambda one: _discount(contract, one, None))
    _each(contract, terms, "taxes", "tax_code", lambda one: _tax(contract, one))
    for approval in terms.children("approvals"):
        _approval(contract, approval, zone)
    source = terms.child("source_document")
    header["source_uri"] = source.text("uri")
    header["source_sha256"] = source.text("sha256")
    unknown = terms.unknown()
    header["unknown_fields"] = canonical(unknown) if unknown else None
    contract.add("versions", header)
    contract.terms_hash = canonical_hash(_terms_of(contract))
    contract.rows["versions"][0] |= {
        "terms_hash": contract.terms_hash,
        "document": canonical(terms.value()),
        "line": line,
    }
    return contract


def _zone(terms: Terms) -> str | None:
    zone = terms.text("timezone")
    if zone is None:
        return None
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise terms.bad("timezone", f"'{zone}' is no zone of the tz database") from None
    return zone


def _header(terms: Terms, zone: str | None) -> Row:
    channel = terms.required_text("channel")
    if channel not in CHANNELS and not (
        channel.startswith(PARTNER_PREFIX) and channel.removeprefix(PARTNER_PREFIX).strip()
    ):
        raise terms.bad("channel", f"'{channel}' is none of {', '.join(CHANNELS)}, {PARTNER_PREFIX}<id>")
    starts_on, ends_on = terms.required_day("starts_on"), terms.day("ends_on")
    if ends_on is not None and ends_on < starts_on:
        raise terms.bad("ends_on", "before starts_on", "time")
    billing = terms.child("billing")
    rounding = billing.child("rounding")
    return {
        "effective_from": terms.required_day("effective_from"),
        "signed_at": terms.moment("signed_at", zone),
        "external_ids": _names(terms, "external_ids"),
        "channel": channel,
        "selling_entity": terms.required_text("selling_entity"),
        "currency": _currency(terms, "currency", required=True),
        "timezone": zone,
        "starts_on": starts_on,
        "ends_on": ends_on,
        # Without a frequency no bill date exists: that must be seen now, not as usage that nobody bills.
        "frequency": billing.required_choice("frequency", FREQUENCIES),
        "every": billing.integer("every", at_least=1),
        "anchor_date": billing.day("anchor_date"),
        "payment_terms_days": billing.integer("payment_terms_days", at_least=0),
        "po_number": billing.text("po_number"),
        "rounding_mode": rounding.choice("mode", ROUNDING_MODES),
        "rounding_stage": rounding.choice("stage", ROUNDING_STAGES),
        "rounding_places": rounding.integer("places", at_least=FEWEST_PLACES, at_most=MOST_PLACES),
        "tax_rounding": billing.choice("tax_rounding", TAX_ROUNDINGS),
        "proration": billing.choice("proration", PRORATIONS),
        "trial_days": billing.integer("trial_days", at_least=0),
        "marketplace": _marketplace(terms),
    }


def _account(account: Terms) -> Row:
    return {
        "account_id": account.required_text("account_id"),
        "account_name": account.text("name"),
        "account_country": account.text("country"),
        "account_currency": _currency(account, "currency"),
        "tax_id": account.text("tax_id"),
        "bill_to": _text_or_object(account, "bill_to"),
        "account_external_ids": _names(account, "external_ids"),
    }


def _marketplace(terms: Terms) -> str | None:
    if not terms.has("marketplace"):
        return None
    marketplace = terms.child("marketplace")
    for name in (
        "agreement_id", "offer_id", "product_id", "product_code", "license_arn", "customer_account_id",
    ):  # fmt: skip
        marketplace.text(name)
    if marketplace.has("metering"):
        metering = marketplace.child("metering")
        metering.text("dimension")
        metering.number("unit_amount", positive=True)
        metering.integer("decimals", at_least=0, at_most=MOST_PLACES)
    return canonical(marketplace.value())


def _charge(contract: Contract, charge: Terms, position: int) -> None:
    charge_id = charge.required_text("charge_id")
    key = {"charge_id": charge_id}
    type_ = charge.required_choice("type", CHARGE_TYPES)
    effective_from, effective_to = charge.day("effective_from"), charge.day("effective_to")
    if effective_from is not None and effective_to is not None and effective_to < effective_from:
        raise charge.bad("effective_to", "before effective_from", "time")
    aggregation = charge.choice("aggregation", AGGREGATIONS)
    if aggregation == "unique_count" and not charge.has("property"):
        raise charge.bad("property", "missing: unique_count needs the property that it counts")
    conversion = charge.child("unit_conversion")
    divide_by = conversion.number("divide_by", positive=True)
    conversion_rounding = conversion.choice("rounding", CONVERSION_ROUNDINGS)
    if divide_by is None and conversion_rounding is not None:
        raise conversion.bad("divide_by", "missing")
    quantities = _quantities(charge)
    if not charge.has("price"):
        raise charge.bad("price", "missing")
    price = read_price(charge.child("price"))
    price_form = _normal(price.normal_form())
    row: Row = key | {
        "position": position,
        "product": charge.text("product"),
        "description": charge.text("description"),
        "type": type_,
        "timing": charge.choice("timing", TIMINGS),
        "effective_from": effective_from,
        "effective_to": effective_to,
        "due_on": charge.day("due_on"),
        "quantity": quantities[0]["quantity"] if [q["from_date"] for q in quantities] == [None] else None,
        "meter": charge.required_text("meter") if type_ == "usage" else charge.text("meter"),
        "aggregation": aggregation,
        "property": charge.text("property"),
        "divide_by": divide_by,
        "conversion_rounding": conversion_rounding,
        "model": price.model,
        "dimension": price.dimension,
        "included_quantity": charge.number("included_quantity", at_least=0),
        "minimum": charge.number("minimum", at_least=0),
        "maximum": charge.number("maximum", at_least=0),
        "prorate": charge.flag("prorate"),
        "price": canonical(price_form),
        "price_hash": canonical_hash(price_form),
        "external_ids": _names(charge, "external_ids"),
    }
    details: dict[str, list[Row]] = {
        "price_cells": price.cells,
        "price_cell_conditions": price.conditions,
        "price_tiers": price.tiers,
        "charge_filters": _filters(charge),
        "charge_group_by": [
            {"property": name, "position": number} for number, name in enumerate(charge.texts("group_by"), start=1)
        ],
        "charge_quantities": quantities,
    }
    for table, rows in details.items():
        for detail in rows:
            contract.add(table, key | detail)
    discounts = charge.children("discounts")
    _unique(discounts, "discount_id")
    for discount in discounts:
        _discount(contract, discount, charge_id)
    row["terms_hash"] = canonical_hash(
        [
            _normal({name: value for name, value in row.items() if name not in _NOT_TERMS}),
            row["price_hash"],
            _sorted(details["charge_filters"]),
            _normal(details["charge_group_by"]),
            _normal(details["charge_quantities"]),
            _sorted([one for one in contract.rows.get("discounts", []) if one["charge_id"] == charge_id]),
        ]
    )
    contract.add("charges", row)


def _quantities(charge: Terms) -> list[Row]:
    """The quantities of a recurring charge in the order of their dates; a plain one has no date."""
    value = charge.raw("quantity")
    if value is None:
        return []
    if not isinstance(value, list):
        quantity = number_of(value, charge.at("quantity"), at_least=0)
        return [{"from_date": None, "quantity": quantity}]
    rows = [
        {"from_date": one.required_day("from"), "quantity": one.required_number("quantity", at_least=0)}
        for one in charge.children("quantity")
    ]
    if len({row["from_date"] for row in rows}) < len(rows):
        raise charge.bad("quantity", "two quantities from the same day")
    return sorted(rows, key=lambda row: row["from_date"])


def _filters(charge: Terms) -> list[Row]:
    filters = charge.child("filter")
    rows: list[Row] = []
    for name in filters.names():
        allowed = filters.raw(name)
        values = allowed if isinstance(allowed, list) else [allowed]
        if not values:
            raise filters.bad(name, "an empty list lets nothing pass")
        texts = [scalar_text(value, filters.at(name)) for value in values]
        rows.extend({"property": name, "value": value} for value in dict.fromkeys(texts))
    return rows


def _commitment(contract: Contract, terms: Terms, zone: str | None) -> None:
    commitment_id = terms.required_text("commitment_id")
    kind = terms.required_choice("kind", COMMITMENT_KINDS)
    rollover = terms.child("rollover")
    row: Row = {
        "commitment_id": commitment_id,
        "kind": kind,
        "amount": terms.number("amount", at_least=0),
        "quantity": terms.number("quantity", at_least=0),
        "time_window": terms.choice("window", WINDOWS),
        "overage_factor": terms.number("overage_factor", at_least=0),
        "true_up": terms.flag("true_up"),
        "prorate": terms.flag("prorate"),
        "priority": terms.integer("priority"),
        "expires_at": terms.moment("expires_at", zone),
        "rollover_min": rollover.number("min", at_least=0),
        "rollover_max": rollover.number("max", at_least=0),
    }
    hours = terms.children("time_of_day")
    if kind != "windowed" and row["amount"] is None:
        raise terms.bad("amount", "missing")
    if kind == "windowed":
        if row["time_window"] is None:
            raise terms.bad("window", "missing")
        if row["amount"] is None and row["quantity"] is None and not hours:
            raise terms.bad("amount", "missing")
    if row["amount"] is not None and row["quantity"] is not None:
        raise terms.bad("quantity", "a commitment is an amount or a quantity, not both")
    contract.add("commitments", row)
    for hour in hours:
        from_hour = hour.integer("from_hour", at_least=0, at_most=23)
        to_hour = hour.integer("to_hour", at_least=1, at_most=24)
        if from_hour is None or to_hour is None:
            raise hour.bad("from_hour" if from_hour is None else "to_hour", "missing")
        contract.add(
            "commitment_hours",
            {
                "commitment_id": commitment_id,
                "from_hour": from_hour,
                "to_hour": to_hour,
                "unit_price": hour.number("unit_price"),
                "amount": hour.number("amount", at_least=0),
                "quantity": hour.number("quantity", at_least=0),
                "overage_factor": hour.number("overage_factor", at_least=0),
                "true_up": hour.flag("true_up"),
            },
        )
    _applies_to(contract, terms, "commitment", commitment_id)


def _grant(contract: Contract, terms: Terms, zone: str | None) -> None:
    grant_id = terms.required_text("grant_id")
    recurrence = terms.child("recurrence")
    effective_at, expires_at = terms.moment("effective_at", zone), terms.moment("expires_at", zone)
    if effective_at is not None and expires_at is not None and expires_at < effective_at:
        raise terms.bad("expires_at", "before effective_at", "time")
    contract.add(
        "grants",
        {
            "grant_id": grant_id,
            "commitment_id": terms.text("commitment_id"),
            "amount": terms.required_number("amount", at_least=0),
            "unit": terms.text("unit"),
            "kind": terms.choice("kind", GRANT_KINDS),
            "effective_at": effective_at,
            "expires_at": expires_at,
            "voided_at": terms.moment("voided_at", zone),
            "priority": terms.integer("priority"),
            "purchased_by": terms.text("purchased_by"),
            "cost_basis": terms.number("cost_basis", at_least=0),
            "every_days": recurrence.integer("every_days", at_least=1),
            "anchor": recurrence.moment("anchor", zone),
            "reset": recurrence.flag("reset"),
            "rollover_min": recurrence.number("rollover_min", at_least=0),
            "rollover_max": recurrence.number("rollover_max", at_least=0),
            "preserve_overage": terms.flag("preserve_overage"),
        },
    )
    _applies_to(contract, terms, "grant", grant_id)


def _discount(contract: Contract, terms: Terms, charge_id: str | None) -> None:
    discount_id = terms.required_text("discount_id")
    duration = terms.child("duration")
    from_date, to_date = terms.day("from"), terms.day("to")
    if from_date is not None and to_date is not None and to_date < from_date:
        raise terms.bad("to", "before from", "time")
    duration_kind = duration.choice("kind", DURATION_KINDS)
    duration_periods = duration.integer("periods", at_least=1)
    if duration_kind == "periods" and duration_periods is None:
        raise duration.bad("periods", "missing")
    contract.add(
        "discounts",
        {
            "charge_id": charge_id,
            "discount_id": discount_id,
            "kind": terms.required_choice("kind", DISCOUNT_KINDS),
            "value": terms.required_number("value", at_least=0),
            "currency": _currency(terms, "currency"),
            "from_date": from_date,
            "to_date": to_date,
            "sort_order": terms.integer("order"),
            "duration_kind": duration_kind,
            "duration_periods": duration_periods,
        },
    )
    if charge_id is None:
        _applies_to(contract, terms, "discount", discount_id)
    elif terms.texts("applies_to") not in ([], [charge_id]):
        raise terms.bad("applies_to", "a discount of a charge applies to that charge")


def _tax(contract: Contract, terms: Terms) -> None:
    tax_code = terms.required_text("tax_code")
    contract.add(
        "taxes",
        {
            "tax_code": tax_code,
            "rate_percent": terms.required_number("rate_percent", at_least=0),
            "inclusive": terms.flag("inclusive"),
        },
    )
    _applies_to(contract, terms, "tax", tax_code)


def _approval(contract: Contract, terms: Terms, zone: str | None) -> None:
    contract.add(
        "approval_claims",
        {
            "what": terms.required_text("what"),
            "charge_id": terms.text("charge_id"),
            "approved_version": terms.integer("version"),
            "approved_by": terms.text("by"),
            "approved_at": terms.moment("at", zone),
            "reason": terms.text("reason"),
        },
    )


def _applies_to(contract: Contract, terms: Terms, owner_kind: str, owner_id: str) -> None:
    if terms.raw("applies_to") == []:
        # No row means all; an empty list would be read as its opposite.
        raise terms.bad("applies_to", "an empty list applies to nothing; null applies to all")
    for target in terms.texts("applies_to"):
        contract.add("applies_to", {"owner_kind": owner_kind, "owner_id": owner_id, "target": target})


def _each(contract: Contract, terms: Terms, name: str, key: str, read_one: Callable[[Terms], None]) -> None:
    children = terms.children(name)
    _unique(children, key)
    for child in children:
        read_one(child)


def _unique(children: list[Terms], key: str) -> None:
    seen: set[str] = set()
    for child in children:
        value = child.required_text(key)
        if value in seen:
            raise child.bad(key, f"'{value}' stands twice")
        seen.add(value)


def _currency(terms: Terms, name: str, *, required: bool = False) -> str | None:
    currency = terms.required_text(name) if required else terms.text(name)
    if currency is not None:
        try:
            exponent(currency)
        except KeyError:
            raise terms.bad(name, f"'{currency}' is no ISO 4217 currency") from None
    return currency


def _names(terms: Terms, name: str) -> str | None:
    """A flat object of texts (ids in other systems) as canonical JSON."""
    if not terms.has(name):
        return None
    names = terms.child(name)
    for key in names.names():
        names.text(key)
    return canonical(names.value())


def _text_or_object(terms: Terms, name: str) -> str | None:
    value = terms.raw(name)
    return canonical(value) if isinstance(value, Mapping) else terms.text(name)


def _terms_of(contract: Contract) -> dict[str, Any]:
    """Everything agreed in a version, in an order of its own, so that the layout of the document does not matter."""
    return {table: _sorted(rows, without=_PROVENANCE) for table, rows in contract.rows.items()}


def _sorted(rows: list[Row], without: tuple[str, ...] = ()) -> list[Any]:
    kept = [{name: value for name, value in row.items() if name not in without} for row in rows]
    return sorted((_normal(row) for row in kept), key=canonical)


def _normal(value: Any) -> Any:
    """The value with dates as text, without nulls and without the keys that every row of a version shares."""
    if isinstance(value, Mapping):
        return {
            name: _normal(inner)
            for name, inner in value.items()
            if inner is not None and name not in ("contract_id", "version")
        }
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value
