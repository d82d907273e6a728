"""Targets by configuration: which names there are, and how each is built from settings and environment.

Credentials come from the environment and go nowhere else: not into settings, the ledger, logs or messages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from billing_assets.errors import OperatorError
from billing_assets.publication.retries import RealTimer, Timer
from billing_assets.publication.targets import Target
from billing_assets.settings import Settings

# NetSuite's default for an account; more are bought.
_NETSUITE_CONCURRENCY = "5"
# A guess well below what an account takes in practice; NetSuite says 429 where it is too many.
_NETSUITE_PER_SECOND = "20"
# Long enough for a large invoice; what takes longer is read back.
_NETSUITE_SECONDS = "60"


class TargetNotConfigured(OperatorError):
    """A target is unknown, or something it needs is not set."""


def build(
    settings: Settings,
    names: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    timer: Timer | None = None,
) -> list[Target]:
    """The targets of `names` (default: all that are configured). Raises TargetNotConfigured naming what is missing."""
    chosen = settings.targets if names is None else names
    unknown = [name for name in chosen if name not in _BUILDERS]
    if unknown:
        raise TargetNotConfigured(f"no target {', '.join(unknown)}: there are {', '.join(sorted(_BUILDERS))}")
    given = os.environ if environment is None else environment
    return [_BUILDERS[name](settings, given, timer or RealTimer()) for name in dict.fromkeys(chosen)]


def _file(settings: Settings, environment: Mapping[str, str], timer: Timer) -> Target:
    from billing_assets.publication.targets.file import FileTarget

    return FileTarget(settings.published_path / "file")


def _netsuite(settings: Settings, environment: Mapping[str, str], timer: Timer) -> Target:
    # httpx and cryptography take a fifth of a second to import, and most commands send nothing.
    from billing_assets.publication.targets import netsuite
    from billing_assets.publication.targets.netsuite_records import IdMap
    from billing_assets.publication.targets.oauth import ClientCredentials
    from billing_assets.publication.targets.rest import Pace, RestApi, new_client

    def need(name: str) -> str:
        value = environment.get(f"BILLING_NETSUITE_{name}", "")
        if not value:
            raise TargetNotConfigured(f"target netsuite needs BILLING_NETSUITE_{name} in the environment")
        return value

    def number(name: str, default: str) -> float:
        text = environment.get(f"BILLING_NETSUITE_{name}", default)
        try:
            value = float(text)
        except ValueError:
            value = 0
        if value <= 0:
            raise TargetNotConfigured(f"BILLING_NETSUITE_{name} is a number above 0, not {text!r}")
        return value

    concurrency = int(number("CONCURRENCY", _NETSUITE_CONCURRENCY)) or 1
    client = new_client(need("URL"), number("SECONDS", _NETSUITE_SECONDS), concurrency)
    tokens = ClientCredentials(
        client,
        netsuite.TOKEN_PATH,
        client_id=need("CLIENT_ID"),
        certificate_id=need("CERTIFICATE_ID"),
        private_key=need("PRIVATE_KEY"),
        scope=netsuite.SCOPE,
        timer=timer,
    )
    pace = Pace(number("PER_SECOND", _NETSUITE_PER_SECOND), timer)
    return netsuite.NetSuiteTarget(RestApi(client, tokens, pace), IdMap.read(Path(need("MAP"))), concurrency)


_BUILDERS: dict[str, Callable[[Settings, Mapping[str, str], Timer], Target]] = {"file": _file, "netsuite": _netsuite}
