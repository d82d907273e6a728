"""A polite HTTP client for targets: a pace that is kept, throttling that is obeyed, a token that is renewed once.

Belongs here: what every REST target needs and none should write again. What an answer means belongs to the target.
Credentials are taken, used and never shown: no error and no log line carries a header or a body that was sent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from billing_assets.publication.retries import Timer
from billing_assets.publication.targets import TargetUnavailable

# Waited when a throttled answer does not say how long.
_THROTTLE_SECONDS = 1.0
# Longer than this is not waited for inside a request: the item is tried again later, or by the next run.
_LONGEST_THROTTLE_SECONDS = 120.0
# How often one request is put again because it was throttled: it was not taken, so nothing is in doubt.
_THROTTLED_TRIES = 4
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Tokens(Protocol):
    """Gives access tokens."""

    def token(self) -> str:
        """A token that is good now. Raises TargetUnavailable."""

    def drop(self, token: str) -> None:
        """`token` was refused: the next one is a new one."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the text of the body."""

    status: int
    text: str


class Pace:
    """At most so many requests a second, over all threads, and none while the target asked for a pause."""

    def __init__(self, per_second: float, timer: Timer) -> None:
        self._interval = 1 / per_second
        self._timer = timer
        self._lock = threading.Lock()
        self._next = timer.elapsed()

    def take(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = self._timer.elapsed()
            start = max(now, self._next)
            self._next = start + self._interval
        if start > now:
            self._timer.wait(start - now)

    def pause(self, seconds: float) -> None:
        """No request starts within `seconds`."""
        with self._lock:
            self._next = max(self._next, self._timer.elapsed() + seconds)


class RestApi:
    """One outside system behind one base URL. Shared by threads."""

    def __init__(self, client: httpx.Client, tokens: Tokens, pace: Pace) -> None:
        self._client = client
        self._tokens = tokens
        self._pace = pace

    def call(self, method: str, path: str, content: bytes | None = None, **headers: str) -> Answer:
        """One request, put again where it was throttled and once with a new token.

        Raises TargetUnavailable where no answer came: then it may have been taken.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            sent["Content-Type"] = "application/json"
        is_renewed, throttled = False, 0
        while True:
            self._pace.take()
            token = self._tokens.token()
            response = send(
                self._client, method, path, content=content, headers={**sent, "Authorization": f"Bearer {token}"}
            )
            if response.status_code == httpx.codes.UNAUTHORIZED and not is_renewed:
                is_renewed = True
                self._tokens.drop(token)
                continue
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                throttled += 1
                seconds = _retry_after(response.headers)
                if throttled < _THROTTLED_TRIES and seconds <= _LONGEST_THROTTLE_SECONDS:
                    self._pace.pause(seconds)
                    continue
            return Answer(response.status_code, response.text)


def send(
    client: httpx.Client, method: str, path: str, *, content: bytes | None, headers: Mapping[str, str]
) -> httpx.Response:
    """One request. Raises TargetUnavailable where no whole answer came back."""
    try:
        return client.request(method, path, content=content, headers=headers)
    except httpx.TransportError as error:
        # The error's own text may repeat what was sent.
        raise TargetUnavailable(f"no answer to {method} ({type(error).__name__})") from None


def new_client(url: str, seconds: float, connections: int) -> httpx.Client:
    """A client of `url`. Refuses to send credentials in the clear, but to this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise TargetUnavailable(f"{url} is no https address: credentials are not sent in the clear")
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    # Proxies and credentials of the environment are not this target's.
    return httpx.Client(base_url=url, timeout=seconds, limits=limits, trust_env=False)


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else _THROTTLE_SECONDS
