"""The reporting snapshot: a copy of the closed warehouse that people read while the next run writes.

Belongs here: making the copy. Who reads it: the dashboard, and any tool that may not stand in a run's way.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse


def write_snapshot(settings: Settings) -> Path:
    """Copy the warehouse to `HOME/reporting.duckdb` byte for byte, beside it and renamed; returns the copy's path.

    Readers of the copy before keep what they opened. Raises NoWarehouse, and WarehouseBusy while a writer has the file.
    """
    warehouse = Warehouse(settings.warehouse_path)
    # A log that was left behind holds pages that are not in the file yet: fold it in first.
    if settings.warehouse_path.with_name(settings.warehouse_path.name + ".wal").exists():
        with warehouse.writer() as connection:
            connection.execute("checkpoint")
    target = settings.snapshot_path
    part = target.with_name(target.name + ".part")
    # Held open for reading while it is copied: no writer of another process can change the bytes underneath.
    with warehouse.reader():
        shutil.copyfile(settings.warehouse_path, part)
    os.replace(part, target)
    return target
