"""The sample is what it says: real token counts in their order, sound files but for the planted ones."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from billing_assets.landing.contracts import Contract, parse
from billing_assets.simulation.traces import read_traces
from tests.simulation.trees import events, is_whole, lines, readable

Planted = dict[str, dict[str, str]]


def usage_files(sample: Path) -> list[Path]:
    return sorted(p for p in (sample / "landing" / "usage").rglob("*") if p.is_file() and ".manifest" not in p.name)


def set_aside(sample: Path, planted: Planted) -> set[Path]:
    return {sample / "landing" / planted[fault]["path"] for fault in ("S02", "S03", "S04")}


def when(event: dict[str, Any]) -> datetime:
    value = event["event_time"]
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def test_token_counts_and_their_order_are_the_traces(sample: Path, planted: Planted) -> None:
    """Every request that landed carries the counts of its place in the trace; time never overtakes the trace."""
    trace = read_traces()
    assert len(trace) == 28_185
    lost = sample / "landing" / planted["S01"]["path"]
    seen: dict[int, datetime] = {}
    by_meter: dict[str, set[int]] = defaultdict(set)
    for path in usage_files(sample):
        if path in set_aside(sample, planted):
            continue
        for event in events(path):
            request, _, kind = event["event_id"][1:].partition("-")
            if not event["event_id"].startswith("r") or kind not in ("i", "o"):
                continue
            k, meter = int(request), event["event_type"]
            expected = trace[k % len(trace)]
            tokens = expected.input_tokens if kind == "i" else expected.output_tokens
            if k in by_meter[meter]:
                continue  # a repeat, or a planted conflict
            assert Decimal(event["quantity"]) == tokens, event
            by_meter[meter].add(k)
            seen[k] = when(event)
    assert not lost.exists()
    times = [seen[k] for k in sorted(seen)]
    assert all(earlier <= later for earlier, later in pairwise(times))
    # All but the four files that were lost or set aside; 112,740 events are the trace twice.
    assert 0.94 < len(seen) / (2 * len(trace)) < 1
    assert by_meter["tokens.input"] == by_meter["tokens.output"]


def test_contracts_are_all_valid(sample: Path) -> None:
    for path in sorted((sample / "landing" / "contracts").glob("*.json")):
        assert isinstance(parse(path.read_text(encoding="utf-8"), 1), Contract), path.name


def test_sample_covers_what_it_promises(sample: Path) -> None:
    documents = [json.loads(p.read_bytes()) for p in (sample / "landing" / "contracts").glob("*.json")]
    assert len({d["account"]["account_id"] for d in documents if d["channel"] == "direct"}) == 41
    assert len({d["account"]["account_id"] for d in documents}) == 64
    assert {d["selling_entity"] for d in documents} == {"US01", "EU01"}
    assert {d["currency"] for d in documents} == {"USD", "EUR", "JPY"}
    charges = [c for d in documents for c in d["charges"]]
    assert {c["price"]["model"] for c in charges} == {"unit", "flat", "graduated", "volume", "package", "matrix"}
    assert {c["timing"] for c in charges if c["type"] == "recurring"} == {"advance", "arrears"}
    assert {c["kind"] for d in documents for c in d["commitments"]} == {"minimum_spend", "prepaid"}
    assert {g["kind"] for d in documents for g in d["credit_grants"]} == {"promotional"}
    zones = {d["timezone"] for d in documents}
    assert {"UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Asia/Kolkata"} <= zones
    assert any("filter" in c for c in charges)
    assert any("group_by" in c for c in charges)
    suffixes = {"".join(p.suffixes[-2:]) if p.suffix == ".gz" else p.suffix for p in usage_files(sample)}
    assert suffixes == {".jsonl.gz", ".csv.gz", ".parquet"}


def test_every_line_is_sound_but_the_planted_ones(sample: Path, planted: Planted) -> None:
    bad = {(row["path"], row["line"]) for row in planted.values() if row["quarantine_code"] in ("json", "csv")}
    found = set()
    for path in usage_files(sample):
        if path.name.endswith(".parquet") or path in set_aside(sample, planted):
            continue
        name = path.relative_to(sample / "landing").as_posix()
        for number, line in enumerate(lines(path), start=1):
            if ".jsonl" in path.name:
                try:
                    assert json.loads(line)["specversion"] == "1.0"
                except json.JSONDecodeError:
                    found.add((name, str(number)))
            elif line.split(",", 1)[0] == "x-ragged":
                found.add((name, str(number)))
    assert found == bad


def test_manifests_agree_but_the_planted_ones(sample: Path, planted: Planted) -> None:
    disagreeing = set()
    for path in usage_files(sample):
        name = path.relative_to(sample / "landing").as_posix()
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_bytes())
        agrees = manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        if name != planted["S02"]["path"] and name != planted["S04"]["path"]:
            if path.name.endswith(".parquet"):
                agrees &= manifest["records"] == len(list(events(path)))
            else:
                agrees &= manifest["records"] == len(lines(path)) - (".csv" in path.name)
            if "quantity" in manifest:
                rows = list(events(path))
                agrees &= Decimal(manifest["quantity"]) == sum(Decimal(row["quantity"]) for row in rows)
                times = [when(row).astimezone(UTC) for row in rows]
                agrees &= datetime.fromisoformat(manifest["min_time"]) == min(times)
                agrees &= datetime.fromisoformat(manifest["max_time"]) == max(times)
        if not agrees:
            disagreeing.add(name)
    assert disagreeing == {planted["S02"]["path"], planted["S03"]["path"]}


def test_sequences_have_the_planted_gap_only(sample: Path, planted: Planted) -> None:
    numbers: dict[str, set[int]] = defaultdict(set)
    for path in (sample / "landing" / "usage").rglob("*.manifest.json"):
        manifest = json.loads(path.read_bytes())
        numbers[manifest["producer"]].add(manifest["sequence"])
    assert set(numbers) == {"gateway-us", "gateway-eu", "gateway-aws"}
    gaps = {producer: set(range(1, max(seen) + 1)) - seen for producer, seen in numbers.items()}
    assert {producer: len(gap) for producer, gap in gaps.items()} == {
        "gateway-aws": 0,
        "gateway-eu": 0,
        "gateway-us": 1,
    }
    assert not (sample / "landing" / planted["S01"]["path"]).exists()


def test_planted_rows_are_where_the_truth_says(sample: Path, planted: Planted) -> None:
    for fault_id, row in planted.items():
        if fault_id[0] != "R":
            continue
        text = lines(sample / "landing" / row["path"])[int(row["line"]) - 1]
        assert row["event_id"] in text, fault_id
    landing = sample / "landing"
    number = {
        fault: lines(landing / row["path"])[int(row["line"]) - 1] for fault, row in planted.items() if row["line"]
    }
    for fault_id, spoilt in (
        ("R01", '"quantity":"NaN"'),
        ("R02", "1.0000000000001"),
        ("R03", '"client":{'),
        ("R04", '"time":"2026-04-22T'),
        ("R05", 'T13:00:00"'),
        ("R08", '"quantity":-250'),
        ("R10", ",1_000,"),
        ("R11", "1e400"),
        ("R14", "images.generated"),
        ("D05", '"quantity":"NaN"'),
    ):
        assert spoilt in number[fault_id], fault_id
    assert '"quantity"' not in number["R09"]


def test_planted_files_are_faulty_as_the_truth_says(sample: Path, planted: Planted) -> None:
    landing = sample / "landing"
    assert not is_whole(landing / planted["S02"]["path"])
    garbled = readable(landing / planted["S04"]["path"])
    assert "eu-zürich".encode("latin-1") in garbled
    assert "eu-zürich".encode() not in garbled


def test_conflicts_share_the_key_and_differ(sample: Path, planted: Planted) -> None:
    for fault_id in ("R12", "R13"):
        row = planted[fault_id]
        with_key = [
            event
            for path in usage_files(sample)
            if "gateway-us/2026-01" in path.as_posix()
            for event in events(path)
            if event["event_id"] == row["event_id"]
        ]
        assert len(with_key) == 2
        assert (with_key[0]["quantity"] != with_key[1]["quantity"]) == (fault_id == "R12")
        assert (when(with_key[0]).date() != when(with_key[1]).date()) == (fault_id == "R13")


def test_small_row_faults_stay_below_the_quarantine_share_and_one_account_passes_it(
    sample: Path, planted: Planted
) -> None:
    rows: Counter[tuple[str, str]] = Counter()
    for path in usage_files(sample):
        if path in set_aside(sample, planted):
            continue
        for event in events(path):
            rows[f"A-{event['account_id'].split('-')[1]}", event["event_time"].isoformat()[:7]
                 if isinstance(event["event_time"], datetime) else event["event_time"][:7]] += 1  # fmt: skip
    closed = {(row["period"], row["selling_entity"]) for row in planted.values() if row["blocks"] == "scope"}
    faulty: Counter[tuple[str, str]] = Counter()
    for fault_id, row in planted.items():
        scope = row["period"], row["selling_entity"]
        if fault_id[0] == "R" and scope not in closed and row["period"] < "2026-04" and row["account_id"]:
            faulty[row["account_id"], row["period"]] += 2 if fault_id == "R14" else 1
    assert faulty
    for key, count in faulty.items():
        assert Decimal(count) / rows[key] < Decimal("0.001"), key
    share = Decimal(12) / rows[planted["D05"]["account_id"], planted["D05"]["period"]]
    assert share > Decimal("0.001")


def test_planted_money_follows_from_the_landed_rows(sample: Path, planted: Planted) -> None:
    """D01 and D03 again, from the files: distinct keys of the account's local month, times price."""
    used: Counter[tuple[str, str]] = Counter()
    keys = set()
    for path in usage_files(sample):
        if "gateway-us" not in path.as_posix() or path in set_aside(sample, planted):
            continue
        for event in events(path):
            if event["account_id"].startswith("org-1035") and event["event_id"] not in keys:
                keys.add(event["event_id"])
                if when(event).astimezone(UTC).strftime("%Y-%m") == "2026-03":
                    used["D03", event["event_type"]] += int(event["quantity"])
    amount = sum(
        (Decimal(used["D03", meter]) * price / 1_000_000).quantize(Decimal("0.01"))
        for meter, price in (("tokens.input", 300), ("tokens.output", 1200))
    )
    assert str(amount) == planted["D03"]["amount"]


