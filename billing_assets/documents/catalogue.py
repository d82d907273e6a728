"""The page of controls, docs/reference/controls.md, written from the tables that the platform runs by.

Belongs here: how the catalogue reads. What it says stands in dbt_project/seeds/reference; a test compares the page with
it. `python -m billing_assets.documents.catalogue` writes it anew.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import groupby

from billing_assets.controls import Control, load_catalogue
from billing_assets.controls.catalogue import Blocks
from billing_assets.controls.plausibility import Check, load_checks
from billing_assets.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "reference" / "controls.md"
_SEEDS = PROJECT_ROOT / "dbt_project" / "seeds" / "reference"

# In the order of the evidence chain; a family that is not named here follows under its own letters.
_FAMILIES = {
    "CON": "Contracts",
    "PRV": "Provisioning",
    "USG": "Usage",
    "RAT": "Rating",
    "INV": "Documents",
    "CRM": "Credits, rebills and voids",
    "OPN": "Opening balances",
    "MKT": "Marketplaces",
    "CSH": "Cash",
    "PLA": "Plausibility of landed data",
}
_BLOCKS = {
    Blocks.DOCUMENT: "the document",
    Blocks.SCOPE: "the scope (month, entity, channel)",
    Blocks.PERIOD: "the month",
    Blocks.NONE: "nothing: it warns",
}
_INTRODUCTION = """\
# Controls

This page is written from `dbt_project/seeds/reference` by `python -m billing_assets.documents.catalogue`; what it says
is what the platform runs by. [Controls and the gate](../concepts/controls_and_gate.md) says what a control is.

A control **asserts** something of every scope, that is a month, selling entity and channel. What it finds wrong is an
exception, which its owner works on within the hours given (less than a day means the same day; days are weekdays). What
it **blocks** is not issued until the data changes or a waiver is approved. Its exceptions keep the **close gate** of
their month open.
"""


def render() -> str:
    """The whole page as Markdown."""
    controls = sorted(load_catalogue(), key=lambda control: (_family_rank(control), control.control_id))
    parts = [_INTRODUCTION, _overview(controls)]
    for family, members in groupby(controls, key=_family):
        parts.append(f"## {_FAMILIES.get(family, family)}\n")
        parts += [_section(control) for control in members]
    parts += [_plausibility(load_checks()), _codes(), _gates(controls)]
    return "\n".join(parts)


def _family(control: Control) -> str:
    return control.control_id.partition("-")[0]


def _family_rank(control: Control) -> tuple[int, str]:
    family = _family(control)
    known = list(_FAMILIES)
    return (known.index(family) if family in known else len(known), family)


def _overview(controls: Sequence[Control]) -> str:
    return _table(
        ("control", "", "blocks", "severity", "owner", "within"),
        (
            (
                f"[{control.control_id}](#{control.control_id.lower()})",
                control.name,
                control.blocks,
                control.severity,
                control.owner,
                f"{control.sla_hours} h",
            )
            for control in controls
        ),
    )


def _section(control: Control) -> str:
    gate = control.close_gate or "none"
    return f"""\
### <a id="{control.control_id.lower()}"></a>{control.control_id} {control.name}

{control.what_is_wrong}

- Asserts **{control.assertion}** ({control.type}); blocks **{_BLOCKS[control.blocks]}**; close gate {gate}.
- **{control.severity.capitalize()}**: {control.owner} works on it within {control.sla_hours} hours.
- Suggested cause: {control.suggested_cause}
- Next step: {control.next_step}
- Query: `dbt_project/models/controls/{control.model}.sql`
"""


def _plausibility(checks: Sequence[Check]) -> str:
    parts = [
        """\
## Plausibility checks

What PLA-01 to PLA-05 look at, by source. A column that the table does not have is computed of it
(`billing_assets/controls/plausibility/frames.py`). Known values and bands stand in `plausibility_checks.csv`.
"""
    ]
    by_source: dict[str, list[Check]] = {}
    for check in checks:
        by_source.setdefault(check.source, []).append(check)
    for source, members in by_source.items():
        parts.append(f"### {source}\n")
        parts.append(
            _table(
                ("check", "control", "asks", "of", "expects"),
                (
                    (
                        f"`{check.check_id}`",
                        check.control_id,
                        check.description,
                        f"`{check.table_name}.{check.column_name}`",
                        check.expected,
                    )
                    for check in members
                ),
            )
        )
    return "\n".join(parts)


def _codes() -> str:
    head = """\
## Exception codes

What kind of break an exception is, whatever control found it.
"""
    rows = ((r["code"], r["name"], r["meaning"], r["default_owner"], r["usual_fix"]) for r in _seed("exception_codes"))
    return head + "\n" + _table(("code", "name", "meaning", "usual owner", "usual fix"), rows)


def _gates(controls: Sequence[Control]) -> str:
    head = """\
## Close gates

A month is ready to be locked when every gate is. Some also watch what is no control: held documents, and accounts that
do not roll forward.
"""

    def fed_by(gate: str) -> str:
        return ", ".join(control.control_id for control in controls if control.close_gate == gate)

    rows = ((r["gate_id"], r["name"], r["owner"], fed_by(r["gate_id"])) for r in _seed("close_gates"))
    return head + "\n" + _table(("gate", "is ready when", "owner", "controls"), rows)


def _seed(name: str) -> list[dict[str, str]]:
    with (_SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
