"""Reading what the simulator wrote, without its code: rows of usage files, hashes of trees."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def tree_hash(root: Path) -> str:
    """Every path and every byte below `root`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def contents(root: Path) -> dict[str, Any]:
    """Path -> content that does not depend on the build of zlib or the version of pyarrow.

    Compressed files are read through their compression, Parquet by its rows, manifests without the hash of bytes.
    A stream that was cut is compared by its beginning: where the cut falls depends on the compressed size.
    """
    result: dict[str, Any] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        if name.endswith(".manifest.json"):
            result[name] = {k: v for k, v in json.loads(path.read_bytes()).items() if k != "sha256"}
        elif name.endswith(".parquet"):
            result[name] = pq.read_table(path).to_pylist()
        elif name.endswith(".gz"):
            result[name] = hashlib.sha256(readable(path)).hexdigest() if is_whole(path) else readable(path)[:10_000]
        else:
            result[name] = path.read_bytes()
    return result


def is_whole(path: Path) -> bool:
    try:
        gzip.decompress(path.read_bytes())
    except EOFError:
        return False
    return True


def readable(path: Path) -> bytes:
    """The decompressed bytes as far as they can be read."""
    read = bytearray()
    with gzip.open(path) as packed:
        try:
            while block := packed.read1(1 << 16):
                read += block
        except EOFError:
            pass
    return bytes(read)


def lines(path: Path) -> list[str]:
    """Physical lines of a text container, header included."""
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


def events(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of one usage file under the flat column names; rows that cannot be read are skipped."""
    if path.name.endswith(".parquet"):
        yield from pq.read_table(path).to_pylist()
    elif ".csv" in path.name:
        for row in csv.DictReader(io.StringIO("\n".join(lines(path)))):
            if row["properties"] is not None:
                yield row
    else:
        for line in lines(path):
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue
            yield {
                "event_id": event["id"],
                "source": event["source"],
                "event_type": event["type"],
                "account_id": event["subject"],
                "event_time": event["time"],
                "quantity": event["data"].get("quantity"),
            }
