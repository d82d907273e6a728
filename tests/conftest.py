"""Tests never touch the home of the checkout: what needs a default home gets one that goes away."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# No deadline: the machine may be busy, and speed is measured by `make bench`. CI takes the same examples every time.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    home = tempfile.mkdtemp(prefix="billing-home-")
    os.environ["BILLING_HOME"] = home
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
