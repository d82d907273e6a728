"""`python -m tests.vectors DIR [--op OP] --report out.json`: run a folder of vectors through the real code.

Exit code 0: none failed; 1: at least one failed; 2: the folder or a file of it cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.vectors.harness import Result, run
from tests.vectors.vector import BrokenVectors, read_folder

STATUSES = ("pass", "fail", "inexpressible")


def summary(results: Sequence[Result]) -> str:
    """Counts per op, then in all."""
    lines = [f"{'op':22} {'route':22}" + "".join(f"{status:>15}" for status in STATUSES)]
    for op, route in sorted({(result.op, result.route) for result in results}):
        lines.append(f"{op:22} {route:22}{_counts(r for r in results if r.op == op)}")
    return "\n".join([*lines, f"{'all':45}{_counts(results)}"])


def _counts(results: Iterable[Result]) -> str:
    counted = Counter(result.status for result in results)
    return "".join(f"{counted[status]:>15}" for status in STATUSES)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of vector files (billing-vectors/1)")
    parser.add_argument("--op", action="append", default=[], help="only vectors of this op; may be given again")
    parser.add_argument("--report", type=Path, help="where the JSON report is written")
    chosen = parser.parse_args(arguments)
    try:
        vectors = read_folder(chosen.folder)
    except BrokenVectors as broken:
        print(f"error: {broken}", file=sys.stderr)
        return 2
    results = run(vectors, chosen.op)
    if chosen.report:
        text = json.dumps([asdict(result) for result in results], indent=1, default=str)
        chosen.report.write_text(text + "\n", encoding="utf-8")
    print(summary(results))
    for result in results:
        if result.status != "pass":
            print(f"{result.status}: {result.id}: {result.reason}")
    return int(any(result.status == "fail" for result in results))


if __name__ == "__main__":
    sys.exit(main())
