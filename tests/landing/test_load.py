"""Loading: every row of every file is accounted for, and a deleted warehouse comes back the same."""

import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.landing import batch as batch_module
from billing_assets.landing.load import WarehouseMismatch
from billing_assets.ledger import Ledger
from tests.landing.conftest import World
from tests.landing.documents import document, text

FX_HEADER = "rate_date,base_currency,quote_currency,rate,rate_type,source\n"
FX_ROW = "2026-03-01,EUR,USD,1.08,spot,ecb\n"
PROVISIONING_HEADER = "organization_id,account_id,contract_id,product,status,quantity,valid_from,valid_to\n"
PROVISIONING_ROW = "org-1,A-1,C-1,inference,provisioned,5,2026-01-01,\n"


def manifest(**said: object) -> str:
    return json.dumps(said)


# -- good rows beside bad ones -----------------------------------------------------------------------------------


def test_good_rows_are_loaded_and_each_bad_one_says_why(world: World) -> None:
    world.put("contracts/c.json", f"{text()}\n{text('currency', 'usd')}\nnonsense\n{text('contract_id', 'C-2')}\n")
    world.put(
        "fx/r.csv",
        FX_HEADER
        + FX_ROW
        + "2026-03-02,EUR,USD,1.0812345678901,spot,ecb\n"
        + "2026-03-32,EUR,USD,1.08,spot,ecb\n"
        + "2026-03-04,EUR,XXX9,1.08,spot,ecb\n"
        + "2026-03-05,EUR,USD,NaN,spot,ecb\n"
        + "2026-03-06,EUR,USD,0,spot,ecb\n"
        + "2026-03-07,EUR,USD\n"
        + "2026-03-08,EUR,USD,,spot,ecb\n",
    )
    world.put(
        "provisioning/p.csv",
        "\ufeff"
        + PROVISIONING_HEADER.replace("\n", "\r\n")
        + PROVISIONING_ROW
        + "org-1,,C-1,inference,provisioned,5,2026-01-01,\n"
        + "org-1,A-1,C-1,inference,paused,5,2026-01-01,\n"
        + "org-1,A-1,C-1,inference,suspended,1_000,2026-01-01,\n"
        + "org-1,A-1,C-1,inference,suspended,5,2026-02-01,2026-01-01\n"
        + ",A-2,,inference,suspended,,2026-02-01,2026-03-01\n",
    )
    world.night()
    assert [row[:3] for row in world.quarantine()] == [
        ("contracts/c.json", 2, "field"),
        ("contracts/c.json", 3, "json"),
        ("fx/r.csv", 3, "number"),
        ("fx/r.csv", 4, "time"),
        ("fx/r.csv", 5, "field"),
        ("fx/r.csv", 6, "number"),
        ("fx/r.csv", 7, "number"),
        ("fx/r.csv", 8, "csv"),
        ("fx/r.csv", 9, "field"),
        ("provisioning/p.csv", 3, "field"),
        ("provisioning/p.csv", 4, "field"),
        ("provisioning/p.csv", 5, "number"),
        ("provisioning/p.csv", 6, "time"),
    ]
    assert world.conservation() == {
        "contracts/c.json": (4, 2, 0, 0, 2),
        "fx/r.csv": (8, 1, 0, 0, 7),
        "provisioning/p.csv": (6, 2, 0, 0, 4),
    }
    assert world.query("select contract_id, line from raw_contracts.versions order by all") == [("C-1", 1), ("C-2", 4)]
    assert world.query("select organization_id, quantity, line from raw_provisioning.entitlements order by line") == [
        ("org-1", 5, 2),
        (None, None, 7),
    ]
    originals = dict(world.query("select line, original from raw_landing.quarantine where source = 'fx'"))
    assert originals[8] == "2026-03-07,EUR,USD"


