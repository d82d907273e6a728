"""A file's kind and whether it may be read at all are told by its path."""

import pytest

from billing_assets.landing import kinds


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("contracts/a.json", "contracts"),
        ("contracts/2026/a.json.gz", "contracts"),
        ("provisioning/p.csv", "provisioning"),
        ("fx/rates.csv.gz", "fx"),
        ("usage/2026/03/a.jsonl", "usage"),
        ("usage/a.json.gz", "usage"),
        ("usage/a.CSV", "usage"),
        ("usage/a.parquet", "usage"),
        ("usage/a.jsonl.manifest.json", "manifest"),
        ("contracts/a.json.manifest.json", "manifest"),
        ("usage/notes.txt", "unknown"),
        ("usage/.jsonl", "unknown"),
        ("contracts/a.csv", "unknown"),
        ("readme.md", "unknown"),
        ("contracts", "unknown"),
        ("elsewhere/a.json", "unknown"),
        ("salesforce/Account.csv", "salesforce"),
        ("aws_marketplace/agreementfeed_v1/year=2026/month=03/data.csv", "aws_marketplace"),
        ("aws_marketplace/agreementfeed_v1/year=2026/month=03/data.csv.manifest.json", "manifest"),
        ("aws_marketplace/agreementfeed_v1/year=2026/month=03/copy.csv", "unknown"),
        ("aws_marketplace/agreement_details/2026.csv", "aws_marketplace_report"),
        ("bank/s.xml", "bank"),
        ("metronome/i.manifest.json", "metronome"),
    ],
)
def test_kind_follows_folder_and_suffix(path: str, source: str) -> None:
    assert kinds.kind_of(path).source == source


@pytest.mark.parametrize(
    "path",
    ["usage/..\\secret.jsonl", "usage/%2e%2e%2fsecret.jsonl", "usage/a\nb.jsonl", "usage/\udcff.jsonl", "../a.json"],
)
def test_a_name_that_spells_a_way_out_is_refused(path: str) -> None:
    assert kinds.refusal(path) in kinds.REFUSALS


@pytest.mark.parametrize("path", ["usage/a..b.jsonl", "usage/100%.csv", "usage/é ü.json", "usage/...jsonl"])
def test_an_odd_but_harmless_name_is_read(path: str) -> None:
    assert kinds.refusal(path) is None


def test_a_refusal_is_known_by_the_hash_of_its_reason() -> None:
    for reason in kinds.REFUSALS:
        assert kinds.refusal_reason(kinds.refusal_hash(reason)) == reason
