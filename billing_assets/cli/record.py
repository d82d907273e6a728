"""`billing audit`, `backup`, `restore`: proving and keeping the record."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from billing_assets.cli.options import FOLDER, home_option, settings


@click.group()
def audit() -> None:
    """Proving the record."""


@audit.command("verify")
@home_option
@click.option(
    "--public-key", type=FOLDER, help="PEM file with the keys that may sign, from a safe place (default: the seal's)."
)
def audit_verify(home: Path | None, public_key: Path | None) -> None:
    """Recompute the chain, every row, signature and root; exit 1 and name everything that does not fit."""
    from billing_assets.ledger import Ledger

    given = settings(home=home)
    found = Ledger.audit(given.resolved_ledger_url, given.seal_path, public_key)
    click.echo(f"verified: {found.entries} entries, {found.rows} rows, {found.roots} signed roots")
    click.echo(f"head: entry {found.entries}, {found.head_hash}")
    for begin, key in found.keys:
        click.echo(f"key {key}: signs what follows entry {begin}")
    if len(found.keys) > 1:
        click.echo("a key that begins later is that of a restore without the private key: ask who restored, and when")
    for fault in found.faults:
        click.echo(f"FAULT  {fault}")
    click.echo(f"{len(found.faults)} faults")
    sys.exit(1 if found.faults else 0)


@click.command()
@click.option("--to", type=FOLDER, required=True, help="Folder to keep backups in; what it has already stays.")
@home_option
def backup(to: Path, home: Path | None) -> None:
    """Back up the ledger, as it stands at one moment, and the evidence store. The private key is not in it."""
    from billing_assets.ledger import Ledger
    from billing_assets.ledger.backup import back_up, copy_missing

    given = settings(home=home)
    with Ledger.open(given.resolved_ledger_url, given.seal_path) as ledger:
        made = back_up(ledger, to)
    copied = copy_missing(given.evidence_path, to / "evidence")
    click.echo(f"{made.folder}: {made.rows} rows, {made.roots} roots, head entry {made.sequence} {made.hash}")
    click.echo(f"evidence: {copied} files copied")
    if not made.is_signed:
        click.echo("not signed: the private key is not at hand; the last root attests the head")


@click.command()
@click.option(
    "--from", "source", type=FOLDER, required=True, help="Folder of `billing backup --to`, or one backup in it."
)
@home_option
@click.option("--ledger-url", help="Where to restore to (default: the home's ledger, or BILLING_LEDGER_URL).")
def restore(source: Path, home: Path | None, ledger_url: str | None) -> None:
    """Restore a backup into an empty ledger, on any supported database, and prove it."""
    from billing_assets.landing.evidence import EvidenceStore
    from billing_assets.ledger.backup import copy_missing
    from billing_assets.ledger.backup import restore as restore_ledger

    given = settings(home=home, ledger_url=ledger_url)
    done = restore_ledger(source, given.resolved_ledger_url, given.seal_path)
    beside = source if (source / "evidence").exists() else source.parent
    copied = copy_missing(beside / "evidence", given.evidence_path)
    made = done.backup
    click.echo(f"{made.folder}: {made.rows} rows, {made.roots} roots, head entry {made.sequence} {made.hash}: proved")
    if done.new_key:
        click.echo(
            f"a new key signs what follows entry {made.sequence}: keep a copy of {given.seal_path / 'public.pem'}"
        )
    unfit = EvidenceStore(given.evidence_path).unfit()
    click.echo(f"evidence: {copied} files copied, {len(unfit)} not what their names say")
    for name in unfit:
        click.echo(f"FAULT  evidence {name}")
    sys.exit(1 if unfit else 0)
