"""Settings as a Dagster resource, so that a run in the UI can choose landing zone, home and business date."""

from __future__ import annotations

from datetime import date

import dagster as dg

from billing_assets.settings import Settings


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where one installation lives. Empty = the environment (`BILLING_*`) or the defaults of Settings."""

    landing: str = ""
    home: str = ""
    as_of: str = ""
    threads: int = 0

    def settings(self) -> Settings:
        given = {
            "landing": self.landing or None,
            "home": self.home or None,
            "as_of": date.fromisoformat(self.as_of) if self.as_of else None,
            "threads": self.threads or None,
        }
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
