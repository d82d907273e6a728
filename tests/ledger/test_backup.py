"""A backup proves itself, goes from any database to any other, and writing goes on after its restore."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from billing_assets.cli import main
from billing_assets.ledger import Ledger, LedgerError, SealBroken
from billing_assets.ledger.backup import Backup, back_up, restore
from billing_assets.ledger.canonical import canonical_json
from billing_assets.ledger.seal import Seal
from billing_assets.ledger.tables import ENTRY, TYPED
from tests.ledger.builders import AS_OF, OPEN, RUN, Place, copy, fill, found, request, url_of
from tests.ledger.test_seal import decide
from tests.ledger.test_writers import forked, write

TABLES = [table.name for table in [ENTRY, *TYPED]]
Empty = Callable[[str], Place]


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Empty]:
    """Makes places where nothing is, on the database asked for."""
    made: list[tuple[Any, str]] = []

    def make(database: str) -> Place:
        folder = tmp_path / f"place-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        if database == "sqlite":
            return Place(url_of(folder), folder / "seal")
        server = request.getfixturevalue("server")
        url = server.url(server.create(folder.name.replace("-", "_") + "_restored"))
        made.append((server, url))
        return Place(url, folder / "seal")

    yield make
    for server, url in made:
        server.drop(url)


def content(backup: Backup) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in backup.folder.iterdir()
        if path.name.removesuffix(".jsonl") in TABLES
    }


@pytest.fixture(scope="session")
def kept(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the filled ledger."""
    to = tmp_path_factory.mktemp("kept")
    with Ledger.open(url_of(filled)) as ledger:
        back_up(ledger, to)
    return to


def test_a_backup_is_the_rows_as_they_were_hashed(kept: Path, filled: Path) -> None:
    [folder] = kept.iterdir()
    with Ledger.open(url_of(filled)) as ledger, ledger._connection() as connection:
        from billing_assets.ledger import chain

        expected = {row["hash"]: chain._recorded_rows(str(row["payload"])) for row in chain._read(connection, ENTRY)}
    hashes = {digest for rows in expected.values() for table in (rows or {}).values() for digest in table.values()}
    written = {
        hashlib.sha256(line).hexdigest()
        for table in TYPED
        for line in (folder / f"{table.name}.jsonl").read_bytes().splitlines()
    }
    assert written == hashes


