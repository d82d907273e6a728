"""A file is read to its end, without following links, within limits; damage is a fault, never a short read."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from billing_assets.landing import containers
from billing_assets.landing.containers import Fingerprints, Unreadable, fingerprint, readable_lines
from billing_assets.landing.evidence import EvidenceStore

TEXT = b"".join(b'{"line": %d, "noise": "%s"}\n' % (i, os.urandom(20).hex().encode()) for i in range(2_000))


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_gz_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    landed = gzip.compress(TEXT)
    (tmp_path / "a.gz").write_bytes(landed)
    found = fingerprint(tmp_path / "a.gz", compressed=True, is_text=True)
    assert (found.sha256, found.landed_sha256, found.size_bytes, found.fault) == (
        sha(TEXT),
        sha(landed),
        len(landed),
        None,
    )


def test_members_of_a_gz_are_one_content(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:]))
    assert fingerprint(tmp_path / "a.gz", compressed=True, is_text=True).sha256 == sha(TEXT)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 500])
def test_a_truncated_gz_is_damaged_however_little_is_missing(tmp_path: Path, cut: int) -> None:
    landed = gzip.compress(TEXT)[:-cut]
    (tmp_path / "a.gz").write_bytes(landed)
    found = fingerprint(tmp_path / "a.gz", compressed=True, is_text=True)
    assert found.fault is not None
    assert found.fault.code == "container"
    assert found.sha256 == found.landed_sha256 == sha(landed)


@pytest.mark.parametrize("at", [-1, -5])
def test_a_wrong_length_or_checksum_is_damage(tmp_path: Path, at: int) -> None:
    landed = bytearray(gzip.compress(TEXT))
    landed[at] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(landed)
    assert fingerprint(tmp_path / "a.gz", compressed=True, is_text=True).fault is not None


def test_what_is_no_gz_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(TEXT)
    assert fingerprint(tmp_path / "a.gz", compressed=True, is_text=True).fault is not None


@pytest.mark.parametrize("content", [b"caf\xe9\n", b"\xff\xfea\x00", TEXT + b"\xc3"])
def test_text_that_is_not_utf8_is_a_fault_of_encoding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    found = fingerprint(tmp_path / "a", compressed=False, is_text=True)
    assert found.fault is not None
    assert found.fault.code == "encoding"
    assert found.sha256 == sha(content)
    assert fingerprint(tmp_path / "a", compressed=False, is_text=False).fault is None


def test_utf8_is_checked_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_CHUNK", 7)
    (tmp_path / "a").write_bytes("żółć 漢字 ".encode() * 50)
    assert fingerprint(tmp_path / "a", compressed=False, is_text=True).fault is None


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_a_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    fault = fingerprint(tmp_path / "a", compressed=bool(content), is_text=True).fault
    assert fault is not None
    assert (fault.code, fault.reason) == ("container", "the file is empty")


def test_a_decompression_bomb_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "EXPANSION_FLOOR_BYTES", 1 << 20)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"0" * (8 << 20)))
    fault = fingerprint(tmp_path / "bomb.gz", compressed=True, is_text=True).fault
    assert fault is not None
    assert "times its size" in fault.reason


def test_a_link_and_a_pipe_are_never_opened(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(TEXT)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "absent"):
        with pytest.raises(Unreadable):
            fingerprint(tmp_path / name, compressed=False, is_text=True)


def test_lines_before_the_damage_are_counted(tmp_path: Path) -> None:
    landed = gzip.compress(TEXT)
    (tmp_path / "a.gz").write_bytes(landed[: len(landed) // 2])
    assert 0 < readable_lines(tmp_path / "a.gz", compressed=True) < 2_000
    (tmp_path / "b").write_bytes(b"good\n\nb\xe9d\nhalf")
    assert readable_lines(tmp_path / "b", compressed=False) == 1


class Counted:
    """Counts how often a file is really read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = containers.fingerprint

        def counting(path: Path, **arguments: bool) -> containers.Fingerprint:
            self.count += 1
            return real(path, **arguments)

        monkeypatch.setattr(containers, "fingerprint", counting)


def test_an_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    file = tmp_path / "zone" / "a"
    file.parent.mkdir()
    file.write_bytes(TEXT)
    for _ in range(2):
        memory = Fingerprints(tmp_path / "cache.json")
        assert memory.of(file, compressed=False, is_text=True).sha256 == sha(TEXT)
        memory.save(file.parent, {file})
    assert counted.count == 1


def test_a_rewrite_under_the_old_modification_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one\n")
    memory = Fingerprints(tmp_path / "cache.json")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    assert memory.of(file, compressed=False, is_text=True).sha256 == sha(b"one\n")
    file.write_bytes(b"two\n")
    os.utime(file, ns=times)
    assert memory.of(file, compressed=False, is_text=True).sha256 == sha(b"two\n")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"x": 5}', b"\xff"])
def test_a_broken_memory_is_no_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache.json").write_bytes(content)
    (tmp_path / "a").write_bytes(TEXT)
    found = Fingerprints(tmp_path / "cache.json").of(tmp_path / "a", compressed=False, is_text=True)
    assert found.sha256 == sha(TEXT)


def test_evidence_keeps_the_first_copy_of_a_content(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence")
    (tmp_path / "a").write_bytes(b"one")
    assert not store.holds("abc")
    store.keep(tmp_path / "a", "abc")
    (tmp_path / "a").write_bytes(b"two")
    store.keep(tmp_path / "a", "abc")
    assert store.path("abc").read_bytes() == b"one"
    assert [file.name for file in (tmp_path / "evidence").iterdir()] == ["abc"]
