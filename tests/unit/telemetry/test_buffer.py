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


def test_what_fits_to_the_byte_fits() -> None:
    """Into the buffer, and into a batch, in which a comma is behind each body."""
    dropped: Counter[str] = Counter()
    buffer = Buffer(max_bytes=2 * TEN, dropped=dropped)
    for name in "ab":
        add(buffer, name)
    assert names(buffer.batch("traces", max_bytes=22)) == ["a", "b"]
    assert names(buffer.batch("traces", max_bytes=21)) == ["a"]
    assert buffer.fullness == 1.0
    add(buffer, "c", size=10 + TEN)
    assert (waiting(buffer), dropped) == (["c"], {"buffer_full": 2})
    add(buffer, "d", size=11 + TEN)
    assert (waiting(buffer), dropped) == (["c"], {"buffer_full": 2, "too_large": 1})


def test_what_was_dropped_of_a_batch_is_known() -> None:
    """How many items, and which."""
    buffer = Buffer(max_bytes=2 * TEN, dropped=Counter())
    add(buffer, "a", count=3)
    add(buffer, "b", count=5)
    batch = buffer.batch("traces", max_bytes=100)
    assert buffer.missing(batch) == []
    add(buffer, "c", signal="logs")
    assert [item.body[:1] for item in buffer.missing(batch)] == [b"a"]
    assert buffer.forget(batch) == 3
    assert [item.body[:1] for item in buffer.missing(batch)] == [b"a", b"b"]
    assert buffer.forget(batch) == 8
    assert (buffer.count, buffer.size, buffer.signals) == (1, TEN, ("logs",))


def test_entries_have_their_places_in_the_order_of_arrival() -> None:
    """Across signals, and whatever was dropped or was too large."""
    buffer = Buffer(max_bytes=2 * TEN, dropped=Counter())
    signals: list[Signal] = ["traces", "logs", "traces"]
    for name, signal in zip("abc", signals, strict=True):
        add(buffer, name, signal=signal)
    add(buffer, "d", size=3 * TEN)
    assert buffer.next_number == 3
    assert buffer.signals == ("logs", "traces")
    assert [entry.number for entry in buffer.batch("traces", max_bytes=100)] == [2]


class Halves:
    """A back end that takes one item at once, in requests of two."""

    def fit(self, item: PendingItem) -> list[PendingItem]:
        """Cut an item in two."""
        half = len(item.body) // 2
        bodies = (item.body[:half], item.body[half:])
        return [PendingItem(signal=item.signal, body=body) for body in bodies]

    def load(self, signal: Signal) -> Halves | None:
        """Return a request that takes two, for spans only."""
        self.taken = 0
        return self if signal == "traces" else None

    def takes(self, item: PendingItem) -> bool:
        """Take two."""
        del item
        self.taken += 1
        return self.taken <= 2


def test_items_and_batches_fit_what_a_back_end_takes() -> None:
    """Items when they come in, batches when they are made."""
    buffer = Buffer(max_bytes=10 * TEN, dropped=Counter(), fitting=Halves())
    signals: list[Signal] = ["traces", "logs"]
    for signal in signals:
        buffer.extend([PendingItem(signal=signal, body=body) for body in (b"abcd", b"efgh")])
    batches = [buffer.batch(signal, max_bytes=100) for signal in buffer.signals]
    assert [[entry.item.body for entry in batch] for batch in batches] == [
        [b"ab", b"cd"],
        [b"ab", b"cd", b"ef", b"gh"],
    ]


def test_what_is_lost_may_be_taken_by_another() -> None:
    """Then it is not counted here."""
    dropped: Counter[str] = Counter()
    lost: list[tuple[int, str]] = []
    buffer = Buffer(
        max_bytes=TEN,
        dropped=dropped,
        on_dropped=lambda items, reason: lost.append((len(items), reason)),
    )
    for size in (10, 10, 2 * TEN):
        add(buffer, "a", size=size)
    assert lost == [(1, "buffer_full"), (1, "too_large")]
    assert dropped == {}
