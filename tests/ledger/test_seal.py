"""Roots outside the database, and what they find that no database can tell of itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from billing_assets.cli import main
from billing_assets.ledger import Ledger, NewDecision, SealBroken, chain
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.seal import Seal, parse_root
from billing_assets.ledger.tables import DECISIONS
from tests.ledger.builders import AS_OF, RUN, Place, copy, found, url_of


def place_of(folder: Path, template: Path) -> Place:
    copy(template, folder)
    return Place(url_of(folder), folder / "seal")


def problems(place: Place) -> list[str]:
    return [str(fault) for fault in place.audit().faults]


def decide(ledger: Ledger, actor: str = "user:lead.one") -> int:
    return ledger.decide(lambda _: NewDecision("hold", "hold", {"level": "scope", "key": "x"}, actor, "why", AS_OF))


def test_every_writing_transaction_ends_with_a_root(ledger: Ledger, place: Place) -> None:
    seal = Seal(place.seal)
    ledger.register_batch(AS_OF, [])  # nothing written, nothing signed
    assert [root.sequence for root in seal.roots()] == [0]
    ledger.register_batch(AS_OF, [found("a"), found("b")])
    ledger.start_run(RUN)
    assert [root.sequence for root in seal.roots()] == [0, 1, 2]
    assert place.audit().faults == ()


def test_the_key_is_for_its_owner_only(place: Place) -> None:
    assert stat.S_IMODE((place.seal / "signing.key").stat().st_mode) == 0o600
    assert "PRIVATE" not in (place.seal / "public.pem").read_text()


def test_opening_and_reading_write_no_root(place: Place) -> None:
    before = (place.seal / "roots.jsonl").read_bytes()
    with place.open() as ledger:
        ledger.extract()
        ledger.verify()
    assert (place.seal / "roots.jsonl").read_bytes() == before


def test_a_person_signs_and_a_service_does_not(ledger: Ledger, place: Place) -> None:
    ledger.start_run(RUN)
    decide(ledger)
    with ledger._connection() as connection:
        entries = list(chain._read(connection, chain.ENTRY))
    assert [entry["signature"] is None for entry in entries] == [True, False]
    keys = Seal(place.seal).keys()
    assert keys.signed(2, entries[1]["hash"], entries[1]["signature"])
    assert not keys.signed(2, entries[0]["hash"], entries[1]["signature"])


def test_a_row_is_proven_by_its_signed_entry(ledger: Ledger, place: Place) -> None:
    decide(ledger)
    with ledger._connection() as connection:
        assert chain.proven_rows(connection, DECISIONS, Seal(place.seal)) == {"[1]"}


@pytest.mark.parametrize("change", ["reason = 'other'", "actor = 'user:other'", "entry_sequence = 1"])
def test_an_altered_row_is_not_proven(tmp_path: Path, filled: Path, change: str) -> None:
    place = place_of(tmp_path, filled)
    with place.open() as ledger, ledger._connection() as connection:
        everything = chain.proven_rows(connection, DECISIONS, ledger._seal)
    drop_guards(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as raw:
        raw.execute(f"update decisions set {change} where decision_no = 1")
        count = raw.execute("select count(*) from decisions").fetchone()[0]
    assert len(everything) == count
    with Ledger(*engine_and_seal(place)) as ledger, ledger._connection() as connection:
        assert everything - chain.proven_rows(connection, DECISIONS, ledger._seal) == {"[1]"}


@pytest.mark.parametrize("column", ["signature", "hash", "payload", "actor", "recorded_at"])
def test_a_row_under_a_forged_entry_is_not_proven(tmp_path: Path, filled: Path, column: str) -> None:
    place = place_of(tmp_path, filled)
    drop_guards(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as raw:
        raw.execute(
            f"update entry set {column} = replace({column}, '1', '2') || ' ' "
            "where sequence = (select entry_sequence from decisions where decision_no = 1)"
        )
    with Ledger(*engine_and_seal(place)) as ledger, ledger._connection() as connection:
        assert "[1]" not in chain.proven_rows(connection, DECISIONS, ledger._seal)


def test_a_decision_that_a_service_wrote_for_a_person_is_not_proven(ledger: Ledger, place: Place) -> None:
    """Whoever may only run as a service cannot write a person's decision under its own name."""
    row = {column.name: None for column in DECISIONS.columns if column.nullable}
    row |= {"decision_no": 1, "decision": "hold", "what": "hold", "subject": "{}", "actor": "user:lead.one"}
    row |= {"reason": "forged", "recorded_on": "2026-04-03"}
    with ledger._append() as (_, append):
        append.add("decide", "decision", "1", {DECISIONS: [row]}, actor="service:nightly")
    assert ledger.verify() == []  # the chain is whole: it says that a service wrote it
    with ledger._connection() as connection:
        assert chain.proven_rows(connection, DECISIONS, Seal(place.seal)) == set()


