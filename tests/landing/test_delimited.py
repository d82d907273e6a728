"""Delimited text: every record comes out, good or at fault, with the physical line it starts on."""

import pytest

from billing_assets.landing.delimited import MissingColumns, Record, read_text
from billing_assets.landing.quarantine import Fault


def outcome(text: str) -> list[tuple[int, dict[str, str] | str]]:
    return [(line, item.code if isinstance(item, Fault) else dict(item)) for line, item in read_text(text, ["a", "b"])]


def test_records_are_read_by_header_name_with_their_line() -> None:
    assert outcome("b,a\r\n1,2\r\n3,4\r\n") == [(2, {"b": "1", "a": "2"}), (3, {"b": "3", "a": "4"})]


def test_a_record_over_several_lines_counts_physical_lines() -> None:
    assert outcome('a,b\n"x\ny",1\n2,3\n') == [(2, {"a": "x\ny", "b": "1"}), (4, {"a": "2", "b": "3"})]


def test_blank_lines_are_no_records_and_keep_their_number() -> None:
    assert outcome("\na,b\n\n1,2\n\n") == [(4, {"a": "1", "b": "2"})]


def test_ragged_rows_are_at_fault_and_their_neighbours_are_not() -> None:
    assert outcome("a,b\n1\n1,2\n1,2,3\n4,5") == [
        (2, "csv"),
        (3, {"a": "1", "b": "2"}),
        (4, "csv"),
        (5, {"a": "4", "b": "5"}),
    ]


def test_a_quote_never_closed_costs_one_line_only() -> None:
    assert outcome('a,b\n1,"2\n3,4\n5,6\n') == [
        (2, "csv"),
        (3, {"a": "3", "b": "4"}),
        (4, {"a": "5", "b": "6"}),
    ]


def test_text_behind_a_closing_quote_is_at_fault() -> None:
    assert outcome('a,b\n"1"x,2\n3,4\n') == [(2, "csv"), (3, {"a": "3", "b": "4"})]


def test_a_nul_byte_is_at_fault_and_shown() -> None:
    [(line, fault)] = read_text("a,b\n1,\0\n")
    assert isinstance(fault, Fault)
    assert (line, fault.code, fault.original) == (2, "csv", "1,\\0")


def test_a_record_keeps_its_text() -> None:
    [(_, record)] = read_text('a,b\n"1,1",2\r\n')
    assert isinstance(record, Record)
    assert record.original == '"1,1",2'


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "no header"), ("\n\n", "no header"), ("a,c\n1,2\n", "missing column b"), ("a,b,a\n", "a stands twice")],
)
def test_a_header_that_cannot_serve_is_a_fault_of_the_file(text: str, part: str) -> None:
    with pytest.raises(MissingColumns, match=part):
        list(read_text(text, ["a", "b"]))
