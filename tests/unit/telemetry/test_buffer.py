"""The buffer: bounded by bytes, oldest first out, every loss counted."""

from __future__ import annotations

from collections import Counter

from extension.telemetry.export.buffer import ENTRY_BYTES, Buffer, Entry, PendingItem, Signal

TEN = 10 + ENTRY_BYTES
"""What an entry with a body of ten bytes takes."""


def names(batch: list[Entry]) -> list[str]:
    """Return the entries of a batch by the first letter of their bodies."""
    return [entry.item.body[:1].decode() for entry in batch]


def waiting(buffer: Buffer) -> list[str]:
    """Return all spans that wait."""
    return names(buffer.batch("traces", max_bytes=1_000_000))


def add(
    buffer: Buffer, name: str, *, size: int = 10, signal: Signal = "traces", count: int = 1
) -> None:
    """Add a request of so many bytes."""
    buffer.add(PendingItem(signal=signal, body=name.encode().ljust(size), count=count))


def test_first_in_first_out() -> None:
    """A batch holds the oldest entries, as many as fit."""
    buffer = Buffer(max_bytes=4 * TEN, dropped=Counter())
    for name in "abcd":
        add(buffer, name)
    assert names(buffer.batch("traces", max_bytes=25)) == ["a", "b"]


def test_a_batch_holds_at_least_one() -> None:
    """An entry larger than a batch goes out alone rather than never."""
    buffer = Buffer(max_bytes=1000, dropped=Counter())
    add(buffer, "b", size=80)
    assert names(buffer.batch("traces", max_bytes=10)) == ["b"]


def test_a_batch_ends_where_a_flush_began() -> None:
    """What came in later is not part of it."""
    buffer = Buffer(max_bytes=4 * TEN, dropped=Counter())
    add(buffer, "a")
    before = buffer.next_number
    add(buffer, "b")
    assert names(buffer.batch("traces", max_bytes=1000, before=before)) == ["a"]
    buffer.forget(buffer.batch("traces", max_bytes=1000, before=before))
    assert buffer.batch("traces", max_bytes=1000, before=before) == []


def test_what_is_sent_stays_until_acknowledged() -> None:
    """A batch that was not acknowledged comes again."""
    buffer = Buffer(max_bytes=1000, dropped=Counter())
    add(buffer, "a")
    batch = buffer.batch("traces", max_bytes=100)
    assert waiting(buffer) == ["a"]
    buffer.forget(batch)
    assert waiting(buffer) == []
    assert (buffer.size, buffer.count) == (0, 0)


def test_bytes_are_bounded_by_dropping_the_oldest() -> None:
    """When it is full the oldest goes, whatever its signal, and each of its items is counted."""
    dropped: Counter[str] = Counter()
    buffer = Buffer(max_bytes=3 * TEN, dropped=dropped)
    add(buffer, "l", signal="logs", count=7)
    for name in "abc":
        add(buffer, name)
    assert waiting(buffer) == ["a", "b", "c"]
    assert dropped == {"buffer_full": 7}


def test_many_small_requests_are_bounded_by_what_they_take() -> None:
    """The bookkeeping of an entry counts, so a flood of empty ones is bounded like one of texts."""
    buffer = Buffer(max_bytes=2 * ENTRY_BYTES, dropped=Counter())
    for name in "abc":
        add(buffer, name, size=0)
    assert buffer.count <= 2


def test_a_request_larger_than_the_buffer_drops_itself_alone() -> None:
    """It would cost all the others and still not fit."""
    dropped: Counter[str] = Counter()
    buffer = Buffer(max_bytes=2 * TEN, dropped=dropped)
    add(buffer, "a")
    add(buffer, "h", size=2 * TEN, count=3)
    assert waiting(buffer) == ["a"]
    assert dropped == {"too_large": 3}


def test_entries_dropped_while_under_way_are_forgotten_once() -> None:
    """An acknowledgement for what was dropped meanwhile leaves the newer entries alone."""
    buffer = Buffer(max_bytes=2 * TEN, dropped=Counter())
    add(buffer, "a")
    batch = buffer.batch("traces", max_bytes=100)
    add(buffer, "b")
    add(buffer, "c")
    buffer.forget(batch)
    assert waiting(buffer) == ["b", "c"]
    assert buffer.size == 2 * TEN


def test_signals_are_kept_apart() -> None:
    """A batch holds one signal; the signals are known in the order of their oldest entries."""
    buffer = Buffer(max_bytes=10 * TEN, dropped=Counter())
    add(buffer, "l", signal="logs")
    add(buffer, "s")
    add(buffer, "m", signal="logs")
    assert buffer.signals == ("logs", "traces")
    assert names(buffer.batch("logs", max_bytes=100)) == ["l", "m"]
    buffer.forget(buffer.batch("logs", max_bytes=100))
    assert list(buffer.signals) == ["traces"]


def test_fullness_is_the_share_of_its_bytes() -> None:
    """Nothing else bounds it."""
    buffer = Buffer(max_bytes=4 * TEN, dropped=Counter())
    add(buffer, "a", count=1_000_000)
    assert buffer.fullness == 0.25
    assert buffer.count == 1_000_000
