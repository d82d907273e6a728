"""The web application: addresses to pages, and what every answer has in common.

Belongs here: routing, headers, error pages. The dashboard only reads: it answers GET, to a loopback name, and sends
nothing that a browser would run or fetch from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from billing_assets.dashboard import decided, months, show
from billing_assets.dashboard.ask import Ask, Handler, Page, UnknownKey, key, scopes, shown
from billing_assets.dashboard.data import NoSnapshot, Snapshots
from billing_assets.dashboard.pages import NAVIGATION, PAGES
from billing_assets.dashboard.record import Record
from billing_assets.dashboard.tables import other_version as other_version_text
from billing_assets.dashboard.tables import to_csv
from billing_assets.settings import Settings

HERE = Path(__file__).parent
# A page of another origin that points its own name at 127.0.0.1 must not be able to read this one.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    # No script at all: pages are links and forms.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Figures of a seller do not stay in caches.
    "Cache-Control": "no-store",
}


def create_app(settings: Settings, on_ready: Callable[[], None] = lambda: None) -> FastAPI:
    """The dashboard over snapshot and ledger of one home; `on_ready` is called once pages can be answered fast."""
    snapshots = Snapshots(settings.snapshot_path)
    record = Record(settings)
    templates = _templates()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _warm(snapshots, record, templates)
        on_ready()
        yield
        snapshots.close()

    app = FastAPI(title="Billing dashboard", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.middleware("http")(_guard)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    def render(template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(template).render(navigation=NAVIGATION, **facts), status)

    def failed(request: Request, status: int, title: str, text: str) -> Response:
        return render("problem.html", status, title=title, text=text, path=request.url.path, ask=None)

    @app.exception_handler(NoSnapshot)
    def no_snapshot(request: Request, error: Exception) -> Response:
        return failed(request, 503, "No snapshot yet", str(error))

    @app.exception_handler(UnknownKey)
    def unknown(request: Request, error: Exception) -> Response:
        return failed(request, 404, "Not found", str(error))

    @app.exception_handler(duckdb.BinderException)
    @app.exception_handler(duckdb.CatalogException)
    def other_version(request: Request, error: Exception) -> Response:
        return failed(request, 503, "Another version's snapshot", other_version_text(error))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
        if error.status_code != 404:
            return PlainTextResponse(str(error.detail), error.status_code)
        return failed(request, 404, "Not found", f"There is no page at {request.url.path}.")

    for address, handler in PAGES:
        app.add_api_route(
            address, _endpoint(handler, snapshots, record, render), methods=["GET"], response_class=Response
        )
    return app


def _warm(snapshots: Snapshots, record: Record, templates: jinja2.Environment) -> None:
    """Load what loads on first use, so that no reader waits for it: templates, the ledger's room, and pandas, which
    DuckDB imports when it binds its first value (seconds)."""
    record.read("months", months.of_the_record)
    record.read("decisions", decided.tables)
    for name in templates.list_templates():
        templates.get_template(name)
    with suppress(NoSnapshot), snapshots.open() as snapshot:
        snapshot.one("select $value as value", {"value": ""})
        scopes(snapshot)


def _endpoint(
    handler: Handler, snapshots: Snapshots, record: Record, render: Callable[..., HTMLResponse]
) -> Callable[..., Response]:
    def endpoint(request: Request) -> Response:
        params = {name: value.replace("\0", "") for name, value in request.query_params.items()}
        parts = {name: str(value) for name, value in request.path_params.items()}
        with snapshots.open() as snapshot:
            ask = Ask(snapshot, record, key(request.url.path), params, parts)
            page = handler(ask)
            if params.get("format") == "csv":
                return _download(ask, page)
            tables = shown(ask, page)
            return render(
                page.template,
                ask=ask,
                page=page,
                title=page.title,
                tables=tables,
                main=page.tables[0].name if page.tables else "",
                scope_options=scopes(snapshot),
                path=request.url.path,
                **page.facts,
            )

    return endpoint


def _download(ask: Ask, page: Page) -> Response:
    name = ask.params.get("table") or (page.tables[0].name if page.tables else "")
    for position, table in enumerate(page.tables):
        if table.name == name:
            text = to_csv(ask.snapshot, table, ask.params, main=position == 0)
            file = re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join([name, *ask.scope.values()]))
            return Response(
                text, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{file}.csv"'}
            )
    raise UnknownKey(f"This page has no table {name}.")


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    host = request.headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name not in LOOPBACK_NAMES:
        response: Response = PlainTextResponse("This dashboard answers on this machine only.", 421)
    elif request.method != "GET":
        response = PlainTextResponse("This dashboard only reads: GET.", 405, headers={"Allow": "GET"})
    else:
        response = await call_next(request)
    for header, value in HEADERS.items():
        response.headers[header] = value
    return response


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=show.money, number=show.number, share=show.share, day=show.day, month=show.month, words=show.words,
        tone=show.tone, short=show.short, key=key,
    )  # fmt: skip
    return environment
