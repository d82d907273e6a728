"""What the landed contracts say of meters: which properties to keep apart, what to read, what a row must have.

Only facts that metering needs; what a charge costs belongs to the dbt project. Rules only ever grow: every
version of every contract counts, so a property once kept apart stays so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

# Every meter keeps it apart: an event may name its contract.
CONTRACT_PROPERTY = "contract_id"
QUANTITY = "quantity"
LATEST, LEVEL, UNIQUE = "latest", "level", "unique "
# A `precomputed` price reads this property of each event (major units of money).
AMOUNT_PROPERTY = "amount"
# A `capacity` price compares the peaks of each unit with its limits.
UNIT_PROPERTY = "unit"


# The two partials that cost as much as all others together, and that one aggregation each reads.
_EXTRA_OF = {"latest": LATEST, "weighted_sum": LEVEL}


@dataclass(frozen=True)
class MeterRules:
    """The rules of all meters; a pair is (meter, property)."""

    dimensions: frozenset[tuple[str, str]]
    measures: frozenset[tuple[str, str]]  # numeric readings: properties, and QUANTITY for every meter
    # What roll-ups keep beyond count, sum, max and min: (meter, LATEST or LEVEL), or 'unique <property>'.
    extras: frozenset[tuple[str, str]]
    # Meters where a missing quantity cannot count as 1.
    quantity_required: frozenset[str]
    # Meters where a negative quantity is a fall in level, and meters where it can mean nothing.
    level_meters: frozenset[str]
    refuses_negative: frozenset[str]
    quarter_hour_accounts: frozenset[str]

    def dimensions_of(self, meter: str) -> frozenset[str]:
        """The properties that roll-ups of a meter keep apart."""
        return frozenset(p for m, p in self.dimensions if m == meter) | {CONTRACT_PROPERTY}

    def readings_of(self, meter: str) -> frozenset[str]:
        """The numeric properties that roll-ups of a meter read."""
        return frozenset(p for m, p in self.measures if m == meter and p != QUANTITY)

    def unique_of(self, meter: str) -> frozenset[str]:
        """The properties whose distinct values are kept for a meter."""
        return frozenset(
            extra.removeprefix(UNIQUE) for m, extra in self.extras if m == meter and extra.startswith(UNIQUE)
        )

    def meters_with(self, extra: str) -> list[str]:
        """The meters whose roll-ups keep LATEST or LEVEL, in order."""
        return sorted(meter for meter, name in self.extras if name == extra)


def read_rules(connection: duckdb.DuckDBPyConnection) -> MeterRules:
    """The rules of every contract version loaded so far (raw_contracts)."""
    charges = connection.execute(
        """
        select distinct
            charges.meter, coalesce(charges.aggregation, 'sum'), charges.property, charges.model,
            charges.dimension, cells.model
        from raw_contracts.charges
        left join raw_contracts.price_cells as cells using (contract_id, version, charge_id)
        where charges.meter is not null
        """
    ).fetchall()
    named = connection.execute(
        """
        with named as (
            select contract_id, version, charge_id, property from raw_contracts.charge_filters
            union
            select contract_id, version, charge_id, property from raw_contracts.charge_group_by
            union
            select contract_id, version, charge_id, property from raw_contracts.price_cell_conditions
        )
        select distinct charges.meter, named.property
        from named
        join raw_contracts.charges using (contract_id, version, charge_id)
        where charges.meter is not null
        """
    ).fetchall()
    dimensions = set(named)
    measures, extras = set(), set()
    quantity_readers: dict[str, set[str]] = {}
    for meter, aggregation, read_property, model, dimension, cell_model in charges:
        models = {model, cell_model}
        measures.add((meter, QUANTITY))
        dimensions.add((meter, CONTRACT_PROPERTY))
        if dimension is not None:
            dimensions.add((meter, dimension))
        if "capacity" in models:
            dimensions.add((meter, UNIT_PROPERTY))
        if "precomputed" in models:
            measures.add((meter, AMOUNT_PROPERTY))
        elif aggregation == "unique_count":
            if read_property is not None:
                extras.add((meter, UNIQUE + read_property))
        elif aggregation != "count":
            if aggregation in _EXTRA_OF:
                extras.add((meter, _EXTRA_OF[aggregation]))
            if read_property is not None:
                measures.add((meter, read_property))
            else:
                quantity_readers.setdefault(meter, set()).add(aggregation)
    level_meters = {meter for meter, readers in quantity_readers.items() if "weighted_sum" in readers}
    return MeterRules(
        dimensions=frozenset(dimensions),
        measures=frozenset(measures),
        extras=frozenset(extras),
        quantity_required=frozenset(quantity_readers),
        level_meters=frozenset(level_meters),
        refuses_negative=frozenset(meter for meter, readers in quantity_readers.items() if readers != {"sum"})
        - level_meters,
        quarter_hour_accounts=_quarter_hour_accounts(connection),
    )


def _quarter_hour_accounts(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Accounts and organizations with a contract whose local midnights, or whose credits' beginnings or ends, do not
    fall on a whole UTC hour."""
    rows = connection.execute(
        """
        with cut_contracts as (
            select distinct contract_id
            from raw_contracts.grants, unnest([effective_at, expires_at, voided_at, anchor]) as moments(moment)
            where moment <> date_trunc('hour', moment)
        )
        select versions.timezone, ids.account_id, versions.contract_id in (from cut_contracts) as is_cut
        from raw_contracts.versions
        join (
            select contract_id, version, account_id from raw_contracts.versions
            union
            select contract_id, version, organization_id as account_id from raw_contracts.organizations
        ) as ids using (contract_id, version)
        """
    ).fetchall()
    return frozenset(
        account for zone, account, is_cut in rows if account and (is_cut or (zone and is_off_the_hour(zone)))
    )


@cache
def is_off_the_hour(zone: str) -> bool:
    """Whether a zone's offset was ever, or will be, no whole hour. An unknown zone is not: landing refuses it.

    Every half month of 2000-2049 is looked at: older usage is not billed, and half-hour summer time (Lord Howe)
    lasts months.
    """
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    start = datetime(2000, 1, 1, tzinfo=UTC)
    moments = (start + timedelta(days=15 * step) for step in range(50 * 366 // 15))
    return any((place.utcoffset(moment) or timedelta()) % timedelta(hours=1) for moment in moments)
