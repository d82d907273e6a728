"""The real usage: two Azure LLM inference traces, read in arrival order.

Token counts and arrival order are taken as they are; nothing here changes a number. What the simulator adds
(customers, models, days) is assigned elsewhere and said so in data/traces/NOTICE.md.
"""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from pathlib import Path

TRACES = Path(__file__).parents[2] / "data" / "traces"
# File of the trace -> the endpoint its requests went to (the dataset's own distinction).
ENDPOINTS = {
    "AzureLLMInferenceTrace_code.csv.gz": "code",
    "AzureLLMInferenceTrace_conv.csv.gz": "chat",
}


@dataclass(frozen=True)
class TraceRequest:
    """One inference request: arrival as the trace's text (UTC, 100 ns digits), tokens in and out."""

    arrival: str
    endpoint: str
    input_tokens: int
    output_tokens: int


def read_traces(folder: Path = TRACES) -> list[TraceRequest]:
    """All requests of both traces, by arrival; ties keep file order, then line order."""
    requests: list[TraceRequest] = []
    for name, endpoint in sorted(ENDPOINTS.items()):
        with gzip.open(folder / name) as packed:
            rows = csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
            requests.extend(
                TraceRequest(row["TIMESTAMP"], endpoint, int(row["ContextTokens"]), int(row["GeneratedTokens"]))
                for row in rows
            )
    requests.sort(key=lambda request: request.arrival)  # fixed-width text sorts as time; the sort is stable
    return requests
