"""Records as columns are the records themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extension.telemetry.assembly.held_records import PartSize, in_parts, sizes_of
from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.records import Record, size
from tests.property.test_log_records import RECORDS

LISTS = st.lists(RECORDS, max_size=6)


@given(LISTS, LISTS, st.integers(-8, 8) | st.none(), st.integers(-8, 8) | st.none())
def test_columns_are_a_sequence_like_any_other(
    records: list[Record], more: list[Record], begin: int | None, end: int | None
) -> None:
    """Of the same length, items, parts, ends and order."""
    columns = in_columns(records)
    assert columns == records
    assert len(columns) == len(records)
    assert [columns[at] for at in range(-len(records), len(records))] == records * 2
    assert columns[begin:end] == records[begin:end]
    assert [*reversed(columns)] == records[::-1]
    columns.extend(in_columns(more))
    assert columns == [*records, *more]


@given(LISTS, st.sets(st.integers(0, 5)))
def test_what_is_left_out_changes_nothing_else(records: list[Record], refused: set[int]) -> None:
    """The others keep their order, and what a record has besides its columns."""
    kept = [record for at, record in enumerate(records) if at not in refused]
    assert in_columns(records).without(refused) == kept


@given(LISTS, st.data())
def test_some_places_have_their_records(records: list[Record], data: st.DataObject) -> None:
    """In the order of the places."""
    places = data.draw(st.lists(st.sampled_from(range(len(records))))) if records else []
    assert in_columns(records).at(places) == [records[at] for at in places]


@given(LISTS, RECORDS, st.integers(0, 5))
def test_a_record_takes_the_place_of_another(
    records: list[Record], record: Record, at: int
) -> None:
    """Nothing is left of the one before, and a copy does not change."""
    columns = in_columns(records)
    copy = columns[:]
    if at < len(records):
        columns.put(at, record)
        assert columns == [*records[:at], record, *records[at + 1 :]]
    assert copy == records


@given(LISTS, st.integers(1, 4), st.integers(0, 2000))
def test_parts_are_as_large_as_they_may_be(records: list[Record], lines: int, most: int) -> None:
    """Each is within lines and bytes unless it is one line, and the next would not fit."""
    parts = in_parts(records, PartSize(lines, most))
    assert [record for part in parts for record in part] == records
    assert sizes_of(in_columns(records)) == [*map(size, records)]
    for part, after in zip(parts, [*parts[1:], Columns()], strict=True):
        held = sum(map(size, part))
        assert len(part) <= lines
        assert held <= most or len(part) == 1
        if after:
            assert len(part) == lines or held + size(after[0]) > most


def test_columns_equal_nothing_that_is_no_sequence() -> None:
    """To compare them is no error."""
    assert in_columns([]) == []
    assert in_columns([]) != 5
    assert in_columns([]) != {1}
