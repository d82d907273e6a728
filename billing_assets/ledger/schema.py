"""The schema's revision, and the way to the newest one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from billing_assets.ledger.errors import LedgerError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Modules are named for their revisions: r0002_... is 0002. Reading names spares Alembic's import at every opening.
NEWEST = max(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("r*.py"))
# Ledgers of before have a chain and no roots.
FIRST_SEALED = "0002"


def revision(connection: Connection) -> str | None:
    """The revision of the database; None where nothing was created yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
    return found


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring the schema to revision `to`, inside the caller's transaction. Raises LedgerError for an unknown one."""
    # Alembic takes a third of a second to import, and most openings find the schema as it should be.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise LedgerError(f"the ledger's schema is not one this version knows ({error}): update the code") from error
