"""A manifest agrees or says where it does not; what bad rows explain is not laid to the file."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_assets.landing import manifests
from billing_assets.landing.files import FileTotals, Manifest

FIRST, LAST = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
TOTALS = FileTotals(records=3, quantity=Decimal("7.5"), min_time=FIRST, max_time=LAST)


def manifest(**said: object) -> Manifest:
    return Manifest(file_sequence=1, path="usage/a.jsonl.manifest.json", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"records": 3},
        {"records": 3, "quantity": Decimal("7.500"), "min_time": FIRST, "max_time": LAST},
        {"producer": "gateway", "sequence": 12},
    ],
)
def test_what_is_stated_and_true_agrees(said: dict[str, object]) -> None:
    assert manifests.disagreement(manifest(**said), TOTALS) is None


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"records": 4}, "records 4, the file has 3"),
        ({"quantity": Decimal(8)}, "quantity 8, the file has 7.5"),
        ({"min_time": LAST}, "min_time"),
        ({"max_time": FIRST}, "max_time"),
        ({"fault": "the manifest cannot be read"}, "cannot be read"),
    ],
)
def test_every_stated_field_that_differs_is_named(said: dict[str, object], part: str) -> None:
    disagreement = manifests.disagreement(manifest(**said), TOTALS)
    assert disagreement is not None
    assert part in disagreement


def test_unparseable_rows_explain_quantity_and_times_but_never_records() -> None:
    totals = FileTotals(3, Decimal(2), FIRST, FIRST, unparseable=1)
    said = manifest(records=3, quantity=Decimal(9), max_time=LAST)
    assert manifests.disagreement(said, totals) is None
    assert manifests.disagreement(manifest(records=2), totals) is not None


def test_a_source_without_quantities_is_not_compared_by_them() -> None:
    assert manifests.disagreement(manifest(quantity=Decimal(9)), FileTotals(records=3)) is None


def test_the_hash_is_that_of_the_landed_bytes() -> None:
    said = manifest(sha256="a" * 64)
    assert manifests.beside(said, "a" * 64).fault is None
    assert "sha256" in str(manifests.beside(said, "b" * 64).fault)


def test_a_manifest_is_read_with_exact_numbers() -> None:
    text = (
        '{"records": 3, "quantity": 7.50, "min_time": "2026-03-01T01:00:00+01:00", "max_time": null,'
        f' "sha256": "{"A" * 64}", "producer": "gateway", "sequence": "12"}}'
    )
    read = manifests.parse(text, file_sequence=1, path="usage/a.jsonl.manifest.json")
    assert read == manifest(
        records=3,
        quantity=Decimal("7.50"),
        min_time=FIRST,
        sha256="a" * 64,
        producer="gateway",
        sequence=12,
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"records": 1.5}', "records"),
        ('{"records": -1}', "records"),
        ('{"quantity": "1_0"}', "quantity"),
        ('{"min_time": "2026-03-01"}', "min_time"),
        ('{"sha256": "abc"}', "sha256"),
        ('{"producer": 5.0, "sequence": true}', "sequence"),
    ],
)
def test_a_manifest_that_cannot_be_read_agrees_with_nothing(text: str, part: str) -> None:
    read = manifests.parse(text, file_sequence=1, path="m")
    assert part in str(read.fault)
    assert manifests.disagreement(read, TOTALS) is not None


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("usage/a.jsonl.manifest.json", "usage/a.jsonl"),
        ("usage/a.jsonl.gz.manifest.json", "usage/a.jsonl.gz"),
        ("usage/a.csv.manifest.json.gz", "usage/a.csv"),
        ("usage/a.json", None),
        ("usage/.manifest.json", None),
    ],
)
def test_a_manifest_is_told_by_its_name(path: str, data: str | None) -> None:
    assert manifests.data_path(path) == data
