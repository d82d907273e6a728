"""Alembic revisions of the ledger, run at open. No revision rewrites or rebuilds a chained table: it only adds."""