def test_the_private_key_is_not_in_a_backup(kept: Path, filled: Path) -> None:
    private = (filled / "seal" / "signing.key").read_bytes().splitlines()[1]
    assert all(private not in path.read_bytes() for path in kept.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("first", "second"), [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")]
)
def test_a_restore_has_the_same_hashes_on_any_database(
    tmp_path: Path, kept: Path, empty: Empty, first: str, second: str
) -> None:
    """There and back: what was backed up last is what was backed up first, to the byte."""
    [original] = kept.iterdir()
    source, seal = kept, None
    for database in (first, second):
        place = empty(database)
        if seal is not None:
            copy(seal, place.seal)
        done = restore(source, place.url, place.seal)
        assert done.new_key == (seal is None)
        assert place.audit().faults == ()
        source, seal = tmp_path / f"from-{database}-{done.new_key}", place.seal
        with place.open() as ledger:
            again = back_up(ledger, source)
        assert content(again) == {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in original.iterdir()
            if path.name.removesuffix(".jsonl") in TABLES
        }


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_writing_goes_on_after_a_restore_with_a_new_key_that_verification_tells(
    kept: Path, empty: Empty, database: str, filled: Path
) -> None:
    place = empty(database)
    restored = restore(kept, place.url, place.seal)
    with place.open() as ledger:
        number = decide(ledger)
        ledger.issue([request("C-after")], ["file"], OPEN, RUN)
        assert {d.decision_no for d in ledger.proven_decisions() if d.proven} >= {1, number}
    audit = place.audit()
    assert audit.faults == ()
    assert [begin for begin, _ in audit.keys] == [0, restored.backup.sequence]
    # An older copy of the public key says that another key signs now, and nothing else.
    old_only = Ledger.audit(place.url, place.seal, filled / "seal" / "public.pem").faults
    assert [str(fault) for fault in old_only] == [
        f"seal root {restored.backup.roots + 1}: begins key {audit.keys[1][1][:16]}, which is not among the public "  # type: ignore[index]
        "keys given"
    ]


def test_with_the_private_key_at_hand_it_signs_on(kept: Path, empty: Empty, filled: Path) -> None:
    place = empty("sqlite")
    place.seal.mkdir()
    shutil.copy(filled / "seal" / "signing.key", place.seal)
    assert not restore(kept, place.url, place.seal).new_key
    with place.open() as ledger:
        decide(ledger)
    audit = Ledger.audit(place.url, place.seal, filled / "seal" / "public.pem")
    assert (audit.faults, len(audit.keys)) == ((), 1)


def test_a_lost_database_is_restored_beside_its_seal(kept: Path, empty: Empty, filled: Path) -> None:
    place = empty("sqlite")
    copy(filled / "seal", place.seal)
    with pytest.raises(SealBroken):
        place.open()
    Path(place.url.removeprefix("sqlite:///")).unlink()
    assert not restore(kept, place.url, place.seal).new_key
    assert place.audit().faults == ()


def test_a_seal_that_goes_further_than_the_backup_tells_that_entries_are_lost(
    tmp_path: Path, kept: Path, empty: Empty, filled: Path
) -> None:
    copy(filled, tmp_path / "grown")
    with Ledger.open(url_of(tmp_path / "grown")) as ledger:
        ledger.start_run(RUN)
    place = empty("sqlite")
    copy(tmp_path / "grown" / "seal", place.seal)
    with pytest.raises(LedgerError, match="entries after the backup are lost"):
        restore(kept, place.url, place.seal)


def test_a_ledger_that_is_not_empty_is_not_restored_into(kept: Path, ledger: Ledger, place: Place) -> None:
    ledger.start_run(RUN)
    shutil.rmtree(place.seal)
    with pytest.raises(LedgerError, match="into an empty ledger only"):
        restore(kept, place.url, place.seal)


def test_nothing_is_restored_from_nothing(tmp_path: Path, empty: Empty) -> None:
    place = empty("sqlite")
    with pytest.raises(LedgerError, match="no backup in"):
        restore(tmp_path / "nowhere", place.url, place.seal)
    assert list(place.seal.parent.iterdir()) == []


def rewrite_manifest(folder: Path, keep_signature: bool) -> None:
    """What a forger does: make the manifest fit the files again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["tables"]:
        manifest["tables"][name]["sha256"] = hashlib.sha256((folder / f"{name}.jsonl").read_bytes()).hexdigest()
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    if not keep_signature:
        manifest["signature"] = None
    (folder / "manifest.json").write_text(canonical_json(manifest))


@pytest.mark.parametrize("forged", ["file", "file and manifest", "file and unsigned manifest", "roots too", "half"])
@pytest.mark.parametrize("name", ["issued_lines", "entry", "decisions"])
def test_a_backup_that_was_changed_is_not_restored(
    tmp_path: Path, kept: Path, empty: Empty, forged: str, name: str
) -> None:
    shutil.copytree(kept, tmp_path / "forged")
    [folder] = (tmp_path / "forged").iterdir()
    path = folder / f"{name}.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    if forged == "half":
        (folder / "manifest.json").unlink()
    path.write_text("".join(lines[:-1]))
    if forged == "roots too":
        roots = (folder / "roots.jsonl").read_text().splitlines(keepends=True)
        (folder / "roots.jsonl").write_text("".join(roots[:-1]))
    if forged not in ("file", "half"):
        rewrite_manifest(folder, keep_signature=forged == "file and manifest")
    place = empty("sqlite")
    with pytest.raises(LedgerError, match=r"not as it was written|signature is not|does not prove itself|no backup"):
        restore(tmp_path / "forged", place.url, place.seal)
    if Path(place.url.removeprefix("sqlite:///")).exists():
        assert not place.seal.exists()
        with place.open() as ledger:
            assert ledger.sequence() == 0


def test_a_backup_is_of_one_moment_while_writers_go_on(tmp_path: Path, place: Place, empty: Empty) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("forks a writer")
    child = forked(lambda: write(place, "writer"))
    backups = []
    with place.open() as ledger:
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            backups.append(back_up(ledger, tmp_path / "backups"))
    assert len({backup.sequence for backup in backups}) > 1
    for backup in backups[-3:]:
        target = empty("sqlite")
        done = restore(backup.folder, target.url, target.seal)
        assert (done.backup.sequence, done.backup.hash) == (backup.sequence, backup.hash)
        with target.open() as ledger:
            assert ledger.sequence() == backup.sequence
            assert ledger.verify() == []


def test_the_newest_backup_of_a_folder_is_restored(tmp_path: Path, ledger: Ledger, empty: Empty) -> None:
    ledger.start_run(RUN)
    first = back_up(ledger, tmp_path / "backups")
    ledger.finish_run(RUN)
    second = back_up(ledger, tmp_path / "backups")
    assert back_up(ledger, tmp_path / "backups") == second
    assert restore(tmp_path / "backups", empty("sqlite").url).backup == second
    assert restore(first.folder, empty("sqlite").url).backup == first


def test_a_ledger_whose_key_is_lost_is_backed_up_and_restored(
    tmp_path: Path, ledger: Ledger, place: Place, empty: Empty
) -> None:
    fill(ledger)
    (place.seal / "signing.key").unlink()
    with place.open() as opened:
        backup = back_up(opened, tmp_path / "backups")
    assert not backup.is_signed
    target = empty("sqlite")
    assert restore(tmp_path / "backups", target.url, target.seal).new_key
    with target.open() as opened:
        opened.register_batch(AS_OF, [found("after")])
        assert opened.verify() == []


def test_entries_without_a_root_are_not_backed_up(tmp_path: Path, ledger: Ledger, place: Place) -> None:
    ledger.start_run(RUN)
    lines = Seal(place.seal).lines()
    (place.seal / "roots.jsonl").write_text(f"{lines[0]}\n")
    with pytest.raises(LedgerError, match="no signed root"):
        back_up(ledger, tmp_path / "backups")


def test_the_commands_back_up_and_restore_a_home_with_its_evidence(tmp_path: Path, filled: Path) -> None:
    home, there, to = tmp_path / "home", tmp_path / "restored", tmp_path / "backups"
    copy(filled, home)
    (home / "evidence").mkdir()
    name = hashlib.sha256(b"landed").hexdigest()
    (home / "evidence" / name).write_bytes(b"landed")
    run = CliRunner().invoke
    for copied in (1, 0):
        result = run(main, ["backup", "--to", str(to), "--home", str(home)])
        assert result.exit_code == 0, result.output
        assert f"evidence: {copied} files copied" in result.output
    result = run(main, ["restore", "--from", str(to), "--home", str(there)])
    assert result.exit_code == 0, result.output
    assert "proved" in result.output
    assert "a new key signs" in result.output
    assert (there / "evidence" / name).read_bytes() == b"landed"
    result = run(main, ["audit", "verify", "--home", str(there)])
    assert result.exit_code == 0, result.output
    assert result.output.count("key ") >= 2
    (to / "evidence" / name).write_bytes(b"changed")
    shutil.rmtree(there)
    result = run(main, ["restore", "--from", str(to), "--home", str(there)])
    assert result.exit_code == 1
    assert f"FAULT  evidence {name}" in result.output


def test_the_command_restores_into_another_database(tmp_path: Path, kept: Path, empty: Empty) -> None:
    place = empty("postgresql")
    result = CliRunner().invoke(
        main,
        ["restore", "--from", str(kept), "--home", str(tmp_path / "home"), "--ledger-url", place.url],
    )
    assert result.exit_code == 0, result.output
    assert Ledger.audit(place.url, tmp_path / "home" / "seal").faults == ()