def test_the_same_rows_again_are_duplicates_and_others_under_their_key_conflict(world: World) -> None:
    world.put("contracts/a.json", text())
    world.put("contracts/b.json", json.dumps(document(), indent=1))
    world.put("contracts/c.json", text("charges.0.price.unit_price", "9"))
    world.put("fx/a.csv", FX_HEADER + FX_ROW)
    world.put("fx/b.csv", FX_HEADER + FX_ROW.replace("1.08", "1.080") + FX_ROW.replace("1.08", "1.09"))
    world.put("provisioning/a.csv", PROVISIONING_HEADER + PROVISIONING_ROW)
    world.put("provisioning/b.csv", PROVISIONING_HEADER + PROVISIONING_ROW + PROVISIONING_ROW.replace(",5,", ",6,"))
    world.night()
    assert world.conservation() == {
        "contracts/a.json": (1, 1, 0, 0, 0),
        "contracts/b.json": (1, 0, 1, 0, 0),
        "contracts/c.json": (1, 0, 0, 1, 0),
        "fx/a.csv": (1, 1, 0, 0, 0),
        "fx/b.csv": (2, 0, 1, 1, 0),
        "provisioning/a.csv": (1, 1, 0, 0, 0),
        "provisioning/b.csv": (2, 1, 1, 0, 0),
    }
    assert [row[:3] for row in world.quarantine()] == [
        ("contracts/c.json", 1, "conflict"),
        ("fx/b.csv", 3, "conflict"),
    ]
    world.put("contracts/d.json", text("charges.0.price.unit_price", "8"))
    world.night()
    assert world.conservation()["contracts/d.json"] == (1, 0, 0, 1, 0)
    assert world.query("select distinct unit_price from raw_contracts.price_cells") == [(2.5,)]


# -- containers --------------------------------------------------------------------------------------------------


FAULTY = [
    # path, content, code, part of the reason, readable rows
    ("contracts/blank.json", b" \n", "container", "the file is empty", 0),
    ("fx/empty.csv", b"", "container", "the file is empty", 0),
    ("fx/empty.csv.gz", gzip.compress(b""), "container", "the file is empty", 0),
    ("fx/latin.csv", (FX_HEADER + FX_ROW).encode() + b"\xe9\n", "encoding", "not UTF-8", 1),
    ("fx/cut.csv.gz", gzip.compress((FX_HEADER + FX_ROW).encode())[:-4], "container", "truncated", 1),
    ("fx/plain.csv.gz", b"not a gz", "container", "damaged", 0),
    ("fx/columns.csv", b"rate_date,rate\n2026-01-01,1\n", "container", "missing column base_currency", 1),
    ("provisioning/wide.csv", FX_HEADER.encode(), "container", "missing column organization_id", 0),
    ("usage/empty.jsonl", b"", "container", "the file is empty", 0),
    ("usage/latin.jsonl", b"{}\n\xff\n", "encoding", "not UTF-8", 1),
    ("usage/a.txt", b"x\n", "container", "unknown kind of file", 0),
    ("readme.md", b"x\n", "container", "unknown kind of file", 0),
]


def test_a_faulty_container_is_set_aside_whole(world: World) -> None:
    for path, content, *_ in FAULTY:
        world.put(path, content)
    world.put("contracts/good.json", text())
    assert world.night().set_aside == len(FAULTY)
    found = {path: (line, code, reason) for path, line, code, reason in world.quarantine()}
    assert len(found) == len(world.quarantine()) == len(FAULTY)
    for path, _, code, reason, readable in FAULTY:
        assert found[path][:2] == (None, code)
        assert reason in found[path][2]
        assert world.conservation()[path] == (readable, 0, 0, 0, readable)
        assert world.statuses()[path] == "set_aside"
    assert world.statuses()["contracts/good.json"] == "loaded"
    assert world.meter.calls == [(1, [])]


