"""Partitions of the lake: one per event date (UTC)."""

from __future__ import annotations

import dagster as dg

# Before the first usage any seller here has landed; earlier dates exist in the lake but not as partitions.
LAKE_DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
