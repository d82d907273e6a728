"""JSON is read without floats, without repeated names and without anything outside the standard."""

from decimal import Decimal

import pytest

from billing_assets.landing.strict_json import JsonNumber, NotJson, canonical, canonical_hash, loads


def test_a_number_keeps_every_digit_it_was_written_with() -> None:
    value = loads('{"a": 0.1234567890123456789, "b": 1e400, "c": "1"}')
    assert value == {"a": "0.1234567890123456789", "b": "1e400", "c": "1"}
    assert isinstance(value["a"], JsonNumber)
    assert not isinstance(value["c"], JsonNumber)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1', "not JSON"),
        ("", "not JSON"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_says_why(text: str, part: str) -> None:
    with pytest.raises(NotJson, match=part):
        loads(text)


def test_canonical_text_does_not_depend_on_order_or_layout() -> None:
    one = loads('{"b": [1, {"y": null, "x": true}], "a": "é"}')
    other = loads('{ "a":"é",\n "b":[1,{"x":true,"y":null}] }')
    assert canonical(one) == '{"a":"é","b":[1,{"x":true,"y":null}]}'
    assert canonical_hash(one) == canonical_hash(other)
    assert canonical({"n": Decimal("1.50")}) == '{"n":"1.5"}'


def test_a_float_has_no_canonical_text() -> None:
    with pytest.raises(TypeError):
        canonical(1.5)
