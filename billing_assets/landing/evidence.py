"""The evidence store: landed bytes kept by their hash where the path they came from may not hold them for ever.

Belongs here: keeping and finding copies. Which kinds are rewritable is in `kinds`; `register` and `load` call.
"""

import os
import shutil
from pathlib import Path

from billing_assets.landing.containers import fingerprint, open_landed


class EvidenceStore:
    """HOME/evidence: one file per content, named by the sha256 of its decompressed bytes, as landed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        return self._root / sha256

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def unfit(self) -> list[str]:
        """Names of the files that do not hold the content they are named for."""
        names = sorted(path.name for path in self._root.glob("*") if path.is_file() and not path.name.startswith("."))
        return [name for name in names if name not in self._contents(self.path(name))]

    @staticmethod
    def _contents(path: Path) -> set[str]:
        """What the file may be named: for its bytes as landed, or decompressed."""
        landed = fingerprint(path, compressed=False, is_text=False)
        with open_landed(path) as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        unpacked = fingerprint(path, compressed=True, is_text=False) if is_gzip else landed
        return {landed.sha256, unpacked.sha256}

    def keep(self, source: Path, sha256: str) -> Path:
        """Copy a landed file into the store, whole or not at all. The first copy of a content stands."""
        target = self.path(sha256)
        if not target.is_file():
            self._root.mkdir(parents=True, exist_ok=True)
            temporary = self._root / f".{sha256}.new"
            with open_landed(source) as landed, temporary.open("wb") as copy:
                shutil.copyfileobj(landed, copy)
                copy.flush()
                os.fsync(copy.fileno())
            temporary.replace(target)
        return target
