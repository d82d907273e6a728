"""Typed settings of one installation: where things are, and the few figures that policy decides.

Belongs here: values a deployment may change, read from arguments first and `BILLING_*` variables second.
Does not belong here: facts of a channel or a contract (those are data), secrets (those stay in the environment).
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Settings of one run. Paths are absolute after construction, but for a landing zone that is a bucket."""

    model_config = SettingsConfigDict(env_prefix="BILLING_", frozen=True, extra="forbid")

    # A folder, or s3://bucket/prefix; the credentials of the bucket are the environment's.
    landing: Path | str = PROJECT_ROOT / "data" / "sample" / "landing"
    home: Path = PROJECT_ROOT / "home"
    as_of: date | None = None
    ledger_url: str | None = None
    # Where issued documents are published; in the environment a JSON list, as ["file", "netsuite"].
    targets: tuple[str, ...] = ("file",)
    # Signing key and signed roots, outside the database; on another disk, a cut-off ledger is found out.
    seal: Path | None = None

    threads: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1)
    # Small enough for a laptop; the largest step (a month of 10M events a day) spills to disk above it.
    memory_limit: str = "3GB"

    # An event id that comes back on another date is looked for this far around its date: producers re-send
    # within their own retention, which is a month at most for the gateways we know, plus a margin.
    conflict_lookback_days: int = Field(default=40, ge=0)
    # Rows set aside hold an account's documents only above this share of its rows in the month: below it the
    # exception is worked while the invoice goes out.
    quarantine_share: Decimal = Decimal("0.001")
    # What is rated of a billed period: the difference is a line of the contract's next document, or it stands as
    # INV-02 until somebody asks for a credit and rebill. The second is also what a larger difference of one document
    # comes to (in its own currency; unset = none is too large).
    late_usage: Literal["adjust", "credit_and_rebill"] = "adjust"
    rebill_above: Decimal | None = Field(default=None, ge=0)
    # Clocks of producers run ahead a little; later than this after the end of `as_of` is a wrong time.
    future_tolerance: timedelta = timedelta(hours=1)

    def model_post_init(self, context: object, /) -> None:
        if not self.is_landing_remote:
            object.__setattr__(self, "landing", Path(os.path.abspath(self.landing)))
        object.__setattr__(self, "home", Path(os.path.abspath(self.home)))

    @property
    def is_landing_remote(self) -> bool:
        return str(self.landing).startswith("s3://")

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def lake_path(self) -> Path:
        return self.home / "lake"

    @property
    def mirrors_path(self) -> Path:
        """Where the objects of remote landing zones are fetched to."""
        return self.home / "landing"

    @property
    def evidence_path(self) -> Path:
        return self.home / "evidence"

    @property
    def reports_path(self) -> Path:
        return self.home / "reports"

    @property
    def snapshot_path(self) -> Path:
        """The copy of the warehouse that people read while a run writes."""
        return self.home / "reporting.duckdb"

    @property
    def published_path(self) -> Path:
        return self.home / "published"

    @property
    def resolved_ledger_url(self) -> str:
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.sqlite'}"

    @property
    def seal_path(self) -> Path:
        return self.seal or self.home / "seal"
