"""Months of selling entities, live from the record: where each stands, the steps it took, the files its lock froze.

Belongs here: reading them, and whether the closed files are still what was locked. What a state lets in is the
ledger's to say, whether a month may be locked `close`'s.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from billing_assets.settings import Settings

if TYPE_CHECKING:
    from billing_assets.dashboard.ask import Ask
    from billing_assets.ledger import Ledger, PeriodResult, PeriodState, PeriodStep

Month = tuple[str, str]  # selling entity, period
Version = tuple[str, str, int]
_UNREAD = "not verified: the ledger cannot be read"


@dataclass(frozen=True)
class Months:
    """What the record has on months; a month that is not there is open, version 1.

    Not live = the states that the last run saw, without actors, steps and frozen files.
    """

    states: dict[Month, PeriodState]
    steps: tuple[PeriodStep, ...]
    results: dict[Version, tuple[PeriodResult, ...]]
    is_live: bool = True


def read(ask: Ask) -> tuple[Months, str]:
    """The months as they stand now, and what is wrong where the record cannot be read."""
    found = ask.record.read("months", of_the_record)
    return (found.value if found.value is not None else _of_the_last_run(ask)), found.problem


def _of_the_last_run(ask: Ask) -> Months:
    """The states that the snapshot has; who acted and what was frozen stand in the record only."""
    from billing_assets.ledger import PeriodState

    rows = ask.snapshot.rows_of(["raw_ledger.period_states"], "select * from raw_ledger.period_states")
    states = {
        (row["selling_entity"], row["period"]): PeriodState(
            row["state"], row["version"], "reopened" if row["state"] == "open" else row["state"], "", row["as_of"]
        )
        for row in rows
    }
    return Months(states, (), {}, is_live=False)


def badges(ask: Ask) -> dict[str, dict[str, tuple[str, int]]]:
    """Month -> selling entity -> state and version, of the months that took a step."""
    states: dict[str, dict[str, tuple[str, int]]] = {}
    for (entity, period), at in read(ask)[0].states.items():
        states.setdefault(period, {})[entity] = (at.state, at.version)
    return states


def of_the_record(ledger: Ledger) -> Months:
    """The months as a ledger has them."""
    results = {key: tuple(found) for key, found in ledger.period_results().items()}
    return Months(ledger.period_states(), tuple(ledger.period_history()), results)


def faults(ask: Ask, months: Months) -> dict[Version, tuple[str, ...]]:
    """Version -> what is not as it was locked, of its evidence and its copy; nothing where both are, byte for byte."""
    found: dict[Version, tuple[str, ...]] = {}
    for entity, period in sorted({version[:2] for version in months.results}):
        own = {version: results for version, results in months.results.items() if version[:2] == (entity, period)}
        said = _faults_of(ask, entity, period, tuple(_marks(ask.record.settings, own)))
        for version in own:
            name = f"{period}.v{version[2]} of {entity}"
            found[version] = tuple(fault for fault in said if name in fault) if said is not None else (_UNREAD,)
    return found


def _faults_of(ask: Ask, entity: str, period: str, mark: Hashable) -> list[str] | None:
    from billing_assets.close import frozen

    settings = ask.record.settings
    name = f"closed/{entity}/{period}"
    found = ask.record.read(name, lambda ledger: frozen.verify(settings, ledger, entity, period), mark)
    return None if found.problem else found.value


def _marks(settings: Settings, own: dict[Version, tuple[PeriodResult, ...]]) -> Iterator[tuple[str, int, int, int]]:
    """What changes when a file of a month is touched: files are hashed again only then."""
    from billing_assets.close.frozen import folder_of
    from billing_assets.landing.evidence import EvidenceStore

    evidence = EvidenceStore(settings.evidence_path)
    for version, results in own.items():
        folder = folder_of(settings, *version)
        files: list[Path] = [*sorted(folder.glob("*")), *(evidence.path(result.sha256) for result in results)]
        for file in files:
            if file.is_file():
                stat = file.stat()
                yield str(file), stat.st_ino, stat.st_mtime_ns, stat.st_size
