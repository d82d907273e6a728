"""The register scan: each content once, links never, and what changes or vanishes is a fact of the record."""

import gzip
import os
from pathlib import Path

import pytest

from billing_assets.landing.register import NoBusinessDate, NoLandingZone, register
from billing_assets.ledger import Ledger
from billing_assets.settings import Settings
from tests.landing.conftest import World


def test_files_are_registered_in_byte_order_of_their_paths_and_once(world: World) -> None:
    for path in ("usage/b/1.jsonl", "usage/a.jsonl", "usage/B.jsonl", "contracts/é.json", "contracts/z.json"):
        world.put(path, path)
    found = world.register()
    assert (found.batch, found.files, found.registered) == (1, 5, 5)
    assert [path for path, _ in world.registered()] == [
        "contracts/z.json",
        "contracts/é.json",
        "usage/B.jsonl",
        "usage/a.jsonl",
        "usage/b/1.jsonl",
    ]
    again = world.register()
    assert (again.batch, again.known, again.registered) == (None, 5, 0)


def test_the_same_content_under_another_name_is_a_duplicate(world: World) -> None:
    world.put("usage/a.jsonl", "x\n")
    world.put("usage/b.jsonl.gz", gzip.compress(b"x\n"))
    found = world.register()
    assert (found.registered, found.duplicates) == (1, 1)
    world.put("usage/c.jsonl", "x\n")
    assert world.register().duplicates == 1
    assert [entry.duplicate_of for entry in world.ledger.registered()] == [None, 1, 1]


def test_empty_files_manifests_and_other_sources_are_never_duplicates(world: World) -> None:
    for path in ("usage/a.jsonl", "usage/b.jsonl"):
        world.put(path, "")
        world.put(f"{path}.manifest.json", "{}")
    world.put("contracts/a.json", "same")
    world.put("usage/same.jsonl", "same")
    for month in ("01", "02"):
        world.put(f"aws_marketplace/taxitemfeed_v1/year=2026/month={month}/data.csv", "header only\n")
    assert world.register().duplicates == 0


