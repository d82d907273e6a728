"""Kills a process at a random moment of its work, again and again, and says where in the work it was.

A child is forked for each trial, so that nothing is imported anew and the kill falls into the work. The moment is
drawn between the first write and the time an undisturbed run takes; how far the record had come is read afterwards.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Histogram:
    """How much of the record had been written when the process died, in tenths; ends are before and after it all."""

    before: int = 0
    after: int = 0
    tenths: Counter[int] = field(default_factory=Counter)

    def add(self, written: int, whole: int) -> None:
        if written <= 0:
            self.before += 1
        elif written >= whole:
            self.after += 1
        else:
            self.tenths[written * 10 // whole] += 1

    @property
    def inside(self) -> int:
        return sum(self.tenths.values())

    def __str__(self) -> str:
        rows = [f"{tenth * 10:3d} % {self.tenths[tenth]:4d} {'#' * self.tenths[tenth]}" for tenth in range(10)]
        return "\n".join([f"before {self.before}", *rows, f"after  {self.after}"])


def run_child(work: Callable[[], None], kill_after: float | None = None) -> float:
    """Run `work` in a forked child, SIGKILLed `kill_after` seconds after it began; returns how long it lived.

    Raises RuntimeError where the child ended by itself with an error.
    """
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(ready_read)
            os.write(ready_write, b"!")
            work()
            status = 0
        finally:
            # Not sys.exit: nothing of the parent's (pytest's) may run in the child.
            os._exit(status)
    os.close(ready_write)
    os.read(ready_read, 1)
    os.close(ready_read)
    began = time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the child failed by itself")
    return time.monotonic() - began


def moments(seed: int, count: int) -> list[float]:
    """`count` moments as fractions of the work, one drawn in each of `count` equal parts, in random order."""
    drawn = random.Random(seed)  # noqa: S311 - moments to die at, not secrets
    found = [(number + drawn.random()) / count for number in range(count)]
    drawn.shuffle(found)
    return found
