"""Random tamperings by somebody who writes the database, its guards dropped: every one is found.

A tampering is drawn from a seed, so that one that was missed can be looked at again. Draws that change nothing
(the database refuses, or the value is the old one) do not count.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import ChainFault, Ledger, chain
from billing_assets.ledger.canonical import GENESIS, row_hash, row_key, sha256_text, trusted_json
from billing_assets.ledger.seal import Seal
from billing_assets.ledger.tables import ENTRY, METADATA, TYPED
from tests.ledger.builders import copy, url_of

TABLES = [table.name for table in [ENTRY, *TYPED]]
Row = dict[str, Any]


class Futile(Exception):
    """The draw would change nothing."""


def require(worth: object) -> None:
    if not worth:
        raise Futile


class Forger:
    """Whoever writes the file: reads and changes what they want, and knows the format."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.seal = folder / "seal"
        self.chance = chance
        self.raw = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
        self.raw.execute("pragma synchronous = off")

    def rows(self, table: str) -> list[Row]:
        columns = [column.name for column in METADATA.tables[table].columns]
        order = ", ".join(self.keys(table))
        found = self.raw.execute(f"select {', '.join(columns)} from {table} order by {order}").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in found]

    @staticmethod
    def keys(table: str) -> list[str]:
        return [column.name for column in METADATA.tables[table].primary_key]

    def change(self, table: str, row: Row, changes: Row) -> None:
        sets = ", ".join(f"{column} = ?" for column in changes)
        where = " and ".join(f"{column} = ?" for column in self.keys(table))
        keys = [row[column] for column in self.keys(table)]
        self.raw.execute(f"update {table} set {sets} where {where}", [*changes.values(), *keys])

    def insert(self, table: str, row: Row) -> None:
        marks = ", ".join("?" * len(row))
        self.raw.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def delete(self, table: str, row: Row) -> None:
        where = " and ".join(f"{column} = ?" for column in self.keys(table))
        self.raw.execute(f"delete from {table} where {where}", [row[column] for column in self.keys(table)])

    def any_row(self, tables: list[str] = TABLES) -> tuple[str, Row]:
        table = self.chance.choice(tables)
        rows = self.rows(table)
        require(rows)
        return table, self.chance.choice(rows)

    def other(self, value: object) -> object:
        """Another value: near, far, empty or of another kind."""
        if isinstance(value, int):
            return self.chance.choice([value + 1, value - 1, -value, 10**9, None])
        if value is None:
            return self.chance.choice(["forged", "", 1])
        text = str(value)
        place = self.chance.randrange(len(text) or 1)
        return self.chance.choice(
            [f"{text} ", text[:place] + "7" + text[place + 1 :], text[::-1], text.upper(), "", None, b"\xff\x00", 1.5]
        )

    def cut(self, last: int) -> None:
        """Remove every entry after `last`, and every row that they cover."""
        for table in reversed(METADATA.sorted_tables):
            column = "sequence" if table is ENTRY else "entry_sequence"
            self.raw.execute(f"delete from {table.name} where {column} > ?", (last,))

    def compute_anew(self) -> None:
        """Give every entry the payload, hashes and place that fit the rows as they are now."""
        hashes: dict[object, dict[str, dict[str, str]]] = {}
        for table in TYPED:
            for row in self.rows(table.name):
                of_entry = hashes.setdefault(row["entry_sequence"], {}).setdefault(table.name, {})
                of_entry[row_key([row[name] for name in self.keys(table.name)])] = row_hash(row)
        previous = GENESIS
        for entry in self.rows("entry"):
            facts = trusted_json(json.loads(entry["payload"])["facts"])
            payload = f'{{"facts":{facts},"rows":{trusted_json(hashes.get(entry["sequence"], {}))}}}'
            new = {**entry, "payload": payload, "payload_hash": sha256_text(payload), "previous_hash": previous}
            previous = chain._entry_hash(new)
            self.change("entry", entry, {**{name: new[name] for name in new if name != "sequence"}, "hash": previous})

    def roots(self, change: Callable[[list[str]], list[str]]) -> None:
        path = self.seal / "roots.jsonl"
        path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


