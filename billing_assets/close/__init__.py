"""The month's end: what is still open before a period can be locked.

Belongs here: readiness as people read it; soft close, lock and reopening; what a lock freezes. Gates are counted by
dbt (marts.fct_readiness), states are kept by `ledger`, who may act is `access`'s.
"""

from billing_assets.close.status import CloseStatus, render, status

__all__ = ["CloseStatus", "render", "status"]
