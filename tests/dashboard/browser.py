"""A served dashboard and a real Chromium, for tests and screenshots."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from billing_assets.dashboard.app import create_app
from billing_assets.settings import Settings


def chromium() -> str | None:
    """The machine's Chromium; Playwright's own browsers are not downloaded."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """That Chromium, headless. It runs as root in containers, where its sandbox cannot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The dashboard of a home on a free port of 127.0.0.1; gives its address."""
    ready = threading.Event()
    config = uvicorn.Config(create_app(Settings(home=home), ready.set), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(60), "the dashboard did not start"
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
