"""The seal: a signing key, and signed roots of the chain in a file outside the database.

A root says: at this entry the chain's hash was this. Each names the hash of the line before it, so that none can be
left out, altered or moved. Who writes the database can compute a chain anew; a root it no longer agrees with stays.
Who holds the signing key can sign another history: a copy of the roots kept elsewhere shows that too.

The folder holds `signing.key` (private, never copied by us), `public.pem` (what a reader needs, the newest key
last), `roots.jsonl` and `pending.json`, the root of the transaction that is being committed. A root that begins a
key carries the public key: the first one, and after a restore without the private key another. Nothing here knows
the database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from billing_assets.ledger.canonical import GENESIS, Json, canonical_json, sha256_text
from billing_assets.ledger.errors import LedgerError, SealBroken

if TYPE_CHECKING:  # a tenth of a second to import, and an ordinary opening needs none of it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Replaced where a test has no power cut to survive.
_fsync = os.fsync
# A signature that held holds: what people decided is proved anew at each reading, and a reading proves all of it.
_VERIFIED = 100_000
# Read from the end of the file to find its last line: longer than any root.
_LAST_BYTES = 4096


@dataclass(frozen=True)
class Root:
    """One line of the roots file. `public_key` (hex) only where a key begins."""

    sequence: int
    hash: str
    recorded_at: str
    previous_root: str
    public_key: str | None
    signature: str

    @property
    def signed_text(self) -> str:
        """What the signature covers: every field but itself."""
        fields: dict[str, Json] = {
            "sequence": self.sequence,
            "hash": self.hash,
            "recorded_at": self.recorded_at,
            "previous_root": self.previous_root,
        }
        return canonical_json({**fields, "public_key": self.public_key} if self.public_key else fields)

    @property
    def line(self) -> str:
        return canonical_json({**json.loads(self.signed_text), "signature": self.signature})


def parse_root(line: str) -> Root | None:
    """The root that `line` is, to the byte; None where it is none that we wrote."""
    try:
        fields = json.loads(line)
        root = Root(**{"public_key": None, **fields})
        kinds_fit = type(root.sequence) is int and all(
            type(value) is str for name, value in fields.items() if name != "sequence"
        )
        return root if kinds_fit and root.line == line else None
    except (ValueError, TypeError):
        return None


class Keys:
    """Which public key signs from which entry on, as the roots say."""

    def __init__(self, roots: list[Root]) -> None:
        self.begins = [(root.sequence, root.public_key) for root in roots if root.public_key]

    def must_sign(self, sequence: object) -> bool:
        """Whether a person's entry at `sequence` has to be signed: what was there before the first root has not."""
        return bool(self.begins) and isinstance(sequence, int) and sequence > self.begins[0][0]

    def signed(self, sequence: object, entry_hash: object, signature: object) -> bool:
        """Whether `signature` is that of the key that signed at entry `sequence`."""
        # The root that begins a key stands at the last entry that the key before it signed.
        current = [key for begin, key in self.begins if isinstance(sequence, int) and begin < sequence]
        return bool(current) and verified(current[-1], str(entry_hash), signature)


@lru_cache(maxsize=_VERIFIED)
def verified(public_key: str | None, text: str, signature: object) -> bool:
    """Whether `signature` (hex) over `text` was made with the private half of `public_key` (hex)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(public_key)))
        key.verify(bytes.fromhex(str(signature)), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def public_keys(pem: Path) -> list[str]:
    """The Ed25519 public keys (hex) in a PEM file, in its order. Raises LedgerError where it is none."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    end = "-----END PUBLIC KEY-----"
    try:
        blocks = [block + end for block in pem.read_text(encoding="ascii").split(end) if block.strip()]
        keys = [load_pem_public_key(block.strip().encode()) for block in blocks]
        return [key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex() for key in keys]
    except (OSError, ValueError) as error:
        raise LedgerError(f"{pem} holds no public key to verify with: {error}") from error


