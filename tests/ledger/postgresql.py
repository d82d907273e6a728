"""A real PostgreSQL server for tests: one for the session, and a database of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from billing_assets.ledger import Ledger


class Server:
    """A running server. Databases are copied from templates: a migration takes longer than most tests."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._admin = psycopg.connect(server.get_uri(), autocommit=True)
        self._counter = itertools.count(1)
        self._templates: dict[str, Path] = {}

    def url(self, database: str) -> str:
        return str(self._server.get_uri()).replace("/postgres?", f"/{database}?")

    def new(self, seal: Path, template: str = "", make: Callable[[Ledger], None] | None = None) -> str:
        """The URL of a new ledger, its seal in `seal`. `template` names what `make` wrote into it."""
        name = f"template_{template or 'empty'}"
        if name not in self._templates:
            self._templates[name] = self._folder / name
            self.create(name)
            with Ledger.open(self.url(name), self._templates[name]) as ledger:
                if make:
                    make(ledger)
        shutil.copytree(self._templates[name], seal, dirs_exist_ok=True)
        return self.url(self.create(f"test_{next(self._counter)}", name))

    def create(self, name: str, template: str = "template0") -> str:
        self._admin.execute(f"create database {name} template {template}")
        return name

    def drop(self, url: str) -> None:
        self._admin.execute(f"drop database {psycopg.conninfo.conninfo_to_dict(url)['dbname']} with (force)")

    def close(self) -> None:
        self._admin.close()
        self._server.cleanup()


@contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own: it runs as another user, who may not look into pytest's."""
    import pgserver

    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    server = Server(pgserver.get_server(folder / "data", cleanup_mode="stop"), folder)
    try:
        # Nobody cuts the power here.
        server._admin.execute("alter system set fsync = off")
        server._admin.execute("alter system set full_page_writes = off")
        server._admin.execute("select pg_reload_conf()")
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
