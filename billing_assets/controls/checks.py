"""Business controls as Dagster checks on their own models: a warning with the rows and their money, never a stop.

Only the gate acts on a control; a check here is for people who look at the asset graph.
"""

from collections.abc import Iterator

import dagster as dg

from billing_assets.controls.catalogue import Control, load_catalogue
from billing_assets.resources import Installation
from billing_assets.warehouse import Warehouse

# Enough to see what is wrong; the rest is in the exceptions report.
_ROWS_SHOWN = 20


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
                metadata={"violations": len(rows), "rows": dg.MetadataValue.md(_table(rows))},
            )


def _table(rows: list[tuple[object, ...]]) -> str:
    head = "| period | entity | what | amount | currency | evidence |\n|---|---|---|---|---|---|"
    shown = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows[:_ROWS_SHOWN]]
    more = [f"\n{len(rows) - _ROWS_SHOWN} more in the exceptions report."] if len(rows) > _ROWS_SHOWN else []
    return "\n".join([head, *shown, *more])
