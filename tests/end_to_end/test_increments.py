"""What nightly runs leave equals one rebuild from evidence and ledger."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from pathlib import Path

import pytest

from billing_assets.automation.nightly import Nightly
from billing_assets.settings import Settings
from tests.end_to_end.sample import AS_OF, SAMPLE, contents, drop_derived, run

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt, pytest.mark.soak]


def month_file(path: Path, night: int) -> bytes:
    """A month file of AWS as it stands on a night: the header and as many of its rows as have been written by then."""
    lines = path.read_bytes().splitlines(keepends=True)
    # records of the sample stand on one line each; the other half of them on the second night
    return b"".join(lines[: 1 + (len(lines) - 1) * (night + 1) // 2])


def test_nightly_increments_equal_one_rebuild(models_only: None, tmp_path: Path) -> None:
    """Files arrive over two nights, some late, AWS's month files rewritten each night; deleting all derived state and
    running again on another machine, in another zone and locale and by one thread, leaves the same."""
    landing, home = tmp_path / "landing", tmp_path / "home"
    files = sorted(path for path in (SAMPLE / "landing").rglob("*") if path.is_file())
    for night, as_of in enumerate((date(2026, 4, 1), date.fromisoformat(AS_OF))):
        for path in files:
            if "aws_marketplace" in path.parts:
                target = landing / path.relative_to(SAMPLE / "landing")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(month_file(path, night))
                continue
            usage = "usage" in path.parts
            # A file and its manifest land together; everything but usage is there from the first night.
            group = int(hashlib.sha256(path.name.split(".manifest")[0].encode()).hexdigest(), 16) % 2 if usage else 0
            if group == night:
                target = landing / path.relative_to(SAMPLE / "landing")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        Nightly(Settings(landing=landing, home=home, as_of=as_of, threads=2)).run()
    nightly = contents(home)
    drop_derived(home)
    run(landing, home, threads=1, TZ="Pacific/Auckland", LC_ALL="C", LANG="C")
    assert contents(home) == nightly
