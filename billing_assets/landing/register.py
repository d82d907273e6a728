"""The register scan: what stands in the landing zone, told from what the ledger already knows.

Belongs here: finding files safely, their identity, and the facts that a registered file changed in place or
vanished. Rows are read by `load`. The scan writes nothing but the ledger and, for rewritable paths, evidence.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from billing_assets.errors import OperatorError
from billing_assets.landing import kinds
from billing_assets.landing.containers import Fingerprint, Fingerprints, Unreadable
from billing_assets.landing.evidence import EvidenceStore
from billing_assets.landing.files import Progress
from billing_assets.landing.remote import RemoteZone, mirror
from billing_assets.ledger import FoundFile, Ledger, RegisteredFile
from billing_assets.settings import Settings

# Statuses of a registration. The first four are files; the last three are facts about a file registered before
# (same path, same hash), entered because the run identity must move when evidence does.
REGISTERED = "registered"
DUPLICATE = "duplicate"  # the same content stands registered under another path
DAMAGED = "damaged"  # the container cannot be read; its hash may be that of the landed bytes
REFUSED = "refused"  # not read at all: a link, a device, a path that leads outside
CHANGED_IN_PLACE = "changed_in_place"
VANISHED = "vanished"
RETURNED = "returned"
FACTS = (CHANGED_IN_PLACE, VANISHED, RETURNED)

_HASHED_AHEAD = 2  # threads
FINGERPRINTS_FILE = "fingerprints.json"


class NoLandingZone(OperatorError, FileNotFoundError):
    """The landing root is not a folder."""


class NoBusinessDate(OperatorError, ValueError):
    """New files cannot be dated: no `as_of` was given and the ledger knows none."""


@dataclass(frozen=True)
class Registration:
    """What one scan found. `batch` is None when the ledger knew everything already."""

    batch: int | None
    files: int  # seen in the zone, whatever became of them
    known: int
    registered: int
    duplicates: int
    damaged: int
    refused: int
    facts: int  # changed in place, vanished, returned


@dataclass(frozen=True)
class _Found:
    """One name in the zone: a regular file that may be read, or the reason why it may not."""

    path: str
    absolute: Path
    refusal: str | None = None


def register(settings: Settings, ledger: Ledger, progress: Progress = lambda _: None) -> Registration:
    """Enter every new file of the landing zone into the ledger, as one batch, in byte order of the paths.

    Identity: path and hash of the decompressed bytes. Raises NoLandingZone and NoBusinessDate.
    """
    refused = _fetch(settings, progress)
    root = landing_root(settings)
    fingerprints = open_fingerprints(settings)
    evidence = EvidenceStore(settings.evidence_path)
    before = ledger.registered()
    known = {(entry.path, entry.sha256) for entry in before}
    first_by_content: dict[tuple[str, str], int] = {}
    for entry in before:
        if entry.status == REGISTERED:
            first_by_content.setdefault((entry.source, entry.sha256), entry.file_sequence)
    last = before[-1].file_sequence if before else 0

    batch: int | None = None
    new: list[FoundFile] = []
    present: dict[str, str] = {}  # path -> hash that stands there now
    seen: set[Path] = set()
    count = 0
    for found, identified in _identified([*_walk(root), *refused], fingerprints):
        file = identified
        count += 1
        if count % 500 == 0:
            progress(f"landing: {count} files looked at")
        seen.add(found.absolute)
        present[file.path] = file.sha256
        if (file.path, file.sha256) in known:
            continue
        kind = kinds.kind_of(file.path)
        if file.status != REFUSED:
            # What is damaged will be replaced by a good file, perhaps under its own name.
            if kind.is_rewritable or (kind.is_read and file.status == DAMAGED):
                evidence.keep(found.absolute, file.sha256)
            content = (kind.source, file.sha256)
            # What cannot be read cannot stand for anything: empty files are all alike and none is a copy.
            if kind.is_known_by_content and file.status == REGISTERED:
                if content in first_by_content:
                    file = replace(file, status=DUPLICATE, duplicate_of=first_by_content[content])
                else:
                    first_by_content[content] = last + len(new) + 1
        new.append(file)
    fingerprints.save(root, seen)

    new += _facts(before, present, evidence)
    if new:
        as_of = settings.as_of or ledger.last_as_of()
        if as_of is None:
            raise NoBusinessDate("no business date yet: give --as-of YYYY-MM-DD on the first run")
        # `after`: a scan made before another run registered files must not number its own behind them.
        batch = ledger.register_batch(as_of, new, after=last)[0].batch
    return Registration(
        batch=batch,
        files=count,
        known=count - sum(entry.status not in FACTS for entry in new),
        registered=sum(entry.status == REGISTERED for entry in new),
        duplicates=sum(entry.status == DUPLICATE for entry in new),
        damaged=sum(entry.status == DAMAGED for entry in new),
        refused=sum(entry.status == REFUSED for entry in new),
        facts=sum(entry.status in FACTS for entry in new),
    )


def landing_root(settings: Settings) -> Path:
    """The landing root with links resolved: the operator may point through a link, a file in it may not."""
    if settings.is_landing_remote:
        root = RemoteZone.of(str(settings.landing)).folder(settings.mirrors_path)
    else:
        root = Path(settings.landing)
    root = Path(os.path.realpath(root))
    if not root.is_dir():
        raise NoLandingZone(f"no landing zone at {settings.landing}: give --landing DIR")
    return root


def _fetch(settings: Settings, progress: Progress) -> list[_Found]:
    """Bring the mirror of a remote landing zone up to date; returns the keys that may not be files in it."""
    if not settings.is_landing_remote:
        return []
    zone = RemoteZone.of(str(settings.landing))
    folder = zone.folder(settings.mirrors_path)
    return [_Found(path, folder / path, reason) for path, reason in mirror(zone, settings.mirrors_path, progress)]


def open_fingerprints(settings: Settings) -> Fingerprints:
    return Fingerprints(settings.home / FINGERPRINTS_FILE)


def _walk(root: Path) -> Iterator[_Found]:
    """Every name below the root that is no plain folder, in byte order of its path."""
    found: list[_Found] = []
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            path = os.path.relpath(folder, root)
            found.append(_Found(path, Path(folder), kinds.NOT_OPENED))
            continue
        for entry in entries:
            path = os.path.relpath(entry.path, root)
            reason = kinds.refusal(path)
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except OSError:  # gone since the folder was listed
                found.append(_Found(path, Path(entry.path), kinds.NOT_OPENED))
                continue
            if stat.S_ISLNK(mode):
                reason = kinds.SYMLINK
            elif reason is None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                reason = kinds.NOT_REGULAR
            elif reason is None and os.path.realpath(entry.path) != entry.path:
                reason = kinds.PATH_OUTSIDE
            if reason is None and stat.S_ISDIR(mode):
                folders.append(entry.path)
            else:
                found.append(_Found(path, Path(entry.path), reason))
    yield from sorted(found, key=lambda one: os.fsencode(one.path))


def _identified(names: Sequence[_Found], fingerprints: Fingerprints) -> Iterator[tuple[_Found, FoundFile]]:
    """Each name with what it is, in their order: files are hashed while others are kept as evidence."""
    with ThreadPoolExecutor(_HASHED_AHEAD) as pool:
        yield from zip(names, pool.map(lambda found: _identify(found, fingerprints), names), strict=True)


def _identify(found: _Found, fingerprints: Fingerprints) -> FoundFile:
    kind = kinds.kind_of(found.path)
    reason = found.refusal
    if reason is None:
        try:
            mark = fingerprints.of(found.absolute, compressed=kinds.opens_compressed(found.path), is_text=kind.is_text)
        except Unreadable:
            reason = kinds.NOT_OPENED
        else:
            return _found(found.path, mark, kind.source, DAMAGED if mark.fault else REGISTERED)
    mark = Fingerprint(kinds.refusal_hash(reason), kinds.refusal_hash(reason), 0)
    # A name that is not UTF-8 is kept as what it spells, escaped.
    path = os.fsencode(found.path).decode("utf-8", "backslashreplace")
    return _found(path, mark, kinds.UNKNOWN.source, REFUSED)


def _facts(before: Sequence[RegisteredFile], present: dict[str, str], evidence: EvidenceStore) -> list[FoundFile]:
    """What became of files registered before, where it is not what the register last said."""
    files: dict[tuple[str, str], RegisteredFile] = {}
    said: dict[tuple[str, str], str] = {}
    for entry in before:
        key = (entry.path, entry.sha256)
        if entry.status in FACTS:
            said[key] = entry.status
        elif entry.status != REFUSED and entry.source in kinds.READ_SOURCES:
            files.setdefault(key, entry)
    facts = []
    for key, entry in files.items():
        path, content = key
        if present.get(path) == content or evidence.holds(content):
            state = RETURNED
        else:
            state = CHANGED_IN_PLACE if path in present else VANISHED
        if state != said.get(key, RETURNED):
            facts.append(
                FoundFile(
                    path=path,
                    sha256=content,
                    landed_sha256=entry.landed_sha256,
                    size_bytes=entry.size_bytes,
                    source=entry.source,
                    duplicate_of=entry.duplicate_of,
                    status=state,
                )
            )
    return facts


def _found(path: str, mark: Fingerprint, source: str, status: str) -> FoundFile:
    return FoundFile(
        path=path,
        sha256=mark.sha256,
        landed_sha256=mark.landed_sha256,
        size_bytes=mark.size_bytes,
        source=source,
        duplicate_of=None,
        status=status,
    )