# -- crashes -----------------------------------------------------------------------------------------------------


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("at", ["the next opening", "the next writing"])
def test_a_crash_between_commit_and_root_is_settled(
    ledger: Ledger, place: Place, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def fail(*_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(Seal, "confirm", fail)
    with pytest.raises(PowerCut):
        decide(ledger)
    monkeypatch.undo()
    assert ledger.sequence() == 1
    assert any("interrupted" in problem for problem in problems(place))
    if at == "the next opening":
        place.open().close()
        assert problems(place) == []
    else:
        ledger.start_run(RUN)
    assert [root.sequence for root in Seal(place.seal).roots()] == ([0, 1] if at == "the next opening" else [0, 1, 2])
    assert problems(place) == []
    assert ledger.proven_decisions()[0].proven


def test_a_commit_that_failed_leaves_its_prepared_root_aside(
    ledger: Ledger, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Seal.prepare

    def fail_after(self: Seal, *given: Any) -> None:
        prepare(self, *given)
        raise PowerCut

    monkeypatch.setattr(Seal, "prepare", fail_after)
    with pytest.raises(PowerCut):
        decide(ledger)
    monkeypatch.undo()
    assert ledger.sequence() == 0
    place.open().close()
    assert problems(place) == []
    ledger.start_run(RUN)
    assert problems(place) == []


def test_a_root_that_was_half_written_is_written_again(ledger: Ledger, place: Place) -> None:
    ledger.register_batch(AS_OF, [found("a")])
    path = place.seal / "roots.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    place.open().close()
    assert problems(place) == []
    assert [root.sequence for root in Seal(place.seal).roots()] == [0, 1]


def test_a_first_opening_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Seal.confirm

    def fail(*_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(Seal, "confirm", fail)
    with pytest.raises(PowerCut):
        Ledger.open(url_of(tmp_path))
    key = (tmp_path / "seal" / "signing.key").read_bytes()
    monkeypatch.setattr(Seal, "confirm", append)
    with Ledger.open(url_of(tmp_path)) as ledger:
        assert ledger.verify() == []
    assert (tmp_path / "seal" / "signing.key").read_bytes() == key


def test_a_tail_without_a_root_is_signed_only_where_it_goes_on(tmp_path: Path, filled: Path) -> None:
    place = place_of(tmp_path, filled)
    path = place.seal / "roots.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]))
    drop_guards(tmp_path)
    last = parse_root(lines[-1].strip())
    assert last is not None
    restore_guards = guards_of(filled)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as raw:
        raw.execute("update entry set action = 'forged' where sequence = ?", (last.sequence,))
        for statement in restore_guards:
            raw.execute(statement)
    with pytest.raises(SealBroken, match=f"entry {last.sequence} does not fit its hash"):
        place.open()


def test_entries_that_another_program_appended_are_not_signed(tmp_path: Path, filled: Path) -> None:
    """The guards let a well-made entry pass, and a crash looks the same: but nobody prepared its root."""
    place = place_of(tmp_path, filled)
    with Ledger(*engine_and_seal(place)) as ledger, ledger._connection(writes=True) as connection:
        forged = Appender(connection, "2026-04-03", ledger._seal)
        forged.add("forged", "nothing", "1", {}, actor="service:nightly")
        forged.flush()
    with pytest.raises(SealBroken, match="no root was prepared"):
        place.open()
    assert any("roots were removed, or a run was interrupted" in problem for problem in problems(place))


# -- what somebody does to the seal ------------------------------------------------------------------------------


def drop_guards(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as raw:
        for (name,) in raw.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            raw.execute(f"drop trigger {name}")


def guards_of(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as raw:
        return [sql for (sql,) in raw.execute("select sql from sqlite_master where type = 'trigger'")]


def engine_and_seal(place: Place) -> tuple[object, Seal]:
    from billing_assets.ledger import guards

    return guards.engine_for(place.url), Seal(place.seal)


def test_without_its_key_a_ledger_is_read_and_not_written(ledger: Ledger, place: Place) -> None:
    ledger.register_batch(AS_OF, [found("a")])
    (place.seal / "signing.key").unlink()
    with place.open() as opened:
        assert opened.register_sequence() == 1
        assert opened.verify() == []
        with pytest.raises(SealBroken, match="Put the key back"):
            opened.register_batch(AS_OF, [found("b")])
        assert opened.register_sequence() == 1
    assert not (place.seal / "signing.key").exists()


def test_another_key_does_not_sign_on(place: Place, tmp_path: Path) -> None:
    Ledger.open(url_of(tmp_path / "other")).close()
    shutil.copy(tmp_path / "other" / "seal" / "signing.key", place.seal / "signing.key")
    with place.open() as opened, pytest.raises(SealBroken, match="did not sign the last root"):
        opened.register_batch(AS_OF, [found("a")])


def test_a_ledger_with_entries_and_no_roots_is_not_opened(ledger: Ledger, place: Place) -> None:
    ledger.register_batch(AS_OF, [found("a")])
    for removed in ("roots.jsonl", "signing.key", "public.pem"):
        (place.seal / removed).unlink()
        with pytest.raises(SealBroken, match="no root"):
            place.open()
        assert any("there are none" in problem for problem in problems(place))


def test_a_ledger_is_not_opened_with_the_seal_of_another(place: Place, tmp_path: Path, filled: Path) -> None:
    with pytest.raises(SealBroken, match="does not go on from its last signed root"):
        Ledger.open(place.url, filled / "seal")


def test_an_open_ledger_notices_that_its_tail_was_cut_off(tmp_path: Path) -> None:
    with Ledger.open(url_of(tmp_path)) as ledger:
        ledger.register_batch(AS_OF, [found("a")])
        ledger.start_run(RUN)
        drop_guards(tmp_path)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as raw:
            raw.execute("delete from run_events")
            raw.execute("delete from entry where sequence = 2")
        with pytest.raises(SealBroken, match="entry 2 is gone"):
            ledger.start_run(RUN)


ROOT_TAMPERINGS = {
    "removed": lambda lines: lines[:3] + lines[4:],
    "the first removed": lambda lines: lines[1:],
    "the last removed": lambda lines: lines[:-1],
    "all removed": lambda _: [],
    "moved": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "doubled": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "altered hash": lambda lines: [*lines[:2], altered(lines[2], hash="0" * 64), *lines[3:]],
    "altered sequence": lambda lines: [*lines[:2], altered(lines[2], sequence=1), *lines[3:]],
    "altered time": lambda lines: [*lines[:-1], altered(lines[-1], recorded_at="2001-01-01")],
    "altered signature": lambda lines: [*lines[:-1], altered(lines[-1], signature="00" * 64)],
    "another key": lambda lines: [*lines[:-1], altered(lines[-1], public_key="11" * 32)],
    "spaces": lambda lines: [*lines[:-1], lines[-1].replace(",", ", ")],
    "garbage": lambda lines: [*lines[:2], "garbage", *lines[3:]],
}


def altered(line: str, **changes: object) -> str:
    return json.dumps({**json.loads(line), **changes}, separators=(",", ":"), sort_keys=True)


@pytest.mark.parametrize("tampering", ROOT_TAMPERINGS)
def test_tampered_roots_are_found(tmp_path: Path, filled: Path, tampering: str) -> None:
    place = place_of(tmp_path, filled)
    path = place.seal / "roots.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in ROOT_TAMPERINGS[tampering](lines)))
    assert any(problem.startswith("seal ") for problem in problems(place)), tampering


def test_roots_signed_with_another_key_are_found_with_a_copied_public_key(tmp_path: Path, filled: Path) -> None:
    """Who computes the chain anew and makes a seal of his own passes his own key, and no other."""
    place = place_of(tmp_path, filled)
    kept = tmp_path / "kept.pem"
    shutil.copy(place.seal / "public.pem", kept)
    shutil.rmtree(place.seal)
    with Ledger(*engine_and_seal(place)) as ledger:
        with ledger._connection() as connection:
            head = chain.head(connection)
        with ledger._seal.locked():
            ledger._seal.begin(*head, "2026-04-03")
    assert any("not signed" in problem or "signature" in problem for problem in problems(place))  # people's entries
    found_faults = Ledger.audit(place.url, place.seal, kept).faults
    assert any("not among the public keys given" in str(fault) for fault in found_faults)


# -- the command line --------------------------------------------------------------------------------------------


def test_the_command_tells_what_it_verified(tmp_path: Path, filled: Path) -> None:
    copy(filled, tmp_path)
    audit = Ledger.audit(url_of(tmp_path))
    result = CliRunner().invoke(main, ["audit", "verify", "--home", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert f"{audit.entries} entries, {audit.rows} rows, {audit.roots} signed roots" in result.output
    assert audit.head_hash in result.output
    assert "0 faults" in result.output


def test_the_command_fails_where_something_does_not_fit(tmp_path: Path, filled: Path) -> None:
    copy(filled, tmp_path)
    lines = (tmp_path / "seal" / "roots.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "seal" / "roots.jsonl").write_text("".join(lines[:-1]))
    result = CliRunner().invoke(main, ["audit", "verify", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "FAULT  seal roots" in result.output


def test_verification_needs_no_private_key(tmp_path: Path, filled: Path) -> None:
    copy(filled, tmp_path)
    (tmp_path / "seal" / "signing.key").unlink()
    keys = tmp_path / "elsewhere.pem"
    shutil.move(tmp_path / "seal" / "public.pem", keys)
    result = CliRunner().invoke(main, ["audit", "verify", "--home", str(tmp_path), "--public-key", str(keys)])
    assert result.exit_code == 0, result.output


def test_a_ledger_that_is_read_does_not_load_cryptography(tmp_path: Path, filled: Path) -> None:
    copy(filled, tmp_path)
    code = (
        "import sys; from pathlib import Path; from billing_assets.ledger import Ledger\n"
        f"with Ledger.open({url_of(tmp_path)!r}) as ledger: ledger.sequence()\n"
        "assert not {'cryptography', 'alembic', 'psycopg'} & set(sys.modules), 'slow to open'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_appender_that_was_given_nothing_has_the_head_it_began_with(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    with ledger._connection() as connection:
        assert Appender(connection, "now", ledger._seal).head == chain.head(connection)