def test_what_is_not_read_is_quarantined_by_name(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(text())
    world.put("contracts/good.json", text("contract_id", "C-9"))
    (world.zone / "contracts" / "link.json").symlink_to(tmp_path / "secret.json")
    world.put("contracts/..\\x.json", text())
    world.night()
    assert world.quarantine() == [
        ("contracts/..\\x.json", None, "container", "the name leads outside the landing zone"),
        ("contracts/link.json", None, "container", "symlink refused"),
    ]
    assert world.query("select contract_id from raw_contracts.versions") == [("C-9",)]
    world.night()
    assert len(world.quarantine()) == 2


def test_files_of_later_rooms_are_left_alone(world: World) -> None:
    world.put("salesforce/Account.csv", b"\xff")
    world.put("payments/s.csv.gz", b"broken")
    assert world.night().set_aside == 0
    assert world.quarantine() == []
    assert world.conservation() == {}
    assert world.statuses() == {"payments/s.csv.gz": "unread", "salesforce/Account.csv": "unread"}


# -- usage is handed on ------------------------------------------------------------------------------------------


def test_usage_goes_to_metering_once_a_batch_in_register_order(world: World) -> None:
    world.put("usage/b.jsonl", "1\n2\n")
    world.put("usage/a.jsonl", "1\n")
    world.put("usage/c.jsonl", "1\n")
    world.night()
    assert world.meter.calls == [(1, ["usage/a.jsonl", "usage/b.jsonl"])]
    assert world.conservation()["usage/c.jsonl"] == (1, 0, 1, 0, 0)
    assert world.query("select units_duplicate from raw_landing.conservation where path = 'usage/c.jsonl'") == [
        ('{"tokens": "1"}',)
    ]
    assert world.statuses()["usage/c.jsonl"] == "duplicate"
    world.put("usage/d.jsonl", "3\n")
    world.night()
    assert world.meter.calls[1:] == [(2, ["usage/d.jsonl"])]


def test_usage_without_an_account_of_its_rows_stops_the_batch(world: World) -> None:
    world.put("usage/a.jsonl", "1\n")
    world.register()
    world.meter = lambda *_, **__: None  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match=r"left no account of usage/a\.jsonl"):
        world.load()


# -- manifests ---------------------------------------------------------------------------------------------------


def manifest_rows(world: World) -> list[tuple[Any, ...]]:
    return world.query(
        "select file_sequence, data_file_sequence, agrees, disagreement is null from raw_landing.manifests order by 1"
    )


def test_a_manifest_that_agrees_is_noted(world: World) -> None:
    content = FX_HEADER + FX_ROW
    landed = hashlib.sha256(content.encode()).hexdigest()
    world.put("fx/a.csv", content)
    world.put("fx/a.csv.manifest.json", manifest(records=1, sha256=landed, producer="bank", sequence=4))
    world.night()
    assert world.statuses() == {"fx/a.csv": "loaded", "fx/a.csv.manifest.json": "loaded"}
    assert manifest_rows(world) == [(2, 1, True, True)]
    assert world.query("select data_path, producer, producer_sequence from raw_landing.manifests") == [
        ("fx/a.csv", "bank", 4)
    ]


def test_a_file_that_disagrees_waits_for_a_manifest_that_agrees(world: World) -> None:
    paths = ["fx/a.csv", "usage/a.jsonl", "usage/b.jsonl", "usage/c.jsonl"]
    said: list[dict[str, object]] = [{"records": 2}, {"records": 2}, {"sha256": "0" * 64}, {"records": "many"}]
    for number, path in enumerate(paths):
        world.put(path, FX_HEADER + FX_ROW if path.startswith("fx") else f"{number}\n")
        world.put(f"{path}.manifest.json", manifest(**said[number]))
    world.night()
    for path in paths:
        assert world.statuses()[path] == "set_aside"
        assert (path, None, "manifest") in [row[:3] for row in world.quarantine()]
        assert world.conservation()[path] == (1, 0, 0, 0, 1)
    assert manifest_rows(world) == [(number, number - 1, False, False) for number in (2, 4, 6, 8)]
    for path in paths:
        world.put(f"{path}.manifest.json", manifest(records=1))
    world.night()
    for path in paths:
        assert world.conservation()[path] == (1, 1, 0, 0, 0)
    # What stays is the manifest that could not be read.
    assert [row[0] for row in world.quarantine()] == ["usage/c.jsonl.manifest.json"]
    assert manifest_rows(world)[4:] == [
        (9, 1, True, True),
        (10, 3, True, True),
        (11, 5, True, True),
        (12, 7, True, True),
    ]
    assert world.query(
        "select distinct batch, status, loaded_batch from raw_landing.files where source <> 'manifest'"
    ) == [(1, "loaded", 2)]


def test_a_file_that_disagrees_waits_for_a_good_file(world: World) -> None:
    world.put("usage/a.jsonl", "1\n")
    world.put("usage/a.jsonl.manifest.json", manifest(records=2))
    world.night()
    world.put("usage/a.jsonl", "1\n2\n")
    world.night()
    assert world.query("select path, status, loaded_batch from raw_landing.files where source = 'usage'") == [
        ("usage/a.jsonl", "set_aside", None),
        ("usage/a.jsonl", "loaded", 2),
    ]
    assert "changed_in_place" not in [status for _, status in world.registered()]


