"""The `billing` command. Each subcommand calls one function of a room; Dagster is never imported here."""

from __future__ import annotations

from typing import Any

import click

from billing_assets.cli import documents, people, periods, publishing, record, runs
from billing_assets.errors import OperatorError


class _Billing(click.Group):
    """Says what a user can act on in one line; only a defect shows a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Billing, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Order to cash for usage-billed products: from landed files to issued invoices.

    Start with `billing run`; read HOME/reports; ask `billing explain` how a figure came about and
    `billing close status` what still stands between a month and its lock.
    """


for command in (
    runs.run,
    runs.simulate,
    runs.score,
    runs.dashboard,
    runs.feed,
    *documents.COMMANDS,
    *publishing.COMMANDS,
    periods.close,
    periods.period,
    record.audit,
    record.backup,
    record.restore,
    *people.COMMANDS,
):
    main.add_command(command)