# -- the tamperings ----------------------------------------------------------------------------------------------


def alter(forger: Forger) -> str:
    table, row = forger.any_row()
    column = forger.chance.choice(sorted(row))
    value = forger.other(row[column])
    require(value != row[column] or type(value) is not type(row[column]))
    forger.change(table, row, {column: value})
    return f"{table}.{column}"


def remove(forger: Forger) -> str:
    table, row = forger.any_row()
    forger.delete(table, row)
    return table


def add(forger: Forger) -> str:
    table, row = forger.any_row()
    fresh = {name: forger.other(row[name]) for name in row if forger.chance.random() < 0.5}
    forger.insert(table, {**row, **fresh, **{name: forger.other(row[name]) for name in forger.keys(table)}})
    return table


def exchange(forger: Forger) -> str:
    """Two rows change places; two entries, their place in the order."""
    table = forger.chance.choice(TABLES)
    rows = forger.rows(table)
    require(len(rows) > 1)
    first, second = forger.chance.sample(rows, 2)
    if table == "entry":
        forger.change(table, first, {"sequence": -1})
        forger.change(table, second, {"sequence": first["sequence"]})
        forger.change(table, {"sequence": -1}, {"sequence": second["sequence"]})
        return table
    kept = {*forger.keys(table)}
    names = [name for name in first if name not in kept and first[name] != second[name]]
    require(names)
    names = forger.chance.sample(names, forger.chance.randint(1, len(names)))
    forger.change(table, first, {name: second[name] for name in names})
    forger.change(table, second, {name: first[name] for name in names})
    return table


def cut_tail(forger: Forger) -> str:
    entries = len(forger.rows("entry"))
    forger.cut(forger.chance.randrange(entries))
    return "entry"


def compute_anew(forger: Forger) -> str:
    """A change, then every hash of the chain computed anew: within the database everything fits."""
    change = forger.chance.choice([alter_amount, remove_row, cut_tail, alter_entry])
    what = change(forger)
    forger.compute_anew()
    return f"{change.__name__} {what}"


def alter_amount(forger: Forger) -> str:
    table, row = forger.any_row([table.name for table in TYPED])
    names = [name for name, value in row.items() if isinstance(value, str) and name not in forger.keys(table)]
    require(names)
    column = forger.chance.choice(names)
    forger.change(table, row, {column: f"{row[column]}0"})
    return f"{table}.{column}"


def remove_row(forger: Forger) -> str:
    table, row = forger.any_row([table.name for table in TYPED])
    forger.delete(table, row)
    return table


def alter_entry(forger: Forger) -> str:
    column = forger.chance.choice(["recorded_at", "actor", "action", "object_id"])
    _, row = forger.any_row(["entry"])
    forger.change("entry", row, {column: f"{row[column]}0"})
    return column


def append_forged(forger: Forger) -> str:
    """A well-made entry at the end, with a row, as a service or as a person."""
    last = forger.rows("entry")[-1]
    row = {**forger.rows("run_events")[-1]}
    row |= {"event_no": row["event_no"] + 1, "entry_sequence": last["sequence"] + 1}
    payload = f'{{"facts":{{}},"rows":{trusted_json({"run_events": {row_key([row["event_no"]]): row_hash(row)}})}}}'
    entry = {**last, "sequence": last["sequence"] + 1, "previous_hash": last["hash"], "payload": payload}
    entry["payload_hash"] = sha256_text(payload)
    entry["actor"] = forger.chance.choice(["service:nightly", "user:lead.one"])
    entry |= {"hash": chain._entry_hash(entry), "signature": None}
    forger.insert("run_events", row)
    forger.insert("entry", entry)
    return str(entry["actor"])


