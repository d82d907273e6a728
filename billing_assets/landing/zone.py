"""The register as loading sees it, and where each registered content can be read now.

Belongs here: looking up entries and locating bytes. Entering files into the register is `register`.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from billing_assets.landing import kinds, manifests
from billing_assets.landing.containers import Fingerprint, Fingerprints, Unreadable, open_text
from billing_assets.landing.evidence import EvidenceStore
from billing_assets.landing.files import LandedFile, Manifest
from billing_assets.landing.quarantine import Fault
from billing_assets.landing.register import DAMAGED, FACTS
from billing_assets.landing.strict_json import canonical_hash
from billing_assets.ledger import RegisteredFile


class Zone:
    """The register over a landing root and its evidence store."""

    def __init__(
        self,
        root: Path,
        fingerprints: Fingerprints,
        evidence: EvidenceStore,
        register: Sequence[RegisteredFile],
    ) -> None:
        self.root = root
        self.evidence = evidence
        self._fingerprints = fingerprints
        self._batches: dict[int, list[RegisteredFile]] = defaultdict(list)
        self._manifests: dict[str, list[RegisteredFile]] = defaultdict(list)
        self._by_path: dict[str, list[RegisteredFile]] = defaultdict(list)
        self._by_sequence = {entry.file_sequence: entry for entry in register}
        for entry in register:
            self._batches[entry.batch].append(entry)
            if entry.status in FACTS:
                continue
            self._by_path[entry.path].append(entry)
            data_path = manifests.data_path(entry.path)
            if data_path and entry.source == kinds.MANIFEST.source:
                self._manifests[data_path].append(entry)

    def batches(self) -> list[int]:
        return sorted(self._batches)

    def entries(self, batch: int) -> list[RegisteredFile]:
        return self._batches[batch]

    def entry(self, file_sequence: int) -> RegisteredFile:
        return self._by_sequence[file_sequence]

    def file(self, path: str, sha256: str) -> RegisteredFile:
        """The registration of a content at a path: what a fact of the register speaks of."""
        return next(entry for entry in self._by_path[path] if entry.sha256 == sha256)

    def newest_at(self, path: str, batch: int) -> RegisteredFile | None:
        """The file registered last at a path, as of a batch."""
        return next((entry for entry in reversed(self._by_path[path]) if entry.batch <= batch), None)

    def register_hash(self, batch: int) -> str:
        """What the register says of one batch, as one hash: tells a warehouse of another ledger."""
        return canonical_hash([[e.file_sequence, e.path, e.sha256, e.status] for e in self.entries(batch)])

    def manifest_entry(self, path: str, batch: int) -> RegisteredFile | None:
        """The manifest beside a data file as of a batch: the one registered last."""
        return next((entry for entry in reversed(self._manifests[path]) if entry.batch <= batch), None)

    def locate(self, entry: RegisteredFile) -> Path | None:
        """Where the registered content can be read: at its path, else in the evidence store, else nowhere."""
        path = self.root / entry.path
        try:
            if self._fingerprint(entry, path).sha256 == entry.sha256:
                return path
        except Unreadable:
            pass  # gone, or no longer a file: perhaps a copy was kept
        return self.evidence.path(entry.sha256) if self.evidence.holds(entry.sha256) else None

    def container_fault(self, entry: RegisteredFile, path: Path) -> Fault:
        """Why a file registered as damaged cannot be read."""
        fault = self._fingerprint(entry, path).fault
        return fault or Fault("container", "the file could not be read when it was registered")

    def landed(self, entry: RegisteredFile, path: Path, batch: int) -> LandedFile:
        """A located file with the manifest that governs it as of a batch."""
        beside = self.manifest_entry(entry.path, batch)
        return LandedFile(
            file_sequence=entry.file_sequence,
            batch=entry.batch,
            first_seen=entry.first_seen,
            path=entry.path,
            absolute=path,
            sha256=entry.sha256,
            landed_sha256=entry.landed_sha256,
            size_bytes=entry.size_bytes,
            source=entry.source,
            status=entry.status,
            manifest=manifests.beside(self.read_manifest(beside), entry.landed_sha256) if beside else None,
        )

    def read_manifest(self, entry: RegisteredFile) -> Manifest:
        """The manifest an entry registered; one that cannot be read says so in its fault."""
        unread = "the manifest cannot be read"
        path = self.locate(entry)
        if path is None:
            return Manifest(entry.file_sequence, entry.path, fault=f"{unread}: it is not there any more")
        if entry.status == DAMAGED:
            reason = self.container_fault(entry, path).reason
            return Manifest(entry.file_sequence, entry.path, fault=f"{unread}: {reason}")
        with open_text(path, compressed=kinds.opens_compressed(entry.path)) as text:
            return manifests.parse(text.read(), file_sequence=entry.file_sequence, path=entry.path)

    def _fingerprint(self, entry: RegisteredFile, path: Path) -> Fingerprint:
        kind = kinds.kind_of(entry.path)
        return self._fingerprints.of(path, compressed=kinds.opens_compressed(entry.path), is_text=kind.is_text)
