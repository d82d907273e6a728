"""Dagster's entry: the rooms' asset modules by name, and what holds for the whole platform."""

from __future__ import annotations

import dagster as dg

from billing_assets.automation import assets as step_assets
from billing_assets.automation.jobs import nightly_job
from billing_assets.automation.schedules import nightly_schedule
from billing_assets.automation.sensors import landing_sensor, nightly_failure_sensor
from billing_assets.controls import checks as control_checks
from billing_assets.resources import Installation
from billing_assets.transformation import assets as dbt_assets

defs = dg.Definitions(
    assets=[*dg.load_assets_from_modules([step_assets, dbt_assets]), step_assets.LAKE],
    asset_checks=dg.load_asset_checks_from_modules([control_checks]),
    jobs=[nightly_job],
    schedules=[nightly_schedule],
    sensors=[landing_sensor, nightly_failure_sensor],
    resources={"installation": Installation()},
)
