"""The expectations of Great Expectations, one a check, and what they say of the frames.

The library takes more than ten seconds to import, so it is imported inside the functions and runs in a process of its
own (see `run`). It compares binary floats: good enough for bands, never for money that must agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from billing_assets.controls.catalogue import Severity
from billing_assets.controls.plausibility.frames import Seen
from billing_assets.controls.plausibility.table import Check, Kind

if TYPE_CHECKING:
    import great_expectations as gx

# The library's word for ours: none of them stops anything.
_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
# Enough to see what is wrong.
_SHOWN = 10


@dataclass(frozen=True)
class Result:
    """What a check says of one month: the columns of raw_plausibility.results."""

    check_id: str
    period: str
    source: str
    table_name: str
    control_id: str
    severity: str
    passed: bool
    rows_checked: int
    unexpected: int
    observed: str
    expected: str
    sample: str


def build_suite(checks: Sequence[Check]) -> gx.ExpectationSuite:
    """One expectation a check, over a column that bears the check's id."""
    import great_expectations as gx
    from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
    from great_expectations.expectations.expectation import Expectation

    def expectation(check: Check) -> Expectation:
        common: dict[str, Any] = {
            "column": check.check_id,
            "severity": _SEVERITY[check.severity],
            "meta": {"check": check.check_id, "control": str(check.control_id)},
            "notes": check.description,
        }
        if check.control_id is Kind.VOCABULARY:
            return ExpectColumnValuesToBeInSet(value_set=list(check.words), **common)
        return ExpectColumnValuesToBeBetween(min_value=check.low, max_value=check.high, **common)

    return gx.ExpectationSuite(name="plausibility", expectations=[expectation(check) for check in checks])


def judge(checks: Sequence[Check], frames: Mapping[str, Sequence[Seen]]) -> list[Result]:
    """The results of every check that has a frame, by check in the order given, then by month."""
    asked = [check for check in checks if frames.get(check.check_id)]
    if not asked:
        return []
    unexpected = _unexpected(asked, frames)
    return [result for check in asked for result in _results(check, frames[check.check_id], unexpected[check.check_id])]


def _unexpected(checks: Sequence[Check], frames: Mapping[str, Sequence[Seen]]) -> dict[str, set[int]]:
    """Check id -> positions in its frame that fail its expectation."""
    # Read when the library is imported: nothing is sent anywhere.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
            # No pages of its own, which would stay behind in the temporary folder.
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        ),
    )
    batches = context.data_sources.add_pandas("landed").add_dataframe_asset("frames")
    # Columns of different lengths side by side: the library passes over nulls.
    columns = {
        check.check_id: pd.Series([_value(check, seen) for seen in frames[check.check_id]], dtype=object)
        for check in checks
    }
    batch = batches.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.DataFrame(columns)})
    validated = batch.validate(build_suite(checks), result_format={"result_format": "COMPLETE"})
    found = {}
    for result in validated.results:
        assert result.expectation_config is not None  # noqa: S101 - every result of a suite has the one it judged
        check_id = result.expectation_config.meta["check"]
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{check_id}: {result.exception_info['exception_message']}")
        found[check_id] = {int(position) for position in result.result.get("unexpected_index_list") or ()}
    return found


def _value(check: Check, seen: Seen) -> str | float:
    return str(seen.value) if check.control_id is Kind.VOCABULARY else float(seen.value)


def _results(check: Check, frame: Sequence[Seen], unexpected: set[int]) -> list[Result]:
    results = []
    for period in sorted({seen.period for seen in frame}):
        of_month = [(position in unexpected, seen) for position, seen in enumerate(frame) if seen.period == period]
        wrong = [seen for is_wrong, seen in of_month if is_wrong]
        results.append(
            Result(
                check_id=check.check_id,
                period=period,
                source=check.source,
                table_name=check.table_name,
                control_id=str(check.control_id),
                severity=str(check.severity),
                passed=not wrong,
                rows_checked=of_month[0][1].rows_checked,
                unexpected=sum(seen.rows for seen in wrong),
                observed=_observed(check, [seen for _, seen in of_month]),
                expected=check.expected,
                sample=json.dumps([_shown(check, seen) for seen in wrong[:_SHOWN]], ensure_ascii=False),
            )
        )
    return results


def _observed(check: Check, seen: Sequence[Seen]) -> str:
    match check.control_id:
        case Kind.VOCABULARY:
            return ", ".join(str(one.value) for one in seen[:_SHOWN]) + (", ..." if len(seen) > _SHOWN else "")
        case Kind.COMPLETENESS:
            return f"{seen[0].rows} of {seen[0].rows_checked} empty"
        case Kind.DRIFT:
            return f"{sum(int(one.value) for one in seen)} columns or fields"
        case _:
            values = [float(one.value) for one in seen]
            return f"{min(values):,.6g} to {max(values):,.6g}"


def _shown(check: Check, seen: Seen) -> str:
    match check.control_id:
        case Kind.VOCABULARY:
            return f"{seen.value} ({seen.rows} rows)"
        case Kind.RANGE:
            return f"{seen.example}: {float(seen.value):,.6g}"
        case _:
            return seen.example