def test_links_devices_and_names_that_lead_out_are_not_read(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.jsonl").write_text("secret")
    world.put("usage/good.jsonl", "x\n")
    (world.zone / "usage" / "link.jsonl").symlink_to(secret / "s.jsonl")
    (world.zone / "usage" / "folder").symlink_to(secret)
    (world.zone / "usage" / "loop").symlink_to(world.zone)
    os.mkfifo(world.zone / "usage" / "pipe.jsonl")
    world.put("usage/..\\out.jsonl", "x")
    world.put(os.fsdecode(b"usage/\xff.jsonl"), "x")
    found = world.register()
    assert (found.files, found.registered, found.refused) == (7, 1, 6)
    assert world.register().batch is None
    assert not any("s.jsonl" in path for path, _ in world.registered())


def test_a_landing_root_may_itself_be_a_link(tmp_path: Path) -> None:
    world = World(tmp_path / "real")
    world.put("usage/a.jsonl", "x\n")
    (tmp_path / "link").symlink_to(world.zone)
    linked = World(tmp_path / "other", zone=tmp_path / "link")
    assert linked.register().registered == 1


def test_damage_is_registered_by_the_landed_bytes(world: World) -> None:
    world.put("usage/a.jsonl.gz", gzip.compress(b"x\n" * 100)[:-3])
    world.put("usage/b.jsonl", b"caf\xe9")
    world.put("usage/c.jsonl", "")
    assert world.register().damaged == 3


def test_a_copy_of_a_damaged_file_is_damaged_too(world: World) -> None:
    for name in ("a", "b"):
        world.put(f"usage/{name}.jsonl.gz", gzip.compress(b"x\n" * 100, mtime=0)[:-3])
        world.put(f"usage/{name}.csv.gz", gzip.compress(b"", mtime=0))
    found = world.register()
    assert (found.damaged, found.duplicates) == (4, 0)


def test_content_that_comes_back_under_its_name_is_no_new_file(world: World) -> None:
    for content in ("one\n", "two\n", "one\n"):
        world.put("usage/a.jsonl", content)
        world.register()
    assert [status for _, status in world.registered()] == [
        "registered",
        "registered",
        "changed_in_place",
        "returned",
        "changed_in_place",
    ]


def test_a_file_that_changes_in_place_is_a_fact_and_a_new_file(world: World) -> None:
    file = world.put("usage/a.jsonl", "one\n")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    world.register()
    file.write_text("two\n")
    os.utime(file, ns=times)
    found = world.register()
    assert (found.registered, found.facts) == (1, 1)
    assert world.registered()[1:] == [("usage/a.jsonl", "registered"), ("usage/a.jsonl", "changed_in_place")]
    assert world.register().batch is None


def test_a_file_that_vanishes_is_a_fact_once_and_so_is_its_return(world: World) -> None:
    world.put("usage/a.jsonl", "one\n")
    world.register()
    (world.zone / "usage/a.jsonl").unlink()
    assert world.register().facts == 1
    assert world.register().batch is None
    world.put("usage/a.jsonl", "one\n")
    assert world.register().facts == 1
    assert world.register().batch is None
    assert [status for _, status in world.registered()] == ["registered", "vanished", "returned"]


def test_a_touched_file_is_the_same_file(world: World) -> None:
    file = world.put("usage/a.jsonl", "one\n")
    world.register()
    os.utime(file, ns=(1, 1))
    assert world.register().batch is None


@pytest.mark.parametrize(
    "path",
    [
        "usage/a.jsonl.manifest.json",
        "aws_marketplace/agreementfeed_v1/year=2026/month=03/data.csv",
        "salesforce/Account.csv",
    ],
)
def test_a_rewritable_path_keeps_every_version_as_evidence(world: World, path: str) -> None:
    world.put(path, "one")
    world.register()
    world.put(path, "two")
    found = world.register()
    assert (found.registered, found.facts) == (1, 0)
    kept = sorted(file.read_text() for file in (world.home / "evidence").iterdir())
    assert kept == ["one", "two"]


def test_a_damaged_file_may_be_replaced_under_its_name(world: World) -> None:
    world.put("usage/a.jsonl.gz", gzip.compress(b"x\n" * 100)[:-3])
    world.register()
    world.put("usage/a.jsonl.gz", gzip.compress(b"x\n" * 100))
    found = world.register()
    assert (found.registered, found.facts) == (1, 0)


@pytest.mark.parametrize("path", ["payments/s.csv", "notes.txt"])
def test_files_nobody_reads_hold_nothing_when_they_go(world: World, path: str) -> None:
    world.put(path, "one")
    world.register()
    (world.zone / path).unlink()
    assert world.register().batch is None


def test_register_order_and_hashes_do_not_depend_on_modification_times(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name) for name in ("one", "two")]
    for number, world in enumerate(worlds):
        for path in sorted(("usage/a.jsonl", "usage/b.jsonl"), reverse=bool(number)):
            os.utime(world.put(path, path), ns=(number + 1, number + 1))
        world.register()
    one, two = ([*world.registered()] for world in worlds)
    assert one == two


def test_new_files_need_a_business_date_and_later_ones_may_take_the_last(tmp_path: Path) -> None:
    (tmp_path / "zone").mkdir()
    (tmp_path / "home").mkdir()
    settings = Settings(landing=tmp_path / "zone", home=tmp_path / "home")
    with Ledger.open(settings.resolved_ledger_url) as ledger:
        assert register(settings, ledger).batch is None
        (tmp_path / "zone" / "a").write_text("x")
        with pytest.raises(NoBusinessDate, match="--as-of"):
            register(settings, ledger)


def test_a_missing_zone_is_said_plainly(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.zone.rmdir()
    with pytest.raises(NoLandingZone, match="--landing"):
        world.register()
