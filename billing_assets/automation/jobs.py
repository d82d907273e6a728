"""The nightly job: every asset of the chain in one process."""

from __future__ import annotations

import dagster as dg

from billing_assets.automation.assets import LAKE

# One process: each further step process would import dagster and dbt again (fifteen seconds on two cores), and the
# steps follow each other anyway because they write one warehouse file.
nightly_job = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(LAKE.key),
    executor_def=dg.in_process_executor,
    description="Land, meter, rate, draft, control, issue, publish, report: what `billing run` does.",
    tags={"dagster/max_retries": "2"},
)
