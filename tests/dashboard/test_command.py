"""`billing dashboard` starts the pages on loopback only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from billing_assets.cli import main


def test_the_command_listens_on_loopback_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: started.update(options))
    result = CliRunner().invoke(main, ["dashboard", "--home", str(tmp_path), "--port", "8400"])
    assert result.exit_code == 0, result.output
    assert (started["host"], started["port"]) == ("127.0.0.1", 8400)
    assert "no reporting snapshot yet" in result.output


def test_there_is_no_way_to_listen_elsewhere() -> None:
    assert CliRunner().invoke(main, ["dashboard", "--host", "0.0.0.0"]).exit_code == 2  # noqa: S104 - must be refused
