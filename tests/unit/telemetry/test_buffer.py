"""The buffer: bounded, oldest first out, every loss counted."""

from __future__ import annotations

from collections import Counter

from extension.telemetry.export.buffer import Buffer, Entry
from extension.telemetry.export.outgoing import Outgoing, Signal


def names(batch: list[Entry]) -> list[str]:
    """Return the items of a batch."""
    return [entry.outgoing.item for entry in batch]


def items(buffer: Buffer) -> list[str]:
    """Return all spans that wait."""
    return names(buffer.batch("traces", max_bytes=1_000_000))


def add(buffer: Buffer, name: str, *, size: int, signal: Signal = "traces") -> None:
    """Add an item."""
    buffer.add(Outgoing(signal=signal, item=name, size=size))


def test_first_in_first_out() -> None:
    """A batch holds the oldest entries, as many as fit."""
    buffer = Buffer(max_bytes=100, dropped=Counter())
    for name in "abcd":
        add(buffer, name, size=10)
    assert names(buffer.batch("traces", max_bytes=25)) == ["a", "b"]


def test_a_batch_holds_at_least_one() -> None:
    """An entry larger than a batch goes out alone rather than never."""
    buffer = Buffer(max_bytes=100, dropped=Counter())
    add(buffer, "big", size=80)
    assert names(buffer.batch("traces", max_bytes=10)) == ["big"]


def test_what_is_sent_stays_until_acknowledged() -> None:
    """A batch that was not acknowledged comes again."""
    buffer = Buffer(max_bytes=100, dropped=Counter())
    add(buffer, "a", size=10)
    batch = buffer.batch("traces", max_bytes=100)
    assert items(buffer) == ["a"]
    buffer.forget(batch)
    assert items(buffer) == []
    assert buffer.size == 0


def test_bytes_are_bounded_by_dropping_the_oldest() -> None:
    """When it is full the oldest goes, and is counted."""
    dropped: Counter[str] = Counter()
    buffer = Buffer(max_bytes=30, dropped=dropped)
    for name in "abcd":
        add(buffer, name, size=10)
    assert items(buffer) == ["b", "c", "d"]
    assert dropped == {"buffer_full": 1}


def test_items_are_bounded() -> None:
    """Many tiny items are bounded by number."""
    buffer = Buffer(max_bytes=1000, max_items=2, dropped=Counter())
    for name in "abc":
        add(buffer, name, size=1)
    assert items(buffer) == ["b", "c"]


def test_an_item_larger_than_the_buffer_drops_itself_alone() -> None:
    """It would cost all the others and still not fit."""
    dropped: Counter[str] = Counter()
    buffer = Buffer(max_bytes=30, dropped=dropped)
    add(buffer, "a", size=10)
    add(buffer, "huge", size=31)
    assert items(buffer) == ["a"]
    assert dropped == {"too_large": 1}


def test_entries_dropped_while_under_way_are_forgotten_once() -> None:
    """An acknowledgement for what was dropped meanwhile leaves the newer entries alone."""
    buffer = Buffer(max_bytes=20, dropped=Counter())
    add(buffer, "a", size=10)
    batch = buffer.batch("traces", max_bytes=100)
    add(buffer, "b", size=10)
    add(buffer, "c", size=10)
    buffer.forget(batch)
    assert items(buffer) == ["b", "c"]


def test_signals_are_kept_apart() -> None:
    """A batch holds one signal; the signals are known in the order of their oldest entries."""
    buffer = Buffer(max_bytes=100, dropped=Counter())
    add(buffer, "line", size=10, signal="logs")
    add(buffer, "span", size=10)
    add(buffer, "line 2", size=10, signal="logs")
    assert buffer.signals == ("logs", "traces")
    assert names(buffer.batch("logs", max_bytes=100)) == ["line", "line 2"]
    buffer.forget(buffer.batch("logs", max_bytes=100))
    assert list(buffer.signals) == ["traces"]


def test_fullness_is_that_of_the_nearer_bound() -> None:
    """Fullness looks at bytes and at items."""
    buffer = Buffer(max_bytes=100, max_items=4, dropped=Counter())
    add(buffer, "a", size=10)
    assert buffer.fullness == 0.25
    add(buffer, "b", size=70)
    assert buffer.fullness == 0.8
