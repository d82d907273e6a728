"""The guards and transactions of a ledger in a PostgreSQL schema, and everything that is true of PostgreSQL alone.

Four triggers guard each table: an insert guard for every row, and update, delete and truncate refused. They fire
always, for replication roles too, and their functions look names up in the ledger's own schema only. Whoever owns
the tables can switch triggers off, write rules or change a function, so all of it is compared at every open; what
was done in between, `verify` finds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, text

from billing_assets.ledger import guard_rules
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.guard_rules import WRITES
from billing_assets.ledger.tables import METADATA

# One writer at a time: the key of the transaction lock, the same for every ledger of a database.
_LOCK = 0x62696C6C  # "bill"
# A commit that returned survives a power cut, whatever the server's default is.
_SYNCHRONOUS = "on"
# lock_not_available: lock_timeout ran out.
_BUSY = "55P03"
# pg_trigger.tgtype: what fires, and when.
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32
_OPERATIONS = {
    "insert": _ROW | _BEFORE | _INSERT,
    "update": _BEFORE | _UPDATE,
    "delete": _BEFORE | _DELETE,
    "truncate": _BEFORE | _TRUNCATE,
}
_ALWAYS = "A"
_REFUSE = "guard_refuse"
_REFUSED = "integrity_constraint_violation using"


def engine_for(url: URL, *, create: bool) -> Engine:
    """An engine whose transactions read one moment, or write alone. The database itself has to be there."""
    del create  # a ledger that is not there has no schema, which is said where the schema is read
    if url.get_driver_name() not in ("psycopg", "psycopg2"):
        raise LedgerError(f"PostgreSQL is spoken to by psycopg, not {url.get_driver_name()}: use postgresql://...")
    # Without a driver in the URL, SQLAlchemy would take psycopg2.
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def default_seal(url: URL) -> Path:
    raise LedgerError(f"say where the seal of {url.database} is (BILLING_SEAL): a database has no folder of its own")


def is_busy(error: object) -> bool:
    return getattr(error, "sqlstate", None) == _BUSY


def _prepare(connection: Any, _: Any) -> None:
    connection.execute(f"set synchronous_commit = {_SYNCHRONOUS}")
    connection.execute(f"set lock_timeout = {int(guard_rules.WAIT_SECONDS * 1_000)}")
    connection.commit()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITES, False):
        # What is read after the lock has to be what the writer before committed: no snapshot from before the wait.
        connection.exec_driver_sql("set transaction isolation level read committed")
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK})")
    else:
        connection.exec_driver_sql("set transaction isolation level repeatable read, read only")


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Create the guards of `tables`, and take every right on them from PUBLIC."""
    wanted = sorted(set(tables))
    schema = _schema(connection)
    for name, body in _functions().items():
        if name == _REFUSE or name.removeprefix("guard_").removesuffix("_insert") in wanted:
            connection.exec_driver_sql(
                f"create or replace function {name}() returns trigger language plpgsql "
                f"set search_path = {schema}, pg_temp as $guard${body}$guard$"
            )
    for table in wanted:
        for operation in _OPERATIONS:
            connection.exec_driver_sql(
                f"create trigger guard_{table}_{operation} before {operation} on {table} "
                f"for each {'row' if operation == 'insert' else 'statement'} "
                f"execute function {_function(table, operation)}()"
            )
            connection.exec_driver_sql(f"alter table {table} enable always trigger guard_{table}_{operation}")
        connection.exec_driver_sql(f"revoke all on {table} from public")


def reinstall(connection: Connection) -> None:
    """Drop the guards there are and create those of every table."""
    for table, name in [(found.table, found.name) for found in _found_triggers(connection)]:
        if name.startswith("guard_"):
            connection.exec_driver_sql(f"drop trigger {name} on {table}")
    install(connection, [table.name for table in METADATA.sorted_tables])


