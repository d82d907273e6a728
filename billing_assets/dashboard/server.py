"""Starts the dashboard on loopback: `billing dashboard`.

Belongs here: the web server's settings. There is none to listen on another address: whoever needs the pages elsewhere
puts a proxy with sign-on before them.
"""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from billing_assets.dashboard.app import create_app
from billing_assets.settings import Settings

HOST = "127.0.0.1"


def serve(settings: Settings, port: int, tell: Callable[[str], None]) -> None:
    """Answer on http://127.0.0.1:`port` until interrupted."""
    said = f"dashboard of {settings.home} on http://{HOST}:{port} (Ctrl-C ends it)"
    if not settings.snapshot_path.exists():
        tell("there is no reporting snapshot yet: pages say so until `billing run` has written it")
    uvicorn.run(
        create_app(settings, on_ready=lambda: tell(said)),
        host=HOST,
        port=port,
        log_level="warning",
        server_header=False,
    )
