"""Manifests: what a producer says about a data file, and whether the file agrees.

Pure functions. Which manifest governs a file in a batch is decided in `load`; producer gaps are a control.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing_assets.landing.files import FileTotals, Manifest
from billing_assets.landing.numbers import parse_decimal, plain
from billing_assets.landing.strict_json import NotJson, loads
from billing_assets.landing.times import parse_timestamp

SUFFIXES = (".manifest.json", ".manifest.json.gz")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_COUNT = re.compile(r"[0-9]{1,15}")


def data_path(path: str) -> str | None:
    """The path of the data file that a manifest stands beside; None when the path is no manifest."""
    for suffix in SUFFIXES:
        if path.endswith(suffix) and not path.endswith("/" + suffix):
            return path.removesuffix(suffix)
    return None


def parse(text: str, *, file_sequence: int, path: str) -> Manifest:
    """A manifest from its text. What cannot be read is said in `fault`: it can agree with nothing."""
    unread = Manifest(file_sequence=file_sequence, path=path)
    try:
        document = loads(text)
    except NotJson as error:
        return replace(unread, fault=f"the manifest cannot be read: {error}")
    if not isinstance(document, dict):
        return replace(unread, fault="the manifest is not a JSON object")
    faults: list[str] = []

    def whole(name: str) -> int | None:
        value = document.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _COUNT.fullmatch(value):
            return int(value)
        faults.append(f"manifest field {name} is not a whole number")
        return None

    def number(name: str) -> Decimal | None:
        value = document.get(name)
        if value is None:
            return None
        parsed = parse_decimal(value) if isinstance(value, str) else "not a number"
        if isinstance(parsed, Decimal):
            return parsed
        faults.append(f"manifest field {name}: {parsed}")
        return None

    def moment(name: str) -> datetime | None:
        value = document.get(name)
        if value is None:
            return None
        parsed = parse_timestamp(value) if isinstance(value, str) else "not a timestamp"
        if isinstance(parsed, datetime):
            return parsed
        faults.append(f"manifest field {name}: {parsed}")
        return None

    sha256 = document.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        faults.append("manifest field sha256 is not a sha256")
        sha256 = None
    producer = document.get("producer")
    if producer is not None and not isinstance(producer, str):
        faults.append("manifest field producer is not a text")
        producer = None
    return Manifest(
        file_sequence=file_sequence,
        path=path,
        records=whole("records"),
        quantity=number("quantity"),
        min_time=moment("min_time"),
        max_time=moment("max_time"),
        sha256=sha256.lower() if sha256 else None,
        producer=str(producer) if producer is not None else None,
        sequence=whole("sequence"),
        fault="; ".join(faults) or None,
    )


def beside(manifest: Manifest, landed_sha256: str) -> Manifest:
    """The manifest as it governs a file of these landed bytes: a differing sha256 is a fault already."""
    if manifest.fault or manifest.sha256 in (None, landed_sha256):
        return manifest
    return replace(
        manifest,
        fault=f"the manifest says sha256 {manifest.sha256}, the file as landed has {landed_sha256}",
    )


def disagreement(manifest: Manifest, totals: FileTotals) -> str | None:
    """Why the file and its manifest disagree, or None. Every field the manifest states must agree.

    Records are compared always. Quantity and times are known over parseable rows only: where some rows could
    not be parsed, a difference is laid to those rows (they are in quarantine), not to the file.
    """
    if manifest.fault:
        return manifest.fault
    differences: list[str] = []
    if manifest.records is not None and manifest.records != totals.records:
        differences.append(f"records {manifest.records}, the file has {totals.records}")
    if totals.unparseable == 0:
        if manifest.quantity is not None and totals.quantity is not None and manifest.quantity != totals.quantity:
            differences.append(f"quantity {plain(manifest.quantity)}, the file has {plain(totals.quantity)}")
        for name, said, found in (
            ("min_time", manifest.min_time, totals.min_time),
            ("max_time", manifest.max_time, totals.max_time),
        ):
            if said is not None and found is not None and said != found:
                differences.append(f"{name} {said.isoformat()}, the file has {found.isoformat()}")
    return "the manifest says " + "; ".join(differences) if differences else None
