"""Writes the pictures of the documentation: `python -m tests.dashboard.screenshots --home HOME` fills docs/images.

Belongs here, with the tests: it needs their browser. The snapshot is the sample's, as `make run` leaves it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import Page

from billing_assets.dashboard.data import Snapshots
from billing_assets.settings import Settings
from tests.dashboard.browser import launched, served

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# A page of the documentation loads six of them.
LARGEST = 150_000


def addresses(home: Path) -> dict[str, str]:
    """Six pages that tell the sample's story; keys are looked up in the snapshot."""
    with Snapshots(Settings(home=home).snapshot_path).open() as snapshot:
        invoice = snapshot.one(
            "select document_id from marts.fct_invoice_lines where line_kind = 'usage' and amount > 0 "
            "order by document_id, line_no"
        )
        exception = snapshot.one(
            "select exception_id from marts.fct_exceptions where status = 'open' and document_id is not null "
            "order by control_id = 'PRV-03' desc, exception_id"
        )
        month = snapshot.one(
            "select max(period) as period from marts.fct_readiness where period < strftime($as_of, '%Y-%m')",
            {"as_of": snapshot.as_of},
        )
    return {
        "readiness": f"/?period={month['period']}" if month and month["period"] else "/",
        "marketplace": "/marketplace",
        "invoice": f"/invoices/{invoice['document_id']}?line=1#explained" if invoice else "/invoices",
        "exception": f"/exceptions/{exception['exception_id']}" if exception else "/exceptions",
        "ageing": "/ageing",
        "kpis": "/kpis",
    }


def take(page: Page, address: str, target: Path) -> None:
    """One picture of the window, small enough for the documentation."""
    page.goto(address)
    page.screenshot(path=target)
    if target.stat().st_size > LARGEST:
        raise SystemExit(f"{target} has {target.stat().st_size} bytes, more than {LARGEST}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("home"))
    parser.add_argument("--out", type=Path, default=IMAGES)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with served(given.home) as site, launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for name, address in addresses(given.home).items():
            take(page, site + address, given.out / f"{name}.png")
            print(given.out / f"{name}.png")


if __name__ == "__main__":
    main()
