"""How often and when something is tried again: exponential backoff with full jitter, within a budget.

Belongs here: the waiting itself and its arithmetic. What may be tried again is for the relay to say. Time is injected:
tests run hours of waiting in no time.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Protocol


class Timer(Protocol):
    """Elapsed time and waiting. Never the time of day: no figure may depend on it."""

    def elapsed(self) -> float:
        """Seconds since any fixed moment."""

    def wait(self, seconds: float) -> None:
        """Return after `seconds`."""


class RealTimer:
    """The machine's own time."""

    def elapsed(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Retries:
    """What one run may spend on one target. What is left then, the next run takes up."""

    # Five tries over about a minute outlast a restart of a target; what fails longer needs its next run or a person.
    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    # A night has other work: a target that is slow for this long gets the rest tomorrow.
    seconds: float = 3_600.0

    def wait_before(self, key: str, tried: int) -> float:
        """Seconds to wait before the next try of `key`, which was tried `tried` times (1, 2 ...).

        Full jitter: anything between nothing and the doubled wait, so that items that failed together do not come
        back together. The same key and count always give the same wait.
        """
        limit = min(self.longest_wait, self.first_wait * 2.0 ** (min(tried, 32) - 1))
        return limit * _share(f"{key}#{tried}")


def _share(text: str) -> float:
    """A number from 0 up to 1, evenly spread over texts."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56
