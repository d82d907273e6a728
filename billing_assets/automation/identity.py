"""What makes two runs the same run: evidence, decisions, business date, code and configuration."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from billing_assets.settings import PROJECT_ROOT, Settings

_CODE = ("billing_assets", "dbt_project")
_SUFFIXES = {".py", ".sql", ".yml", ".csv", ".json"}


@cache
def _tree_hash() -> str:
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((PROJECT_ROOT / folder).rglob("*")):
            relative = path.relative_to(PROJECT_ROOT)
            if path.suffix in _SUFFIXES and not {"target", "logs", "__pycache__"} & set(relative.parts):
                digest.update(f"{relative.as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def code_hash(settings: Settings) -> str:
    """Hash of the code and of the settings that can change a figure. Places, threads and memory cannot."""
    configuration = {
        "conflict_lookback_days": settings.conflict_lookback_days,
        "quarantine_share": str(settings.quarantine_share),
        "late_usage": settings.late_usage,
        "rebill_above": str(settings.rebill_above),
        "future_tolerance": str(settings.future_tolerance),
    }
    text = _tree_hash() + json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
