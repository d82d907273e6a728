"""Which file is what, told by its path below the landing root: the one table of source kinds.

Belongs here: folder, suffix, and how each kind is treated. Reading a kind belongs to the module of its source.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import unquote

from billing_assets.landing import manifests, marketplace_feeds


@dataclass(frozen=True)
class Kind:
    """How files of one source are treated."""

    source: str
    suffixes: tuple[str, ...] = ()  # empty: every file of the folder
    is_text: bool = True
    # Read by this version of the platform. The others are registered and kept for the rooms that will read them.
    is_read: bool = True
    # The path may be rewritten with new content; every version is kept in the evidence store at first sight.
    is_rewritable: bool = False
    # The same content under another path is the same evidence. Not so where a path is part of the meaning.
    is_known_by_content: bool = False


CONTRACTS = Kind("contracts", (".json", ".jsonl"), is_known_by_content=True)
PROVISIONING = Kind("provisioning", (".csv",), is_known_by_content=True)
USAGE = Kind("usage", (".jsonl", ".json", ".csv"), is_known_by_content=True)
USAGE_PARQUET = Kind("usage", (".parquet",), is_text=False, is_known_by_content=True)
FX = Kind("fx", (".csv",), is_known_by_content=True)
OPENING = Kind("opening", (".csv",), is_known_by_content=True)
BANK = Kind("bank", (".xml", ".sta", ".mt940", ".bai", ".bai2", ".csv"), is_known_by_content=True)
# Header-only months are all alike and none is a copy: a month file is known by its path as well.
FEEDS = Kind("aws_marketplace", (".csv",), is_rewritable=True)
# What else AWS puts beside the feeds.
MARKETPLACE_REPORT = Kind("aws_marketplace_report", is_text=False, is_read=False, is_rewritable=True)
MANIFEST = Kind("manifest", is_rewritable=True)
UNKNOWN = Kind("unknown", is_text=False, is_read=False)

# In one folder the first kind whose suffix fits.
_READ: dict[str, tuple[Kind, ...]] = {
    "contracts": (CONTRACTS,),
    "provisioning": (PROVISIONING,),
    "usage": (USAGE, USAGE_PARQUET),
    "fx": (FX,),
    "opening": (OPENING,),
    "aws_marketplace": (FEEDS,),
    "bank": (BANK,),
}


def _later(source: str, *, is_rewritable: bool) -> Kind:
    return Kind(source, is_text=False, is_read=False, is_rewritable=is_rewritable)


# Exports are written anew under the same name; statements are not.
_LATER = {
    "salesforce": _later("salesforce", is_rewritable=True),
    "metronome": _later("metronome", is_rewritable=True),
    "stripe": _later("stripe", is_rewritable=True),
    "payments": _later("payments", is_rewritable=False),
}


def kind_of(path: str) -> Kind:
    """The kind of a file by its path below the landing root; UNKNOWN where no rule fits."""
    folder, separator, rest = path.partition("/")
    if not separator or (folder not in _LATER and folder not in _READ):
        return UNKNOWN
    if folder in _LATER:
        return _LATER[folder]
    if manifests.data_path(path):
        return MANIFEST
    if folder == marketplace_feeds.FOLDER:
        return _marketplace_kind(path)
    name = rest.rpartition("/")[2].lower().removesuffix(".gz")
    for kind in _READ[folder]:
        if any(name.endswith(suffix) and name != suffix for suffix in kind.suffixes):
            return kind
    return UNKNOWN


def _marketplace_kind(path: str) -> Kind:
    if marketplace_feeds.feed_of(path):
        return FEEDS
    return UNKNOWN if marketplace_feeds.is_in_a_feed(path) else MARKETPLACE_REPORT


def is_compressed(path: str) -> bool:
    return path.lower().endswith(".gz")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# Every reason for which a file is not read at all. The register keeps their hashes, so the list only grows.
NAME_NOT_UTF8 = "the name is not UTF-8"
NAME_CONTROL = "a control character in the name"
NAME_OUTSIDE = "the name leads outside the landing zone"
SYMLINK = "symlink refused"
NOT_REGULAR = "not a regular file"
PATH_OUTSIDE = "the path resolves outside its folder"
NOT_OPENED = "the file or folder cannot be opened"
REFUSALS = (NAME_NOT_UTF8, NAME_CONTROL, NAME_OUTSIDE, SYMLINK, NOT_REGULAR, PATH_OUTSIDE, NOT_OPENED)


def refusal_hash(reason: str) -> str:
    """What stands in the register for the content of a file that was not read: the hash of why."""
    return sha256(reason.encode()).hexdigest()


def refusal_reason(content_sha256: str) -> str:
    """The reason behind a hash made by `refusal_hash`."""
    return next((reason for reason in REFUSALS if refusal_hash(reason) == content_sha256), "refused")


def refusal(path: str) -> str | None:
    """Why a path may not be read, told by its text alone; None when it may.

    A name cannot hold a slash here, but it can spell one for the next system it is copied to.
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return NAME_NOT_UTF8
    if _CONTROL.search(path):
        return NAME_CONTROL
    parts = re.split(r"[/\\]", unquote(path))
    if ".." in parts or "\\" in path:
        return NAME_OUTSIDE
    return None


def opens_compressed(path: str) -> bool:
    """Whether registration looks inside a gz: an unknown kind is kept as it landed, for nothing will read it."""
    return is_compressed(path) and kind_of(path) != UNKNOWN


# Sources whose rows are read by this version; the others never hold anything.
READ_SOURCES = frozenset({kind.source for group in _READ.values() for kind in group} | {MANIFEST.source})
