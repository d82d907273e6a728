"""A ledger with a staffed office, made once and copied: hiring people takes longer than most tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from billing_assets.access.duties import ACCESS_ADMIN, PERSONS_ONLY, ROLES
from billing_assets.access.people import Actor
from billing_assets.ledger import Ledger
from tests.access.builders import ADMIN, hire, staff
from tests.ledger.builders import RUN, new_ledger, url_of

EVERY_ROLE = tuple(sorted(set(ROLES) - {ACCESS_ADMIN, "analyst", "auditor"}))
SERVICE_ROLES = tuple(sorted(role for role, duties in ROLES.items() if duties and not duties & PERSONS_ONLY))


@dataclass(frozen=True)
class Office:
    """An open ledger and who works there: user id -> actor."""

    ledger: Ledger
    people: dict[str, Actor]
    folder: Path

    def __getitem__(self, user_id: str) -> Actor:
        return self.people[user_id]

    @property
    def admin(self) -> Actor:
        return self.people[ADMIN]


@pytest.fixture(scope="session", autouse=True)
def _no_power_cuts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.ledger.guards_sqlite._SYNCHRONOUS", "OFF")
        patch.setattr("billing_assets.ledger.seal._fsync", lambda _: None)
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with new_ledger(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def _office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Actor]]:
    """x.one and y.one may do everything but administer access, bot.one is a service account of x.one and may do what
    such an account can, new.one and new.two have no role; the others do what their name says."""
    folder = tmp_path_factory.mktemp("office")
    with new_ledger(folder) as ledger:
        ledger.start_run(RUN)
        actors = staff(
            ledger,
            {
                "admin.two": "access_admin",
                "clerk.one": ("credit_requester", "contract_admin"),
                "analyst.one": "analyst",
                "analyst.two": "analyst",
                "lead.one": "team_lead",
                "manager.one": "billing_manager",
                "controller.one": "controller",
                "controller.two": "controller",
                "cfo.one": "cfo",
                "auditor.one": "auditor",
                "x.one": EVERY_ROLE,
                "y.one": EVERY_ROLE,
                "new.one": (),
                "new.two": (),
            },
        )
        actors["bot.one"] = hire(ledger, actors[ADMIN], "bot.one", SERVICE_ROLES, owner="x.one")
    return folder, actors


@pytest.fixture
def office(_office: tuple[Path, dict[str, Actor]], tmp_path: Path) -> Iterator[Office]:
    template, actors = _office
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with Ledger.open(url_of(tmp_path)) as opened:
        yield Office(opened, actors, tmp_path)
