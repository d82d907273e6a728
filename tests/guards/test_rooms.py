"""The rooms' order and the rule on Dagster and dbt imports, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "billing_assets"

# A room may use the rooms above it. The floor is one level: its modules may use each other.
ORDER = (
    ("errors", "settings", "clock", "money", "periods", "warehouse", "resources"),
    ("ledger",),
    ("access",),
    ("landing",),
    ("metering",),
    ("matching",),
    ("transformation",),
    ("controls",),
    ("exceptions",),
    ("documents",),
    ("publication",),
    ("close",),
    ("dashboard",),
    ("simulation",),
    ("automation",),
    ("definitions", "cli"),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
FRAMEWORK_FILES = {
    "definitions",
    "assets",
    "checks",
    "jobs",
    "schedules",
    "sensors",
    "resources",
    "translator",
    "partitions",
    "conditions",
}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "billing_assets":
                yield from (f"billing_assets.{alias.name}" for alias in node.names)
            elif node.module:
                yield node.module


def room_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_uses_only_rooms_above_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for module in imports(path):
        if module.startswith("billing_assets."):
            other = room_of(module)
            assert LEVEL[other] < LEVEL[own] or other == own or own in ORDER[0], f"{own} may not use {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_dagster_and_dbt_are_imported_only_in_files_named_for_it(path: Path) -> None:
    if path.stem in FRAMEWORK_FILES:
        return
    frameworks = {module.split(".")[0] for module in imports(path)} & {"dagster", "dagster_dbt", "dbt"}
    assert not frameworks, f"{path.name} imports {frameworks}"


def test_production_rooms_never_import_the_simulation() -> None:
    allowed = {"simulation", "cli"}
    for path in SOURCES:
        if path.relative_to(PACKAGE).parts[0] not in allowed:
            assert not [m for m in imports(path) if m.startswith("billing_assets.simulation")], path


def test_every_room_is_in_the_order() -> None:
    rooms = {
        p.name.removesuffix(".py")
        for p in PACKAGE.iterdir()
        if (p.is_dir() and (p / "__init__.py").exists()) or p.suffix == ".py"
    } - {"__init__", "__pycache__"}
    assert rooms <= set(LEVEL)


def test_every_module_has_a_charter() -> None:
    for path in SOURCES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_clock_reads_the_wall_clock(path: Path) -> None:
    if path.name == "clock.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}:
            raise AssertionError(f"{path}:{node.lineno} reads the wall clock")