class Seal:
    """The seal of one ledger, in `folder`. Created by the ledger's first opening."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots_path = folder / "roots.jsonl"
        self.pending_path = folder / "pending.json"
        self.key_path = folder / "signing.key"
        self.public_path = folder / "public.pem"
        self._key: Ed25519PrivateKey | None = None

    # -- reading -------------------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """The whole lines of the roots file; a last one without an end is a write that was cut off."""
        if not self.roots_path.exists():
            return []
        text = self.roots_path.read_text(encoding="utf-8", errors="replace")
        return text.split("\n")[:-1]

    def roots(self) -> list[Root]:
        """Every root, in order. Raises SealBroken at the first line that is none."""
        roots = []
        for position, line in enumerate(self.lines(), start=1):
            root = parse_root(line)
            if root is None:
                raise SealBroken(f"line {position} of {self.roots_path} is no root of ours: {_AUDIT}")
            roots.append(root)
        return roots

    def keys(self) -> Keys:
        return Keys(self.roots())

    def last(self, lines: list[str] | None = None) -> Root | None:
        """The last root, of `lines` where they are given; None before the first. Raises SealBroken where it is none."""
        if lines is None:
            lines = self._last_lines()
        if not lines:
            return None
        root = parse_root(lines[-1])
        if root is None:
            raise SealBroken(f"the last line of {self.roots_path} is no root of ours: {_AUDIT}")
        return root

    def _last_lines(self) -> list[str]:
        if not self.roots_path.exists():
            return []
        with self.roots_path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LAST_BYTES))
            return file.read().decode("utf-8", errors="replace").split("\n")[:-1]

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the roots still. Writers take it from before their commit until their root is written, so that
        whoever holds it sees no entry without its root but one that a crash left."""
        import fcntl  # POSIX only; here, so that the room can be imported anywhere

        if shared and not self.roots_path.exists():
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        mode = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        descriptor = os.open(self.roots_path, mode, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # -- writing -------------------------------------------------------------------------------------------------

    def require_key(self) -> None:
        """Refuse to write where the roots go on and the key that signs them is not at hand."""
        if not self.key_path.exists():
            raise SealBroken(
                f"{self.key_path} is missing and {self.roots_path.name} goes on: nothing is written that cannot be "
                "signed. Put the key back; where it is lost, `billing backup` (which needs none), then "
                "`billing restore` into a new home, which begins a new key"
            )

    def begin(self, sequence: int, entry_hash: str, recorded_at: str) -> None:
        """Make a key and write the root that begins it. Call under `locked`."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

        if self.key_path.exists():  # a first opening that was cut off here
            key = self._load_key()
        else:
            key = Ed25519PrivateKey.generate()
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            _write(self.key_path, private, os.O_EXCL, 0o600)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if not self.public_path.exists() or public not in self.public_path.read_bytes():
            _write(self.public_path, public, os.O_APPEND, 0o644)
        self._key = key
        self.confirm(self._signed(sequence, entry_hash, recorded_at, key.public_key().public_bytes_raw().hex()))

    def prepare(self, sequence: int, entry_hash: str, recorded_at: str) -> Root:
        """Sign what the chain's head is going to be, before the commit. Call under `locked`, then `confirm`.

        It is kept where a crash after the commit finds it: entries that were never prepared are none of ours.
        """
        root = self._signed(sequence, entry_hash, recorded_at, None)
        _write(self.pending_path, f"{root.line}\n".encode(), os.O_TRUNC, 0o644)
        return root

    def confirm(self, root: Root) -> None:
        """Append a prepared root, on the disk when this returns. Call under `locked`, after the commit."""
        _cut_unfinished(self.roots_path)
        _write(self.roots_path, f"{root.line}\n".encode(), os.O_APPEND, 0o644)

    def settle(self, sequence: int, entry_hash: str) -> bool:
        """Append the root that a crash left prepared, where it is that of this head. Call under `locked`."""
        last, line = (
            self.last(),
            self.pending_path.read_text(errors="replace").strip() if self.pending_path.exists() else "",
        )
        root = parse_root(line)
        key = self.keys().begins[-1][1] if last else None
        if root is None or last is None or (root.sequence, root.hash) != (sequence, entry_hash):
            return False
        if root.previous_root != sha256_text(last.line) or not verified(key, root.signed_text, root.signature):
            return False
        self.confirm(root)
        return True

    def take_over(self, lines: list[str], public: bytes) -> None:
        """Put the roots and public keys of a restored ledger in place; a private key that is there has to fit."""
        with self.locked():
            if self.lines() != lines:
                _write(self.public_path, public, os.O_TRUNC, 0o644)
                _write(self.roots_path, "".join(f"{line}\n" for line in lines).encode(), os.O_TRUNC, 0o644)
            if self.key_path.exists():
                self._signing_key()

    def sign(self, text: str) -> str:
        return self._signing_key().sign(text.encode()).hex()

    def _signing_key(self) -> Ed25519PrivateKey:
        """The private key, proved once to be the one that signed the last root."""
        if self._key is None:
            self.require_key()
            key = self._load_key()
            last = self.last()
            public = key.public_key().public_bytes_raw().hex()
            if last is None or not verified(public, last.signed_text, last.signature):
                raise SealBroken(f"{self.key_path} did not sign the last root of {self.roots_path}: {_AUDIT}")
            self._key = key
        return self._key

    def _load_key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key_path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise SealBroken(f"{self.key_path} cannot be used: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SealBroken(f"{self.key_path} is no Ed25519 key")
        return key

    def _signed(self, sequence: int, entry_hash: str, recorded_at: str, public_key: str | None) -> Root:
        last = self.last()
        previous = sha256_text(last.line) if last else GENESIS
        root = Root(sequence, entry_hash, recorded_at, previous, public_key, "")
        return Root(sequence, entry_hash, recorded_at, previous, public_key, self.sign(root.signed_text))


_AUDIT = "someone changed the seal: run `billing audit verify`, then restore a backup"


def _cut_unfinished(path: Path) -> None:
    """Drop what follows the last line end: a root whose writing was cut off, which is about to be written again."""
    if not path.exists():
        return
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - _LAST_BYTES))
        end = file.read().rfind(b"\n")
    if size and start + end + 1 != size:
        os.truncate(path, start + end + 1)


def _write(path: Path, content: bytes, flag: int, mode: int) -> None:
    """Write to the end or anew, on the disk when this returns. Raises SealBroken where it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, mode)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            _fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:  # its name is the folder's
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                _fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise SealBroken(f"{path} cannot be written: {error}. What was committed stands; run again") from error


