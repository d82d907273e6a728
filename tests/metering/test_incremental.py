"""Nights of usage against the rules read one event at a time; and the same state whatever way it came about."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.metering import conservation
from tests.metering.world import AS_OF, World, event, lines

NIGHTS = 6


def nights(seed: int) -> list[dict[str, list[dict[str, Any]]]]:
    """Files of events: a small key space, so that late, duplicate, conflicting and correcting events abound."""
    choose = random.Random(seed)  # noqa: S311  (a repeatable world, no secret)
    made: list[dict[str, Any]] = []
    result = []
    for _ in range(NIGHTS):
        files: dict[str, list[dict[str, Any]]] = {}
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            rows = []
            for _ in range(choose.randrange(20)):
                kind = choose.random()
                if made and kind < 0.2:
                    row = dict(choose.choice(made))
                elif made and kind < 0.35:
                    other = choose.choice(made)
                    row = dict(other, time=moment(choose), data=dict(other["data"]))
                elif made and kind < 0.55:
                    target = choose.choice([*made, event("missing")])
                    subject = target["subject"] if choose.random() < 0.8 else "A-3"
                    row = event(
                        f"c{choose.randrange(60)}", -choose.randrange(1, 4), time=moment(choose), subject=subject,
                        data={"corrects": target["id"]},
                    )  # fmt: skip
                else:
                    row = event(
                        f"e{choose.randrange(120)}", choose.randrange(5), time=moment(choose),
                        subject=f"A-{choose.randrange(1, 3)}", data={"model": f"m{choose.randrange(3)}"},
                    )  # fmt: skip
                made.append(row)
                rows.append(row)
            files[name] = rows
        result.append(files)
    return result


def moment(choose: random.Random) -> str:
    day = AS_OF - timedelta(days=choose.randrange(3))
    return f"{day}T{choose.randrange(3):02d}:{choose.randrange(60):02d}:00Z"


def outcomes(world_nights: list[dict[str, list[dict[str, Any]]]]) -> dict[tuple[int, int], str]:
    """(file sequence, line) -> outcome, by the rules read one event at a time. All events are of one source."""
    standing: dict[str, dict[str, Any]] = {}
    found: dict[tuple[int, int], str] = {}
    sequence = 0

    def take(place: tuple[int, int], row: dict[str, Any]) -> None:
        first = standing.setdefault(row["id"], row)
        found[place] = "accepted" if first is row else "duplicate" if first == row else "conflict"

    for files in world_nights:
        waiting = {}
        for rows in files.values():
            sequence += 1
            for line, row in enumerate(rows, 1):
                if row["data"]["quantity"] < 0:
                    waiting[sequence, line] = row
                else:
                    take((sequence, line), row)
        while waiting:
            ready = {
                place: row
                for place, row in waiting.items()
                if (target := standing.get(row["data"]["corrects"])) and target["subject"] == row["subject"]
            }
            for place, row in ready.items():
                take(place, row)
            waiting = {place: row for place, row in waiting.items() if place not in ready}
            if not ready:
                found |= dict.fromkeys(waiting, "correction")
                break
    return found


def landed(folder: Path, seed: int, threads: int = 2) -> World:
    world = World(folder, threads=threads)
    world.charge(group_by=["model"])
    for number, files in enumerate(nights(seed), 1):
        world.land({f"{number}/{name}": lines(*rows) for name, rows in files.items()})
    return world


@pytest.mark.parametrize("seed", range(3))
def test_every_event_becomes_what_the_rules_say(tmp_path: Path, seed: int) -> None:
    world = landed(tmp_path, seed)
    expected = outcomes(nights(seed))
    assert set(expected.values()) == {"accepted", "duplicate", "conflict", "correction"}
    quarantined = {(sequence, line): code for sequence, line, code in world.quarantine()}
    assert quarantined == {
        place: outcome for place, outcome in expected.items() if outcome in ("conflict", "correction")
    }
    counts: dict[int, list[str]] = defaultdict(list)
    for (sequence, _), outcome in expected.items():
        counts[sequence].append("quarantined" if outcome == "correction" else outcome)
    assert world.counts() == [
        (
            len(counts[f.file_sequence]),
            *(counts[f.file_sequence].count(o) for o in ("accepted", "duplicate", "conflict", "quarantined")),
        )
        for f in world.files
    ]
    sums: dict[tuple[datetime, str, str], tuple[int, Decimal]] = {}
    places = [
        (f, line, row)
        for number, files in enumerate(nights(seed))
        for f, rows in enumerate(files.values(), number * 3 + 1)
        for line, row in enumerate(rows, 1)
    ]
    for sequence, line, row in places:
        if expected[sequence, line] == "accepted":
            hour = datetime.fromisoformat(row["time"][:13] + ":00:00")
            model = row["data"].get("model")
            key = hour, row["subject"], f'{{"model":"{model}"}}' if model else "{}"
            events, quantity = sums.get(key, (0, Decimal(0)))
            sums[key] = events + 1, quantity + row["data"]["quantity"]
    assert world.rows(
        "select bucket_from, account_id, dimensions, event_count, quantity_sum"
        " from raw_metering.usage_buckets order by all"
    ) == sorted((*key, *value) for key, value in sums.items())


def test_the_state_does_not_depend_on_threads_down_to_the_bytes_of_the_lake(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    states = [landed(tmp_path_factory.mktemp("threads"), 7, threads).state() for threads in (1, 2, 4)]
    assert states[0] == states[1] == states[2]


def test_conservation_holds_in_rows_and_units(tmp_path: Path) -> None:
    world = landed(tmp_path, 5)
    unbalanced = world.rows(
        """
        with units as (
            select file_sequence, name, cast(coalesce(text ->> 'tokens', '0') as decimal(38,12)) as quantity
            from raw_landing.conservation
            unpivot (text for name in (
                units_received, units_accepted, units_duplicate, units_conflict, units_quarantined))
        )
        select file_sequence from units
        group by file_sequence
        having sum(if(name = 'units_received', quantity, -quantity)) <> 0
        union all
        select file_sequence from raw_landing.conservation
        where received <> accepted + duplicate + conflict + quarantined
        """
    )
    assert unbalanced == []
    assert world.rows(
        "select sum(accepted), sum(duplicate), sum(conflict), sum(quarantined) from raw_landing.conservation"
    ) == world.rows(
        "select sum(accepted), sum(duplicate), sum(conflict), sum(quarantined) from raw_metering.file_accounts"
    )
    assert world.rows("select sum(rows) from raw_metering.lake_parts") == world.rows(
        "select sum(accepted) from raw_landing.conservation"
    )


def test_an_interrupted_batch_is_simply_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = landed(tmp_path / "whole", 3)
    world = World(tmp_path / "broken")
    world.charge(group_by=["model"])
    for number, files in enumerate(nights(3), 1):
        contents = {f"{number}/{name}": lines(*rows) for name, rows in files.items()}
        known = list(world.files)
        with monkeypatch.context() as context:
            context.setattr(conservation, "set_aside", _break_off)
            with pytest.raises(KeyboardInterrupt):
                world.land(contents | {"x.jsonl": lines(event(f"x{number}", 9, time=f"{AS_OF}T05:00:00Z"))})
        world.batch, world.files = world.batch - 1, known
        world.land(contents)
    assert world.state() == whole.state()


def _break_off(*_: object) -> None:
    raise KeyboardInterrupt
