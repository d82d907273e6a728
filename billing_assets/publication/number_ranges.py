"""Where document numbers go on after a move: opening rows of kind number, into the ledger before anything is issued.

Belongs here: reading them. What a range may be told is in `ledger.numbers`; what was refused, control OPN-01 shows.
"""

from __future__ import annotations

from datetime import date

from billing_assets.ledger import Ledger, NumberStart, RefusedStart
from billing_assets.warehouse import Warehouse

# A cut-over to come is not yet where numbers go on: until then the former system gives them.
_STARTS = """
    select balances.selling_entity, balances.document_kind, balances.next_number, files.sha256
    from raw_opening.balances as balances
    inner join raw_landing.files as files on balances.file_sequence = files.file_sequence
    where balances.kind = 'number' and balances.as_of <= ?
    order by balances.file_sequence, balances.line
"""


def continue_numbers(ledger: Ledger, warehouse: Warehouse, as_of: date) -> list[RefusedStart]:
    """Tell the ledger where number ranges go on whose cut-over has come; returns what it refused."""
    with warehouse.reader() as connection:
        rows = connection.execute(_STARTS, [as_of]).fetchall()
    return ledger.start_numbers([NumberStart(*row) for row in rows], as_of) if rows else []
