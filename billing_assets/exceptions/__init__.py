"""The work queue over control results: what an exception is, and when it was first seen.

Belongs here: the identity of an exception and handing sightings to the record. Its figures, owner and due date are
computed by dbt (marts.fct_exceptions) from the controls and the record; decisions of people live in the ledger.
"""

from billing_assets.exceptions.identity import exception_id
from billing_assets.exceptions.register import register

__all__ = ["exception_id", "register"]