def faults(
    lines: list[str], heads: Mapping[int, str], head: int, trusted: list[str]
) -> tuple[list[Root], list[tuple[str, str]]]:
    """The roots of the lines that are roots, and (place, problem) for each thing wrong with them.

    `heads`: entry sequence -> hash as the database has it, for every entry that a root may name; `head`: the last.
    """
    roots: list[Root] = []
    problems: list[tuple[str, str]] = []
    previous_line, previous_sequence, key = "", -1, None
    for place, line in enumerate(lines, start=1):
        where = f"root {place}"
        root = parse_root(line)
        if root is None:
            problems.append((where, "is no root of ours: altered"))
        else:
            roots.append(root)
            if root.previous_root != (sha256_text(previous_line) if place > 1 else GENESIS):
                problems.append((where, "does not continue the root before it: altered, moved or removed"))
            if root.sequence < previous_sequence:
                problems.append((where, "goes back in the chain"))
            if root.public_key:
                key = root.public_key
                if key not in trusted:
                    problems.append((where, f"begins key {key[:16]}, which is not among the public keys given"))
            if not verified(key, root.signed_text, root.signature):
                problems.append((where, "has a signature that is not its key's: forged or altered"))
            if root.sequence > head:
                problems.append((where, f"is of entry {root.sequence}, the ledger ends at {head}: entries are gone"))
            elif heads.get(root.sequence) != root.hash:
                problems.append((where, f"has another hash than entry {root.sequence}: the chain was computed anew"))
            previous_sequence = root.sequence
        previous_line = line
    if not roots:
        problems.append(("roots", "there are none: nothing outside the database attests the chain"))
    elif roots[-1].sequence < head:
        problems.append(
            (
                "roots",
                f"end at entry {roots[-1].sequence}, the ledger at {head}: roots were removed, or a run was "
                "interrupted and the ledger not opened since, which signs what it left",
            )
        )
    return roots, problems
