"""One nightly run that is killed at the end of a step, or in the middle of publishing, and run again.

A child is forked for each run, from a process that has read the dbt project and opened no warehouse.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from billing_assets.automation.nightly import Nightly
from billing_assets.publication.targets.file import FileTarget
from billing_assets.settings import Settings
from billing_assets.transformation.phases import Phase
from tests.end_to_end.sample import contents
from tests.survival.kill import run_child
from tests.survival.year import FIRST, Year

AS_OF = date(2026, 2, 4)
# In the order of a run. "deliver" is in the middle of "publish": documents are issued and written, their batch is not.
STEPS = ("land", "prepare", "match", "phase_a", "judge", "deliver", "publish", "phase_b", "report")
_METHODS = ("land", "prepare", "match", "transform", "judge", "publish", "report")


@dataclass
class Home:
    """The first month of a small seller, run in one home. Every run is a process of its own.

    `new_ledger` makes a new ledger, sealed in a folder, and tells its URL; without it: SQLite in the home.
    """

    root: Path
    new_ledger: Callable[[Path], str] | None = None

    def __post_init__(self) -> None:
        Year(self.root).land_month(FIRST)
        self.night = Nightly(Settings(landing=self.root / "landing", home=self.root / "home", as_of=AS_OF, threads=2))
        self.night.dbt.read()
        self._place_ledger()

    @property
    def home(self) -> Path:
        return self.night.settings.home

    def run(self) -> None:
        run_child(self._run)

    def run_keeping(self, copy: Path) -> None:
        """A whole run; the home as it stood before anything was published stays in `copy`."""
        run_child(partial(self._run_keeping, copy))

    def killed(self, step: str, called: str = "run") -> None:
        """A run, or one step of it that is called alone, that dies at the end of `step`."""
        survived = self.root / "survived"
        run_child(partial(self._die_at, step, called, survived))
        assert not survived.exists(), f"{step} was not reached"

    def begin_anew(self, copy: Path | None = None) -> None:
        shutil.rmtree(self.home)
        if copy is None:
            self.home.mkdir()
            self._place_ledger()
        else:
            shutil.copytree(copy, self.home)

    def _place_ledger(self) -> None:
        if self.new_ledger:
            settings = self.night.settings
            url = self.new_ledger(settings.seal_path)
            self.night.settings = settings.model_copy(update={"ledger_url": url})

    def left(self) -> dict[str, str]:
        """Hash of every report and published file. The ledger behind them is sound."""
        with self.night.ledger() as ledger:
            assert ledger.verify() == []
        return contents(self.home)

    # -- in the child --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        assert self.night.run(), "there was nothing to do"

    def _run_keeping(self, copy: Path) -> None:
        publish = self.night.publish

        def copied_first() -> None:
            shutil.copytree(self.home, copy)
            publish()

        with patch.object(self.night, "publish", copied_first):
            self.night.run()

    def _die_at(self, step: str, called: str, survived: Path) -> None:
        for name in _METHODS:
            setattr(self.night, name, partial(_then_die, getattr(self.night, name), name, step))
        if step == "deliver":
            # Documents lie there, and what says that their batch is whole does not.
            patch.object(FileTarget, "close", lambda *_: _die()).start()
        getattr(self.night, called)()
        survived.touch()


def _then_die(method: Callable[..., Any], name: str, step: str, *arguments: Any) -> Any:
    result = method(*arguments)
    reached = str(arguments[0].value) if arguments and isinstance(arguments[0], Phase) else name
    if reached == step:
        _die()
    return result


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
