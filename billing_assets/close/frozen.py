"""What a lock froze: kept as evidence by hash, recorded in the ledger, copied for readers, read back for the models.

HOME/reports/closed/<entity>/<month>.v<version>/ is a copy that evidence and record make again byte for byte; nothing
reads it. The models read evidence, so that a locked month says what it said whatever is computed since.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from billing_assets.close.pack import MonthReport
from billing_assets.errors import OperatorError
from billing_assets.landing.evidence import EvidenceStore
from billing_assets.ledger import Ledger, PeriodResult, PeriodStep
from billing_assets.settings import Settings

# Raised when a frozen report can no longer be read by its columns' names.
SCHEMA_VERSION = 1
# Frozen reports that models read back: a locked month's are not computed again.
READ_BACK = ("control_results", "receivable_rollforward")
_SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
_LOCKED = "locked"


class FrozenLost(OperatorError):
    """The evidence of a locked month is missing or is not what the record says."""


def keep(settings: Settings, reports: Iterable[MonthReport]) -> list[PeriodResult]:
    """Put the bytes of each report among the evidence; what the ledger is to record of them."""
    store = EvidenceStore(settings.evidence_path)
    settings.evidence_path.mkdir(parents=True, exist_ok=True)
    results = []
    for report in reports:
        part = settings.evidence_path / f".{report.name}.{os.getpid()}.part"
        part.write_bytes(report.content)
        try:
            store.keep(part, report.sha256)
        finally:
            part.unlink()
        results.append(PeriodResult(report.name, report.rows, report.sha256))
    return results


def read_back(settings: Settings, ledger: Ledger, connection: duckdb.DuckDBPyConnection) -> int:
    """Fill raw_close.* with what the months that are locked now were frozen with. Returns the number of months.

    Raises FrozenLost: a locked month is never computed again because its evidence is gone.
    """
    # Made anew: months lock and reopen, and a later version may have more columns.
    connection.execute("drop schema if exists raw_close cascade")
    connection.execute(_SCHEMA)
    frozen = ledger.period_results()
    locked = [(*key, at.version) for key, at in ledger.period_states().items() if at.state == _LOCKED]
    for month in locked:
        for result in frozen.get(month, ()):
            if result.report in READ_BACK:
                _content(settings, month, result)
                _insert(connection, result.report, EvidenceStore(settings.evidence_path).path(result.sha256))
    return len(locked)


def _insert(connection: duckdb.DuckDBPyConnection, report: str, path: Path) -> None:
    known = {row[0] for row in connection.execute(f"describe raw_close.{report}").fetchall()}
    # A quoted nothing is an empty text, a bare one is null: as they were written.
    file = "read_csv(?, header = true, all_varchar = true, nullstr = '', allow_quoted_nulls = false)"
    columns = [row[0] for row in connection.execute(f"describe select * from {file}", [str(path)]).fetchall()]
    names = ", ".join(f'"{column}"' for column in columns if column in known)
    connection.execute(f"insert into raw_close.{report} by name select {names} from {file}", [str(path)])


def copy_out(settings: Settings, ledger: Ledger) -> int:
    """Write the closed copies that are missing, of every version of every month. Returns how many were written.

    One that is there stays as it is: whether it is still what was locked is for `verify` to say.
    """
    written = 0
    for (entity, period, version), results in ledger.period_results().items():
        folder = folder_of(settings, entity, period, version)
        if (folder / "manifest.json").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        month = (entity, period, version)
        for result in results:
            _replace(folder / f"{result.report}.csv", _content(settings, month, result))
        _replace(folder / "manifest.json", _manifest(month, results, _lock_of(ledger.period_history(), month)))
        written += 1
    return written


def folder_of(settings: Settings, selling_entity: str, period: str, version: int) -> Path:
    return settings.reports_path / "closed" / selling_entity / f"{period}.v{version}"


def verify(
    settings: Settings, ledger: Ledger, selling_entity: str | None = None, period: str | None = None
) -> list[str]:
    """Compare evidence and closed copies with the record, of one month or of all. Empty = byte for byte the same."""
    faults: list[str] = []
    history = ledger.period_history()
    for month, results in ledger.period_results().items():
        entity, closed, version = month
        if selling_entity not in (None, entity) or period not in (None, closed):
            continue
        folder = folder_of(settings, *month)
        expected = {"manifest.json": _manifest(month, results, _lock_of(history, month))}
        for result in results:
            try:
                expected[f"{result.report}.csv"] = _content(settings, month, result)
            except FrozenLost as lost:
                faults.append(str(lost))
        found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for name, content in sorted(expected.items()):
            if name not in found:
                faults.append(f"{closed}.v{version} of {entity}: the copy has no {name}; `billing run` writes it again")
            elif (folder / name).read_bytes() != content:
                faults.append(f"{closed}.v{version} of {entity}: the copy of {name} is not what was locked")
        known = {"manifest.json", *(f"{result.report}.csv" for result in results)}
        faults += [f"{closed}.v{version} of {entity}: {name} was not locked" for name in sorted(found - known)]
    return faults


# -- one report ----------------------------------------------------------------------------------------------------


def _content(settings: Settings, month: tuple[str, str, int], result: PeriodResult) -> bytes:
    """The bytes of a frozen report from the evidence, proved against the record."""
    entity, period, version = month
    path = EvidenceStore(settings.evidence_path).path(result.sha256)
    what = f"{result.report} of {period}.v{version} of {entity}"
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FrozenLost(f"{what} is not among the evidence ({result.sha256}): restore a backup") from error
    if hashlib.sha256(content).hexdigest() != result.sha256:
        raise FrozenLost(f"{what} is not what the record says ({result.sha256}): restore a backup")
    return content


def _lock_of(history: Iterable[PeriodStep], month: tuple[str, str, int]) -> PeriodStep:
    return next(
        step for step in history if (step.selling_entity, step.period, step.version) == month and step.event == _LOCKED
    )


def _manifest(month: tuple[str, str, int], results: Iterable[PeriodResult], lock: PeriodStep) -> bytes:
    entity, period, version = month
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "selling_entity": entity,
        "period": period,
        "version": version,
        "locked_on": lock.as_of.isoformat(),
        "locked_by": lock.actor,
        "reports": [{"name": r.report, "rows": r.rows, "sha256": {"csv": r.sha256}} for r in results],
    }
    return json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