def test_two_scopes_at_least_are_clean_and_named(sample: Path, planted: Planted) -> None:
    clean = (sample / "truth" / "clean_scopes.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert clean == ["2026-01,US01,direct", "2026-01,EU01,direct"]
    closed = {(row["period"], row["selling_entity"]) for row in planted.values() if row["blocks"] == "scope"}
    assert closed == {("2026-02", "US01"), ("2026-03", "EU01")}


def test_a_few_percent_are_repeated_and_one_percent_is_late(sample: Path, planted: Planted) -> None:
    received = late = 0
    keys = set()
    for path in usage_files(sample):
        if path in set_aside(sample, planted) or ".copy" in path.name or "gateway-aws" in path.name:
            continue  # nothing that AWS is told of comes late, but for one planted day
        day = path.name.split(".")[0][-10:]
        for event in events(path):
            received += 1
            is_new = (event["source"], event["event_id"]) not in keys
            keys.add((event["source"], event["event_id"]))
            stamp = event["event_time"]
            local = (stamp if isinstance(stamp, str) else stamp.isoformat())[:10]
            late += is_new and (datetime.fromisoformat(day) - datetime.fromisoformat(local)).days >= 2
    assert 0.01 < 1 - len(keys) / received < 0.04
    assert 0.007 < late / len(keys) < 0.013
