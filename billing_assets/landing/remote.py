"""A landing zone in S3: its objects, mirrored into a folder that is then read like any other landing root.

Belongs here: which objects there are, fetching those that are new, and forgetting those that are gone. What a file is
belongs to `register`. Endpoint, region and credentials are the environment's (AWS_*), never settings.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from billing_assets.errors import OperatorError
from billing_assets.landing import kinds
from billing_assets.landing.files import Progress

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")
# What file systems allow for one name.
_NAME_BYTES = 255


class NoBucket(OperatorError):
    """The bucket of the landing zone cannot be read."""


@dataclass(frozen=True)
class RemoteZone:
    """Objects of a bucket below a prefix."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> "RemoteZone":
        """Raises NoBucket where the text is no s3://bucket/prefix."""
        match = _URL.fullmatch(url)
        if not match:
            raise NoBucket(f"{url} is not a landing zone: write s3://bucket/prefix")
        prefix = (match["prefix"] or "").strip("/")
        if prefix in (".", ".."):
            raise NoBucket(f"{url} is not a landing zone: its prefix spells a way out")
        return cls(match["bucket"], prefix)

    def folder(self, mirrors: Path) -> Path:
        """Where the objects are mirrored: one folder for each bucket and prefix, none inside another."""
        return mirrors / self.bucket / (quote(self.prefix, safe="") or "%2F")


@dataclass(frozen=True)
class _Object:
    key: str
    path: str  # below the prefix
    etag: str
    size: int


def state(zone: RemoteZone) -> list[tuple[str, str, int]]:
    """Path, ETag and size of every object: changes when the zone does. Raises NoBucket."""
    return [(found.path, found.etag, found.size) for found in _list(_client(), zone)]


def mirror(zone: RemoteZone, mirrors: Path, progress: Progress = lambda _: None) -> list[tuple[str, str]]:
    """Bring the mirror of a zone up to date; returns the keys that cannot be paths, as (escaped key, refusal).

    An object is fetched where its ETag or size is not what was fetched last, whole or not at all. A file whose object
    is gone is deleted. Raises NoBucket.
    """
    client = _client()
    folder = zone.folder(mirrors)
    folder.mkdir(parents=True, exist_ok=True)
    index_file = folder.with_name(folder.name + ".objects.json")
    fetched = _read_index(index_file)
    objects: dict[str, list[Any]] = {}
    refused: list[tuple[str, str]] = []
    for found in sorted(_list(client, zone), key=lambda one: one.path.encode("utf-8", "surrogatepass")):
        reason = _refusal(found.path, objects)
        if reason:
            refused.append((quote(found.path, safe="", errors="backslashreplace"), reason))
            continue
        mark = [found.etag, found.size]
        target = folder / found.path
        if fetched.get(found.path) != mark or not target.is_file() or target.stat().st_size != found.size:
            progress(f"landing: fetching {found.path}")
            _fetch(client, zone, found, target, folder.with_name(folder.name + ".part"))
        objects[found.path] = mark
    _forget(folder, set(objects))
    temporary = index_file.with_suffix(".new")
    temporary.write_text(json.dumps(objects, sort_keys=True), "utf-8")
    temporary.replace(index_file)
    return refused


def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _list(client: Any, zone: RemoteZone) -> Iterator[_Object]:
    from botocore.exceptions import BotoCoreError, ClientError

    start = f"{zone.prefix}/" if zone.prefix else ""
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=zone.bucket, Prefix=start):
            for found in page.get("Contents", []):
                # A key that ends in a slash is the place of a folder, made by consoles; it holds nothing.
                if not found["Key"].endswith("/"):
                    yield _Object(found["Key"], found["Key"][len(start) :], found["ETag"], found["Size"])
    except (BotoCoreError, ClientError) as error:
        raise NoBucket(f"s3://{zone.bucket}/{zone.prefix} cannot be read: {error}") from error


def _refusal(path: str, taken: dict[str, list[Any]]) -> str | None:
    """Why a key cannot be made a path below the mirror, judged before any path is made of it."""
    parts = path.split("/")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return kinds.NAME_OUTSIDE
    reason = kinds.refusal(path)
    if reason is None and any(len(part.encode()) > _NAME_BYTES for part in parts):
        return kinds.NOT_OPENED
    # An object may be named like the folder of others.
    if reason is None and any("/".join(parts[:length]) in taken for length in range(1, len(parts))):
        return kinds.NOT_OPENED
    return reason


def _fetch(client: Any, zone: RemoteZone, found: _Object, target: Path, temporary: Path) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # Only what was listed: an object written meanwhile is taken the next time.
        answer = client.get_object(Bucket=zone.bucket, Key=found.key, IfMatch=found.etag)
        with temporary.open("wb") as file:
            shutil.copyfileobj(answer["Body"], file)
            file.flush()
            os.fsync(file.fileno())
    except (BotoCoreError, ClientError) as error:
        raise NoBucket(f"s3://{zone.bucket}/{found.key} cannot be fetched, run again: {error}") from error
    if temporary.stat().st_size != found.size:
        raise NoBucket(f"s3://{zone.bucket}/{found.key} came in short, run again")
    if target.is_dir():
        shutil.rmtree(target)
    for parent in reversed(target.relative_to(temporary.parent).parents):
        # What was an object is a folder now.
        if (temporary.parent / parent).is_file():
            (temporary.parent / parent).unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)


def _forget(folder: Path, paths: set[str]) -> None:
    """Delete what no object stands for any more, and folders that are empty then."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(parent, name)
            if file.relative_to(folder).as_posix() not in paths:
                file.unlink()
        if Path(parent) != folder and not os.listdir(parent):
            os.rmdir(parent)


def _read_index(index_file: Path) -> dict[str, Any]:
    try:
        index = json.loads(index_file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # no memory, or a broken one: everything is fetched again
    return index if isinstance(index, dict) else {}
