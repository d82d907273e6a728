"""Runs the revisions on the connection that `Ledger.open` holds; there is no alembic.ini and no offline mode.

Batch mode stays off: it rebuilds tables, which drops their guards and rewrites chained rows.
"""

from alembic import context

from billing_assets.ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