@pytest.mark.parametrize("nights", [1, 2])
def test_a_copy_of_a_file_set_aside_stands_in_for_it(world: World, nights: int) -> None:
    world.put("usage/a.jsonl", "1\n")
    world.put("usage/a.jsonl.manifest.json", manifest(records=2))
    if nights == 2:
        world.night()
    world.put("usage/b.jsonl", "1\n")
    world.put("usage/b.jsonl.manifest.json", manifest(records=1))
    world.night()
    assert world.statuses()["usage/a.jsonl"] == "set_aside"
    assert world.statuses()["usage/b.jsonl"] == "loaded"
    world.put("usage/a.jsonl.manifest.json", manifest(records=1))
    world.night()
    assert world.statuses()["usage/a.jsonl"] == "duplicate"
    assert world.conservation()["usage/a.jsonl"] == (1, 0, 1, 0, 0)


def test_a_manifest_that_lands_late_is_only_noted(world: World) -> None:
    said: list[tuple[dict[str, object], bool]] = [
        ({"records": 1}, True),
        ({"records": 2}, False),
        ({"quantity": 5}, False),
        ({"sha256": "0" * 64}, False),
    ]
    for number in range(len(said)):
        world.put(f"usage/{number}.jsonl", f"{number}\n")
    world.night()
    for number, (fields, _) in enumerate(said):
        world.put(f"usage/{number}.jsonl.manifest.json", manifest(**fields))
    world.night()
    assert set(world.statuses().values()) == {"loaded"}
    assert set(world.conservation().values()) == {(1, 1, 0, 0, 0)}
    assert manifest_rows(world) == [(number + 5, number + 1, agrees, agrees) for number, (_, agrees) in enumerate(said)]


def test_a_manifest_without_its_file_waits(world: World) -> None:
    world.put("usage/a.jsonl.manifest.json", manifest(records=1))
    world.night()
    assert manifest_rows(world) == [(1, None, None, True)]
    world.put("usage/a.jsonl", "1\n")
    world.night()
    assert manifest_rows(world) == [(1, 2, True, True)]


# -- evidence that moves -----------------------------------------------------------------------------------------


def test_what_changed_or_vanished_shows_in_the_files(world: World) -> None:
    world.put("fx/a.csv", FX_HEADER + FX_ROW)
    world.put("fx/b.csv", FX_HEADER + FX_ROW.replace("EUR", "GBP"))
    world.night()
    world.put("fx/a.csv", FX_HEADER + FX_ROW.replace("EUR", "CHF"))
    (world.zone / "fx/b.csv").unlink()
    world.night()
    query = "select path, batch, status, loaded_batch from raw_landing.files order by file_sequence"
    assert world.query(query) == [
        ("fx/a.csv", 1, "changed_in_place", 1),
        ("fx/b.csv", 1, "vanished", 1),
        ("fx/a.csv", 2, "loaded", 2),
    ]
    assert world.query("select count(*) from raw_fx.rates") == [(3,)]
    world.put("fx/b.csv", FX_HEADER + FX_ROW.replace("EUR", "GBP"))
    world.night()
    assert world.query(query)[1] == ("fx/b.csv", 1, "loaded", 1)


def test_evidence_that_is_gone_is_said_when_the_warehouse_is_rebuilt_and_read_when_it_returns(world: World) -> None:
    good = FX_HEADER + FX_ROW
    world.put("fx/a.csv", good)
    world.night()
    (world.zone / "fx/a.csv").unlink()
    world.night()
    world.forget_derived()
    world.load()
    assert world.statuses() == {"fx/a.csv": "vanished"}
    assert [row[2:] for row in world.quarantine()] == [("container", "the file is not in the landing zone any more")]
    world.put("fx/a.csv", good)
    world.night()
    assert world.statuses() == {"fx/a.csv": "loaded"}
    assert world.quarantine() == []
    assert world.conservation() == {"fx/a.csv": (1, 1, 0, 0, 0)}


# -- nights and rebuilds -----------------------------------------------------------------------------------------


