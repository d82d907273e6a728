"""A landing zone in S3, against a real server of the protocol."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from billing_assets.landing import kinds
from billing_assets.landing.load import load
from billing_assets.landing.register import Registration, register
from billing_assets.landing.remote import NoBucket, RemoteZone, state
from billing_assets.settings import Settings
from tests.landing.conftest import World

BUCKET = "acme-landing"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


def put(s3: Any, key: str, text: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())


def settings(world: World, url: str = f"s3://{BUCKET}/daily/raw") -> Settings:
    return Settings(landing=url, home=world.home, as_of=date(2026, 4, 1))


def night(world: World, s3_settings: Settings | None = None) -> Registration:
    given = s3_settings or settings(world)
    found = register(given, world.ledger)
    load(given, world.ledger, world.warehouse(), world.meter)
    return found


def test_objects_land_like_files_and_a_quiet_night_fetches_nothing(world: World, s3: Any) -> None:
    put(s3, "daily/raw/usage/2026/a.jsonl", "x\n")
    put(s3, "daily/raw/aws_marketplace/productfeed_v1/year=2026/month=03/data.csv", "product_id,title\np1,one\n")
    put(s3, "daily/raw/usage/", "")
    put(s3, "elsewhere/usage/b.jsonl", "y\n")
    assert night(world).registered == 2
    assert set(world.statuses().values()) == {"loaded"}
    assert world.query("select title from raw_marketplace.productfeed") == [("one",)]
    mirrored = world.home / "landing" / BUCKET / "daily%2Fraw" / "usage/2026/a.jsonl"
    inode = mirrored.stat().st_ino
    again = night(world)
    assert (again.batch, again.files) == (None, 2)
    assert mirrored.stat().st_ino == inode


def test_a_changed_object_is_fetched_again(world: World, s3: Any) -> None:
    key = "daily/raw/aws_marketplace/productfeed_v1/year=2026/month=03/data.csv"
    put(s3, key, "product_id,title\np1,one\n")
    night(world)
    put(s3, key, "product_id,title\np1,two\n")
    assert night(world).registered == 1
    assert world.query("select title from raw_marketplace.productfeed order by all") == [("one",), ("two",)]


def test_an_object_that_is_gone_is_noted(world: World, s3: Any) -> None:
    put(s3, "daily/raw/usage/2026/a.jsonl", "x\n")
    put(s3, "daily/raw/usage/b.jsonl", "y\n")
    night(world)
    s3.delete_object(Bucket=BUCKET, Key="daily/raw/usage/2026/a.jsonl")
    assert night(world).facts == 1
    assert world.statuses() == {"usage/2026/a.jsonl": "vanished", "usage/b.jsonl": "loaded"}


def test_an_object_lost_from_the_mirror_is_fetched_again(world: World, s3: Any) -> None:
    put(s3, "daily/raw/usage/a.jsonl", "x\n")
    night(world)
    (world.home / "landing" / BUCKET / "daily%2Fraw" / "usage/a.jsonl").unlink()
    assert night(world).batch is None


@pytest.mark.parametrize(
    "key",
    [
        "usage/../../../outside.jsonl",
        "/etc/outside.jsonl",
        "usage//outside.jsonl",
        "usage/./outside.jsonl",
        "usage/a\tb.jsonl",
        "usage/..\\outside.jsonl",
        "usage/%2e%2e%2foutside.jsonl",
        "usage/" + "a" * 300,
    ],
)
def test_a_key_that_is_no_path_is_refused_and_on_the_register(world: World, s3: Any, key: str, tmp_path: Path) -> None:
    put(s3, f"daily/raw/{key}", "x\n")
    put(s3, "daily/raw/usage/good.jsonl", "y\n")
    found = night(world)
    assert (found.registered, found.refused) == (1, 1)
    seal = world.home / "seal"
    files = [path for path in tmp_path.rglob("*.jsonl") if path.is_file() and seal not in path.parents]
    assert files == [world.home / "landing" / BUCKET / "daily%2Fraw" / "usage/good.jsonl"]
    ((path, _, code, reason),) = world.quarantine()
    assert "/" not in path
    assert (code, reason in kinds.REFUSALS) == ("container", True)
    assert night(world).batch is None


def test_an_object_named_like_a_folder_keeps_no_other_from_landing(world: World, s3: Any) -> None:
    put(s3, "daily/raw/usage", "x\n")
    put(s3, "daily/raw/usage/a.jsonl", "y\n")
    assert night(world).refused == 1
    s3.delete_object(Bucket=BUCKET, Key="daily/raw/usage")
    night(world)
    assert world.statuses()["usage/a.jsonl"] == "loaded"


def test_the_whole_bucket_may_be_the_zone(world: World, s3: Any) -> None:
    put(s3, "usage/a.jsonl", "x\n")
    assert night(world, settings(world, f"s3://{BUCKET}")).registered == 1
    assert [path for path, *_ in state(RemoteZone.of(f"s3://{BUCKET}/"))] == ["usage/a.jsonl"]


@pytest.mark.parametrize("url", ["s3://", "s3://no_such_bucket!", f"s3://{BUCKET}-missing/x", f"s3://{BUCKET}/.."])
def test_a_bucket_that_cannot_be_read_is_named(world: World, s3: Any, url: str) -> None:
    with pytest.raises(NoBucket):
        night(world, settings(world, url))