def broken(connection: Connection) -> list[tuple[str, str]]:
    """(table, what is wrong) for each guard that is missing, altered or switched off, and whatever else acts there."""
    schema = _schema(connection)
    functions = _functions()
    faults = []
    found = {(row.table, row.name): row for row in _found_triggers(connection)}
    for table in (table.name for table in METADATA.sorted_tables):
        for operation, kind in _OPERATIONS.items():
            name, function = f"guard_{table}_{operation}", _function(table, operation)
            row = found.pop((table, name), None)
            if row is None:
                faults.append((table, f"guard {name} is missing"))
            elif row.enabled != _ALWAYS:
                faults.append((table, f"guard {name} is switched off"))
            elif (row.kind, row.function, row.condition, row.columns) != (kind, function, None, ""):
                faults.append((table, f"guard {name} is altered"))
            elif (row.body, row.language, row.settings) != (
                functions[function],
                "plpgsql",
                [f"search_path={schema}, pg_temp"],
            ):
                faults.append((table, f"guard {name} is altered: its function {function} is not ours"))
    faults += [(table, f"trigger {name} is not ours") for table, name in found]
    return sorted([*faults, *_strangers(connection)])


def _function(table: str, operation: str) -> str:
    return f"guard_{table}_insert" if operation == "insert" else _REFUSE


def _functions() -> dict[str, str]:
    """Function name -> its body."""
    functions = {_REFUSE: f" begin raise {_REFUSED} message = tg_table_name || '{guard_rules.refusal('')}'; end "}
    for table in METADATA.sorted_tables:
        checks = " ".join(
            f"if {when} then raise {_REFUSED} message = '{why}'; end if;"
            for when, why in guard_rules.insert_checks(table, "is distinct from")
        )
        # A writer that is none of ours waits its turn like the others.
        functions[f"guard_{table.name}_insert"] = (
            f" begin perform pg_advisory_xact_lock({_LOCK}); {checks} return new; end "
        )
    return functions


def _schema(connection: Connection) -> str:
    """The ledger's schema, in quotes where its name needs them."""
    return str(connection.exec_driver_sql("select quote_ident(current_schema())").scalar_one())


_TRIGGERS = text("""
    select
        relation.relname as table,
        trigger.tgname as name,
        trigger.tgtype::int as kind,
        trigger.tgenabled::text as enabled,
        function.proname as function,
        function.prosrc as body,
        function.proconfig as settings,
        language.lanname as language,
        trigger.tgqual::text as condition,
        trigger.tgattr::text as columns
    from pg_trigger as trigger
    join pg_class as relation on relation.oid = trigger.tgrelid
    join pg_proc as function on function.oid = trigger.tgfoid
    join pg_language as language on language.oid = function.prolang
    where relation.relnamespace = current_schema()::regnamespace and not trigger.tgisinternal
        and relation.relname in :tables
""").bindparams(bindparam("tables", expanding=True))

# What else can act on a table, or hide its rows: foreign keys switched off, rules, row security, rights of PUBLIC.
_STRANGERS = text("""
    select relation.relname, 'foreign key trigger ' || trigger.tgname || ' is switched off'
    from pg_trigger as trigger
    join pg_class as relation on relation.oid = trigger.tgrelid
    where relation.relnamespace = current_schema()::regnamespace and trigger.tgisinternal
        and trigger.tgenabled <> 'O' and relation.relname in :tables
    union all
    select tablename, 'rule ' || rulename || ' is not ours'
    from pg_rules
    where schemaname = current_schema() and tablename in :tables
    union all
    select relname, 'row security is switched on'
    from pg_class
    where relnamespace = current_schema()::regnamespace and relrowsecurity and relname in :tables
    union all
    select table_name, 'PUBLIC may ' || lower(privilege_type)
    from information_schema.role_table_grants
    where table_schema = current_schema() and grantee = 'PUBLIC' and table_name in :tables
""").bindparams(bindparam("tables", expanding=True))


def _found_triggers(connection: Connection) -> list[Any]:
    return list(connection.execute(_TRIGGERS, {"tables": _names()}))


def _strangers(connection: Connection) -> list[tuple[str, str]]:
    return [(str(table), str(problem)) for table, problem in connection.execute(_STRANGERS, {"tables": _names()})]


def _names() -> list[str]:
    return [table.name for table in METADATA.sorted_tables]
