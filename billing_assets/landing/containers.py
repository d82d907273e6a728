"""Files as bytes: the one safe opener, the fingerprint of a file, and what makes a container unreadable.

A file is read without following links, to its end, within limits. Rows belong to the modules of the sources.
"""

import codecs
import gzip
import hashlib
import io
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from billing_assets.landing.quarantine import Fault

_CHUNK = 1 << 20
# A file that grows beyond these while it is decompressed is an attack or a defect, not a delivery: usage text
# compresses 10 to 40 times, and the largest day we measure (100M events) is 25 GB of text.
MAX_EXPANSION = 200
MAX_DECOMPRESSED_BYTES = 64 << 30
# Small files may compress beyond MAX_EXPANSION (a thousand equal rows do); they cannot hurt.
EXPANSION_FLOOR_BYTES = 64 << 20


class Unreadable(Exception):
    """The file cannot be read as a whole; `code` and the message are what quarantine says."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Fingerprint:
    """What a file is, told by its bytes. A damaged container is known by its landed bytes alone."""

    sha256: str  # of the decompressed bytes
    landed_sha256: str
    size_bytes: int
    fault: Fault | None = None


def open_landed(path: Path) -> BinaryIO:
    """A regular file opened for reading, never through a link. Raises Unreadable."""
    try:
        # Non-blocking: opening a pipe that somebody put here must not hang the night.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable("container", f"the file cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("container", "not a regular file")
    return os.fdopen(descriptor, "rb")


@contextmanager
def open_decompressed(path: Path, *, compressed: bool) -> Iterator[BinaryIO]:
    """The decompressed bytes of a landed file; `compressed` is told by its registered path. Raises Unreadable."""
    with open_landed(path) as landed:
        if not compressed:
            yield landed
            return
        with gzip.GzipFile(fileobj=landed, mode="rb") as stream:
            yield stream  # type: ignore[misc]


@contextmanager
def open_text(path: Path, *, compressed: bool) -> Iterator[TextIO]:
    """The text of a landed file, BOM dropped, line ends as they are. Raises Unreadable and UnicodeDecodeError."""
    with open_decompressed(path, compressed=compressed) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield text
        finally:
            text.detach()


def fingerprint(path: Path, *, compressed: bool, is_text: bool) -> Fingerprint:
    """Read a file once, to its end: hashes, size, and the fault that makes it unreadable, if any.

    Raises Unreadable only where the file cannot be opened at all.
    """
    with open_landed(path) as file:
        landed = _Hashing(file)
        content_hash = hashlib.sha256() if compressed else landed.hash
        encoding = _Encoding() if is_text else None
        fault: Fault | None = None
        length = 0
        try:
            for chunk in _content(landed, compressed=compressed):
                length += len(chunk)
                _check_expansion(length, landed.size)
                if compressed:
                    content_hash.update(chunk)
                if encoding:
                    encoding.check(chunk)
            if encoding:
                encoding.check(b"", final=True)
                if not encoding.is_utf8:
                    fault = Fault("encoding", "the file is not UTF-8")
        except Unreadable as error:
            landed.drain()
            digest = landed.hash.hexdigest()
            return Fingerprint(digest, digest, landed.size, Fault(error.code, error.reason))
        if length == 0:
            fault = Fault("container", "the file is empty")
        return Fingerprint(content_hash.hexdigest(), landed.hash.hexdigest(), landed.size, fault)


def readable_lines(path: Path, *, compressed: bool) -> int:
    """Whole lines with text in them that can be read before a damaged container breaks off."""
    lines = 0
    try:
        with open_decompressed(path, compressed=compressed) as stream:
            for line in stream:
                lines += line.endswith(b"\n") and bool(line.strip()) and _is_utf8(line)
    except (Unreadable, OSError, EOFError, zlib.error):
        pass  # what came before the damage is what is readable
    return lines


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Hashing(io.RawIOBase):
    """Landed bytes on their way to a reader, hashed and counted."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self.hash.update(chunk)
        self.size += len(chunk)
        return len(chunk)

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass


def _content(landed: _Hashing, *, compressed: bool) -> Iterator[bytes]:
    """Decompressed chunks to the very end, which is where gzip keeps its checksum and length."""
    if not compressed:
        while chunk := landed.read(_CHUNK):
            yield chunk
        return
    try:
        # Buffered: the header of a gz is read byte by byte.
        with gzip.GzipFile(fileobj=io.BufferedReader(landed, _CHUNK), mode="rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except EOFError:
        raise Unreadable("container", "the gz stream ends too early: the file is truncated") from None
    except (OSError, zlib.error) as error:
        raise Unreadable("container", f"the gz stream is damaged: {error}") from None
    landed.drain()


def _check_expansion(length: int, landed_size: int) -> None:
    if length > MAX_DECOMPRESSED_BYTES:
        raise Unreadable("container", f"decompresses to more than {MAX_DECOMPRESSED_BYTES} bytes")
    if length > EXPANSION_FLOOR_BYTES and length > MAX_EXPANSION * landed_size:
        raise Unreadable("container", f"decompresses to more than {MAX_EXPANSION} times its size")


class _Encoding:
    """Whether bytes seen so far are UTF-8, across chunk borders."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.is_utf8 = True

    def check(self, chunk: bytes, *, final: bool = False) -> None:
        if self.is_utf8:
            try:
                self._decoder.decode(chunk, final)
            except UnicodeDecodeError:
                self.is_utf8 = False


class Fingerprints:
    """Fingerprints of files, remembered between runs so that a quiet night reads nothing.

    Derived state: deleting the file costs one reading of everything. An entry counts only while size, inode and
    both times of the file are what they were; the change time cannot be set by hand, so a file rewritten
    under an old modification time is read again.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._entries: dict[str, list[object]] = {}
        self._is_changed = False
        try:
            entries = json.loads(cache.read_text("utf-8"))
            if isinstance(entries, dict):
                self._entries = entries
        except (OSError, ValueError):
            pass  # no memory, or a broken one: everything is read again

    def of(self, path: Path, *, compressed: bool, is_text: bool) -> Fingerprint:
        """The fingerprint of a file as it is now. Raises Unreadable where it cannot be opened."""
        try:
            state = os.lstat(path)
        except OSError as error:
            raise Unreadable("container", f"the file cannot be opened: {error.strerror}") from error
        stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, compressed, is_text]
        key = str(path)
        known = self._entries.get(key)
        if isinstance(known, list) and len(known) == 10 and known[:6] == stamp:
            sha256, landed_sha256, code, reason = map(str, known[6:])
            return Fingerprint(sha256, landed_sha256, state.st_size, Fault(code, reason) if code else None)
        found = fingerprint(path, compressed=compressed, is_text=is_text)
        fault = found.fault
        self._entries[key] = [
            *stamp,
            found.sha256,
            found.landed_sha256,
            fault.code if fault else "",
            fault.reason if fault else "",
        ]
        self._is_changed = True
        return found

    def save(self, below: Path, paths: set[Path]) -> None:
        """Keep what was learnt; entries below a root whose file is gone are forgotten."""
        kept = {
            key: entry
            for key, entry in self._entries.items()
            if Path(key) in paths or not Path(key).is_relative_to(below)
        }
        if not self._is_changed and len(kept) == len(self._entries):
            return
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._cache.with_suffix(".new")
        temporary.write_text(json.dumps(kept, sort_keys=True), "utf-8")
        temporary.replace(self._cache)
        self._entries, self._is_changed = kept, False
