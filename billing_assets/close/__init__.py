"""The month's end: what is still open before a period can be locked.

Belongs here: readiness as people read it. Gates are counted by dbt (marts.fct_readiness); locking, sign-off and the
evidence pack are decisions of people and come with the rooms that record them.
"""

from billing_assets.close.status import CloseStatus, render, status

__all__ = ["CloseStatus", "render", "status"]