def busy_nights(world: World) -> None:
    """Three nights with everything that can happen to a file."""
    world.put("contracts/a.json", text())
    world.put("usage/a.jsonl", "1\n")
    world.put("usage/a.jsonl.manifest.json", manifest(records=2))
    world.put("usage/broken.jsonl.gz", gzip.compress(b"1\n2\n", mtime=0)[:-2])
    world.put("fx/a.csv", FX_HEADER + FX_ROW)
    world.put("fx/same.csv", FX_HEADER + FX_ROW)
    world.put("notes.txt", "x")
    (world.zone / "usage" / "link.jsonl").symlink_to("/etc/hostname")
    world.night()
    world.put("usage/a.jsonl.manifest.json", manifest(records=1))
    world.put("usage/broken.jsonl.gz", gzip.compress(b"1\n2\n", mtime=0))
    world.put("contracts/b.json", f"{text('currency', 'EUR')}\n{text('contract_id', 'C-2')}")
    world.put("provisioning/p.csv", PROVISIONING_HEADER + PROVISIONING_ROW + "short\n")
    world.put("usage/set_aside.jsonl", "5\n")
    world.put("usage/set_aside.jsonl.manifest.json", manifest(records=9))
    world.night()
    (world.zone / "usage" / "link.jsonl").unlink()
    world.put("usage/set_aside.jsonl", "5\n6\n")
    world.put("usage/copy.jsonl", "1\n")
    world.put("usage/set_aside.jsonl.manifest.json", manifest(records=2))
    world.night()


def test_a_deleted_warehouse_comes_back_the_same(world: World) -> None:
    busy_nights(world)
    before, calls = world.everything(), list(world.meter.calls)
    assert {"loaded", "duplicate", "set_aside"} <= set(world.statuses().values())
    for file in world.zone.rglob("*"):
        os.utime(file, ns=(5, 5))
    world.forget_derived()
    world.meter.calls.clear()
    assert world.register().batch is None
    assert world.load().batches == 3
    assert world.everything() == before
    assert world.meter.calls == calls


def test_two_homes_fed_the_same_hold_the_same(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name) for name in ("one", "two")]
    for world in worlds:
        busy_nights(world)
    assert worlds[0].everything() == worlds[1].everything()


def test_a_lake_that_is_gone_is_rebuilt_with_the_warehouse(world: World) -> None:
    busy_nights(world)
    before = world.everything()
    with world.warehouse().writer() as connection:
        connection.execute("insert into raw_metering.lake_parts values (date '2026-03-01', 1, 'gone.parquet', 1)")
    assert world.load().batches == 3
    assert world.everything() == before


def test_a_warehouse_of_another_release_is_loaded_again(world: World) -> None:
    busy_nights(world)
    before = world.everything()
    with world.warehouse().writer() as connection:
        connection.execute("alter table raw_metering.usage_partials drop column batch")
        connection.execute("alter table raw_fx.rates add column of_old varchar")
        connection.execute("update raw.release set schema_hash = 'of old'")
    assert world.load().batches == 3
    assert world.everything() == before


def test_a_night_with_nothing_new_loads_nothing(world: World) -> None:
    busy_nights(world)
    before = world.everything()
    assert world.night().batches == 0
    assert world.everything() == before


def test_every_row_received_is_accounted_for(world: World) -> None:
    busy_nights(world)
    assert world.query("select count(*) from raw_landing.conservation") != [(0,)]
    assert (
        world.query(
            "select path from raw_landing.conservation where received <> accepted + duplicate + conflict + quarantined"
        )
        == []
    )


def test_a_crash_leaves_whole_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("contracts/a.json", text())
    world.night()
    before = world.everything()
    world.put("contracts/b.json", text("contract_id", "C-2"))
    world.put("usage/a.jsonl", "1\n")

    def crash(*_: object) -> None:
        raise duckdb.InternalException("out of disk")

    with monkeypatch.context() as patched:
        patched.setattr(batch_module.BatchLoader, "_write_outcomes", crash)
        with pytest.raises(duckdb.InternalException):
            world.night()
    assert world.everything() == before
    assert world.load().batches == 1
    assert world.query("select count(*) from raw_contracts.versions") == [(2,)]


def test_a_warehouse_of_another_ledger_is_not_added_to(world: World) -> None:
    world.put("fx/a.csv", FX_HEADER + FX_ROW)
    world.night()
    world.ledger.close()
    (world.home / "ledger.sqlite").unlink()
    shutil.rmtree(world.home / "seal")
    world.ledger = Ledger.open(world.settings().resolved_ledger_url)
    world.put("fx/b.csv", FX_HEADER)
    world.register()
    with pytest.raises(WarehouseMismatch, match=r"delete warehouse\.duckdb"):
        world.load()
