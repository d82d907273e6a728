"""Killed at any moment of a night and run again: each document once on each target, chain sound, same content."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import Ledger
from tests.ledger.builders import Place, new_ledger, url_of
from tests.publication.emulated import MAP, Account, account
from tests.survival.kill import Histogram, moments, run_child
from tests.survival.night import all_requests, documents, run_night

SMALL, FULL = 12, 300
Make = Callable[[Path], "Home"]
# What is the same however often a night was broken off: all but attempts and the times of entries.
_SAME = ("issued_documents", "issued_lines", "publications", "files", "exceptions", "period_events", "period_states")


class Home:
    """A ledger at its beginning, an empty folder of the file target, and a NetSuite account without transactions."""

    def __init__(self, folder: Path, place: Place, netsuite: Account) -> None:
        self.folder = folder
        self.place = place
        self.netsuite = netsuite
        # The account answers in this process, which is not killed: what was sent to it took effect or did not.
        netsuite.emulator.records.clear()

    def open(self) -> Ledger:
        return self.place.open()

    def night(self) -> None:
        with self.open() as ledger:
            target = self.netsuite.target()
            run_night(ledger, self.folder / "published", [target], timer=self.netsuite.timer)

    def entries(self) -> int:
        with self.open() as ledger:
            return ledger.sequence()

    def content(self) -> dict[str, Any]:
        """What has to be equal to an undisturbed night: the record as readers see it, and every published byte."""
        with self.open() as ledger:
            assert ledger.verify() == []
            tables = ledger.extract()
        rows = {
            name: [
                {column: value for column, value in row.items() if column != "attempts"}
                for row in tables[name].to_pylist()
            ]
            for name in _SAME
        }
        files = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.folder / "published").iterdir()
        }
        assert set(self.netsuite.emulator.effects().values()) == {1}
        records = {key: record.body for key, record in self.netsuite.emulator.records.items()}
        return {**rows, "files on disk": files, "NetSuite": records}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync of the whole machine waits for whatever else it does, and would hide the moments that matter."""
    monkeypatch.setattr("os.sync", lambda: None)


@pytest.fixture
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of a night here; a process that is killed loses nothing by not having waited."""
    monkeypatch.setattr("billing_assets.ledger.guards_sqlite._SYNCHRONOUS", "OFF")
    monkeypatch.setattr("billing_assets.ledger.seal._fsync", lambda _: None)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL server; skips where there is none in a wheel for this Python."""
    pytest.importorskip("pgserver", reason="no PostgreSQL wheel for this Python or machine")
    from tests.ledger import postgresql

    with postgresql.running() as started:
        yield started


@pytest.fixture
def netsuite(tmp_path: Path) -> Iterator[Account]:
    """A NetSuite account that knows every customer of the night."""
    customers = {f"A-{request.contract_id}": str(number) for number, request in enumerate(all_requests(), 7_000)}
    (tmp_path / "map.json").write_text(json.dumps({**MAP, "entities": customers}))
    with account(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def homes(request: pytest.FixtureRequest, netsuite: Account) -> Make:
    """Makes a home in a folder, on each database."""
    server = request.getfixturevalue("server") if request.param == "postgresql" else None

    def make(folder: Path) -> Home:
        folder.mkdir(parents=True)
        if server is None:
            new_ledger(folder).close()
            return Home(folder, Place(url_of(folder), folder / "seal"), netsuite)
        return Home(folder, Place(server.new(folder / "seal"), folder / "seal"), netsuite)

    return make


def survives(make: Make, folder: Path, trials: int, seed: int) -> Histogram:
    """Kill `trials` nights at moments spread over the work; each is run again and compared with an undisturbed one."""
    undisturbed = make(folder / "undisturbed")
    begin = undisturbed.entries()
    undisturbed.night()  # in this process, so that what it imports is there for every child
    whole = undisturbed.entries() - begin
    expected = undisturbed.content()
    assert len(expected["issued_documents"]) == len(expected["NetSuite"]) == documents()
    assert all(row["state"] == "confirmed" for row in expected["publications"])

    # Where the first write falls and how long the rest takes, as the median of the last undisturbed nights: a machine
    # wavers, and a server that has run for minutes answers faster.
    opened: deque[float] = deque(maxlen=3)
    lives: deque[float] = deque(maxlen=3)
    histogram = Histogram()
    for number, moment in enumerate(moments(seed, trials)):
        for timed in range(3 if number == 0 else 1 if number % 15 == 0 else 0):
            home = make(folder / f"timed{number}.{timed}")
            opened.append(run_child(lambda home=home: home.open().close()))
            lives.append(run_child(home.night))
            shutil.rmtree(home.folder)
        first, last = statistics.median(opened), statistics.median(lives)
        home = make(folder / f"killed{number}")
        run_child(home.night, kill_after=first + moment * (last - first))
        histogram.add(home.entries() - begin, whole)
        run_child(home.night)
        assert home.content() == expected, f"moment {moment:.4f}, seed {seed}"
        shutil.rmtree(home.folder)
    return histogram


@pytest.mark.end_to_end
@pytest.mark.usefixtures("no_power_cuts")
def test_a_night_killed_at_any_moment_is_done_once_when_run_again(homes: Make, tmp_path: Path) -> None:
    histogram = survives(homes, tmp_path, SMALL, seed=1)
    assert histogram.inside >= SMALL // 2, str(histogram)


@pytest.mark.soak
def test_300_kills(homes: Make, tmp_path: Path) -> None:
    histogram = survives(homes, tmp_path, FULL, seed=2)
    print(histogram)
    assert histogram.inside >= FULL * 8 // 10, str(histogram)