def tamper_roots(forger: Forger) -> str:
    lines = (forger.seal / "roots.jsonl").read_text().splitlines()
    place = forger.chance.randrange(len(lines))
    how = forger.chance.choice(["removed", "altered", "moved", "cut"])
    if how == "removed":
        forger.roots(lambda lines: lines[:place] + lines[place + 1 :])
    elif how == "altered":
        at = forger.chance.randrange(len(lines[place]))
        require(lines[place][at] != "7")
        forger.roots(
            lambda lines: [*lines[:place], f"{lines[place][:at]}7{lines[place][at + 1 :]}", *lines[place + 1 :]]
        )
    elif how == "moved":
        other = forger.chance.randrange(len(lines))
        require(other != place)
        forger.roots(lambda lines: [lines[{place: other, other: place}.get(n, n)] for n in range(len(lines))])
    else:
        forger.roots(lambda lines: lines[:place])
    return how


def seal_anew(forger: Forger) -> str:
    """Everything computed anew, and a seal of the forger's own over it, people's signatures too."""
    what = alter_amount(forger)
    forger.compute_anew()
    shutil.rmtree(forger.seal)
    own, last = Seal(forger.seal), forger.rows("entry")[-1]
    with own.locked():
        own.begin(0, GENESIS, "2026-04-03")
        own.confirm(own.prepare(last["sequence"], last["hash"], "2026-04-03"))
    for entry in forger.rows("entry"):
        if entry["signature"] is not None:
            forger.change("entry", entry, {"signature": own.sign(entry["hash"])})
    return what


# Weights: what is easiest to do is tried most often.
TAMPERINGS: dict[Callable[[Forger], str], int] = {
    alter: 35,
    remove: 12,
    add: 12,
    exchange: 10,
    cut_tail: 7,
    compute_anew: 12,
    append_forged: 3,
    tamper_roots: 7,
    seal_anew: 2,
}


def tampered(folder: Path, template: Path, seed: int) -> tuple[str, list[ChainFault]]:
    """What the tampering of `seed` was, and the faults found afterwards, those of the guards left out."""
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    kept = template / "seal" / "public.pem"
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        copy(template, folder)
        tampering = chance.choices(list(TAMPERINGS), list(TAMPERINGS.values()))[0]
        forger = Forger(folder, chance)
        with closing(forger.raw):
            try:
                what = tampering(forger)
            except (sqlite3.IntegrityError, Futile):
                continue
        faults = Ledger.audit(url_of(folder), folder / "seal", kept).faults
        return f"{tampering.__name__} {what}", [fault for fault in faults if "guard_" not in fault.problem]


def run(folder: Path, template: Path, seeds: range) -> Counter[str]:
    done: Counter[str] = Counter()
    missed = []
    for seed in seeds:
        what, faults = tampered(folder, template, seed)
        done[what.split()[0]] += 1
        if not faults:
            missed.append(f"seed {seed}: {what}")
    assert missed == []
    return done


def test_random_tamperings_are_all_found(tmp_path: Path, unguarded: Path) -> None:
    done = run(tmp_path / "forged", unguarded, range(80))
    assert set(done) == {tampering.__name__ for tampering in TAMPERINGS}


@pytest.mark.soak
def test_a_thousand_random_tamperings_are_all_found(tmp_path: Path, unguarded: Path) -> None:
    done = run(tmp_path / "forged", unguarded, range(1_000, 2_000))
    assert done.total() == 1_000
    print(f"1,000 tamperings, all found: {dict(done.most_common())}")


def test_a_tail_cut_off_with_its_roots_is_found_by_a_copied_root_only(tmp_path: Path, unguarded: Path) -> None:
    """What nobody can see who has only what the forger had: the reason to keep a copy of the roots elsewhere."""
    folder = tmp_path / "forged"
    copy(unguarded, folder)
    shutil.copytree(unguarded / "seal", tmp_path / "copied")
    roots = Seal(folder / "seal").roots()
    last = roots[-4]
    forger = Forger(folder, random.Random(0))  # noqa: S311
    with closing(forger.raw):
        forger.cut(last.sequence)
    forger.roots(lambda lines: lines[:-3])

    def faults(seal: Path) -> list[str]:
        found = Ledger.audit(url_of(folder), seal).faults
        return [str(fault) for fault in found if "guard_" not in fault.problem]

    assert faults(folder / "seal") == []
    assert [problem for problem in faults(tmp_path / "copied") if "entries are gone" in problem]
