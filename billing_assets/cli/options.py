"""What every `billing` subcommand shares: its options, its settings, and progress lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from billing_assets.settings import Settings


class _Day(click.ParamType):  # type: ignore[type-arg]  # click 8.1, which is allowed, has no argument here
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007 - a business date has no zone
        except ValueError:
            self.fail(f"{value} is not a date like 2026-04-03", param, ctx)


DAY = _Day()
FOLDER = click.Path(path_type=Path)


def settings(**given: Any) -> Settings:
    return Settings(**{name: value for name, value in given.items() if value is not None})


def progress() -> Callable[[str], None]:
    """Prints each line with the seconds since the start, at once, so that long work is seen to move."""
    started = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {line}")

    return tell


home_option = click.option("--home", type=FOLDER, help="Where state lives (default: home/, or BILLING_HOME).")
