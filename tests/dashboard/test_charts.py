"""Charts are well-formed, named, to scale, and escape what they are told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from billing_assets.dashboard import charts, show
from tests.dashboard.world import PAYLOADS

AMOUNTS = st.decimals(min_value="-1e15", max_value="1e15", places=2)
SVG = "{http://www.w3.org/2000/svg}"


def parse(chart: str) -> etree._Element:
    return etree.fromstring(chart.encode())


def test_bars_are_to_scale() -> None:
    marks = [charts.Mark("a", Decimal(50), "50.00 USD"), charts.Mark("b", Decimal(100), "100.00 USD")]
    boxes = [float(box.get("height")) for box in parse(charts.bars(marks, "x")).iter("rect")]
    assert boxes[1] == pytest.approx(2 * boxes[0], abs=0.2)


def test_a_waterfall_floats_a_change_between_its_levels() -> None:
    chart = parse(
        charts.waterfall(
            [
                charts.Step("gross", Decimal(100), "100"),
                charts.Step("fee", Decimal(-25), "-25", is_change=True),
                charts.Step("net", Decimal(75), "75"),
            ],
            "x",
        )
    )
    gross, fee, net = ((float(b.get("y")), float(b.get("height"))) for b in chart.iter("rect"))
    assert fee[0] == pytest.approx(gross[0], abs=0.2), "the fee starts at the gross"
    assert fee[0] + fee[1] == pytest.approx(net[0], abs=0.2), "and ends at the net"


@given(st.lists(AMOUNTS, min_size=1, max_size=8))
def test_any_amounts_draw(values: list[Decimal]) -> None:
    marks = [charts.Mark(str(i), value, str(value)) for i, value in enumerate(values)]
    steps = [charts.Step(m.name, m.value or Decimal(0), m.words, is_change=i % 2 == 1) for i, m in enumerate(marks)]
    for chart in (
        charts.bars(marks, "x"),
        charts.line(marks, "x"),
        charts.spark(marks, "x"),
        charts.waterfall(steps, "x"),
    ):
        root = parse(chart)
        _, _, width, height = (float(n) for n in root.get("viewBox").split())
        for box in root.iter("rect"):
            assert 0 <= float(box.get("y")) <= height
            assert 0 <= float(box.get("x")) <= width


def test_a_period_without_a_value_leaves_a_gap_in_the_line() -> None:
    marks = [charts.Mark("1", Decimal(1), "1"), charts.Mark("2", None, "no data"), charts.Mark("3", Decimal(2), "2")]
    chart = parse(charts.line(marks, "x"))
    assert len(list(chart.iter("circle"))) == 2
    assert not [line for line in chart.iter("line") if line.get("class") == "line"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_are_escaped(payload: str) -> None:
    chart = charts.bars([charts.Mark(payload, Decimal(1), payload)], payload)
    assert "<script" not in chart
    assert "<img" not in chart
    assert payload in "".join(parse(chart).itertext())


def test_amounts_are_written_in_the_places_of_their_currency() -> None:
    assert show.money(Decimal("1234.5"), "USD") == "1,234.50"
    assert show.money(Decimal("1234.500000000000"), "JPY") == "1,235"
    assert show.money(Decimal("1.2345"), "KWD") == "1.235"
    assert show.money(Decimal("-0.005"), "USD") == "-0.01"
    assert show.money(Decimal("0.0004"), "USD") == "0.0004", "something is not shown as nothing"
    assert show.money(None, "USD") == ""
    assert show.number(Decimal("1000.500000000000")) == "1,000.5"


def test_a_word_has_one_tone_only() -> None:
    seen: set[str] = set()
    for words in show._TONES.values():
        assert not seen & words
        seen |= words
