"""Controls as Dagster checks on their models, plausibility checks on the raw tables they judge: warnings, never stops.

Only the gate acts on a control; a check here is for people who look at the asset graph.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from billing_assets.controls.catalogue import Control, load_catalogue
from billing_assets.controls.plausibility import Check, load_checks
from billing_assets.resources import Installation
from billing_assets.warehouse import Warehouse

# Enough to see what is wrong; the rest is in the exceptions report.
_ROWS_SHOWN = 20
_VIOLATION = "period | entity | what | amount | currency | evidence"


def check_name(control: Control) -> str:
    """`USG-05` as a check name."""
    return control.control_id.replace("-", "_")


def _asset(control: Control) -> dg.AssetKey:
    return dg.AssetKey(["controls", control.model])


@dg.multi_asset_check(
    name="controls",
    specs=[
        dg.AssetCheckSpec(
            check_name(control),
            asset=_asset(control),
            description=f"{control.name}. {control.what_is_wrong}",
            additional_deps=[dg.AssetKey(["marts", "fct_control_violations"])],
            metadata={"blocks": str(control.blocks), "owner": control.owner},
        )
        for control in load_catalogue()
    ],
    can_subset=True,
)
def control_checks(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[dg.AssetCheckResult]:
    """One result a control: passed without violations; else their number, money and first rows."""
    with Warehouse(installation.settings().warehouse_path).reader() as connection:
        for control in load_catalogue():
            if dg.AssetCheckKey(_asset(control), check_name(control)) not in context.selected_asset_check_keys:
                continue
            rows = connection.execute(
                "select period, selling_entity, violation_key, amount, currency, evidence "
                "from marts.fct_control_violations where control_id = ? order by all",
                [control.control_id],
            ).fetchall()
            yield dg.AssetCheckResult(
                asset_key=_asset(control),
                check_name=check_name(control),
                passed=not rows,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"violations": len(rows), "rows": dg.MetadataValue.md(_table(rows, _VIOLATION))},
            )


def _raw_table(check: Check) -> dg.AssetKey:
    return dg.AssetKey(check.table_name.split("."))


# The suite itself ran in the step that wrote the results: its library is not imported here.
@dg.multi_asset_check(
    name="plausibility",
    specs=[
        dg.AssetCheckSpec(
            check.check_id,
            asset=_raw_table(check),
            description=f"{check.description} Expected of {check.column_name}: {check.expected}.",
            additional_deps=[dg.AssetKey(["raw_plausibility", "results"])],
            metadata={"control": str(check.control_id), "source": check.source, "severity": str(check.severity)},
        )
        for check in load_checks()
    ],
    can_subset=True,
)
def plausibility_checks(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> Iterator[dg.AssetCheckResult]:
    """One result a check: passed when no month fails; what had nothing to judge passes and says so."""
    with Warehouse(installation.settings().warehouse_path).reader() as connection:
        for check in load_checks():
            if dg.AssetCheckKey(_raw_table(check), check.check_id) not in context.selected_asset_check_keys:
                continue
            months = connection.execute(
                "select period, observed, rows_checked, unexpected, sample, passed "
                "from raw_plausibility.results where check_id = ? order by period",
                [check.check_id],
            ).fetchall()
            failed = [month[:-1] for month in months if not month[-1]]
            yield dg.AssetCheckResult(
                asset_key=_raw_table(check),
                check_name=check.check_id,
                passed=not failed,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "months judged": len(months),
                    "months that failed": len(failed),
                    "rows": dg.MetadataValue.md(_table(failed, "period | observed | rows | unexpected | sample")),
                },
            )


def _table(rows: Sequence[tuple[object, ...]], columns: str) -> str:
    head = f"| {columns} |\n|{'---|' * (columns.count('|') + 1)}"
    shown = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows[:_ROWS_SHOWN]]
    more = [f"\n{len(rows) - _ROWS_SHOWN} more in the exceptions report."] if len(rows) > _ROWS_SHOWN else []
    return "\n".join([head, *shown, *more])
