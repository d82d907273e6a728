"""US dollars of an amount, by the exchange rates that have landed: only to tell how much somebody may approve.

No figure that is billed comes from here. Where several sources disagree the one that makes most dollars counts.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_UP, Decimal

import duckdb

from billing_assets.access.act import ToUsd, dollars_only
from billing_assets.access.errors import MissingRate

# Rates move a few percent in a month, and the steps of the ladder are factors of four and more. Older than this,
# somebody has stopped delivering rates.
_OLDEST = timedelta(days=31)
_CENT = Decimal("0.01")

# Units of the currency for one dollar, or dollars for one unit: the newest day on which there is a rate.
_RATES = """
    select base_currency = 'USD' as is_inverse, rate
    from raw_fx.rates
    where
        (base_currency, quote_currency) in ((?, 'USD'), ('USD', ?)) and rate_date between ? and ?
    qualify rate_date = max(rate_date) over ()
"""


def dollars(connection: duckdb.DuckDBPyConnection, as_of: date) -> ToUsd:
    """The conversion by the newest rates up to `as_of`, rounded up to the cent. It raises MissingRate."""

    def convert(amount: Decimal, currency: str) -> Decimal:
        if currency == "USD":
            return dollars_only(amount, currency)
        rows = connection.execute(_RATES, [currency, currency, as_of - _OLDEST, as_of]).fetchall()
        found: list[Decimal] = [amount / rate if is_inverse else amount * rate for is_inverse, rate in rows]
        if not found:
            raise MissingRate(
                f"no rate between {currency} and USD landed for {as_of - _OLDEST} to {as_of}, so nobody can say who "
                f"may approve {amount:f} {currency}: land one in fx/, run `billing run`, then ask again"
            )
        return max(found).quantize(_CENT, ROUND_UP)

    return convert
