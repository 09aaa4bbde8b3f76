"""What waits for a verdict: given away by trace, and by weight where room is needed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251  # repeatable from a seed, which os.urandom is not

import pytest

from extension.process.frozen import replace
from extension.telemetry.assembly.undecided import (
    ITEM_BYTES,
    Item,
    SdkPart,
    Undecided,
    Waiting,
    is_detail,
    number_of,
    tracestate_of,
)
from extension.telemetry.reading.records import size
from tests.sampler_stage import LINE, details, invocation, joined, late, spans


def part(size: int, trace_id: int) -> Waiting:
    """Return something of a trace."""
    return Waiting(SdkPart(signal="traces", body=b"x" * size, count=1, trace_id=trace_id), since=0)


def test_room_is_made_in_the_trace_of_which_most_waits_now() -> None:
    """What was given away of a trace does not count against it any more."""
    undecided = Undecided()
    first, second = [part(900, trace_id=1) for _ in range(2)]
    for waiting in (first, second):
        undecided.add(1, waiting)
    undecided.add(2, part(1_000, trace_id=2))
    assert undecided.take(1, is_wanted=lambda each: each is first) == [first]
    assert undecided.pop_oldest()[0] == 2
    assert undecided.pop_oldest() == (1, second.item)
    assert undecided.bytes == 0
    assert not undecided.traces


def test_a_trace_that_made_room_is_not_always_the_next_to_do_so() -> None:
    """The oldest of the larger one goes, and then the other is the larger one."""
    undecided = Undecided()
    for length, trace_id in ((600, 1), (600, 1), (1_000, 2)):
        undecided.add(trace_id, part(length, trace_id=trace_id))
    assert [undecided.pop_oldest()[0] for _ in range(3)] == [1, 2, 1]


def test_the_trace_of_which_most_waits_makes_room_whatever_came_and_left() -> None:
    """What a trace had once, or what has left, does not count."""
    draw = Random(1)
    undecided = Undecided()
    waiting: dict[int, list[Waiting]] = {}
    for step in range(3_000):
        trace_id = draw.randrange(1, 12)
        if draw.random() < 0.6:
            each = part(draw.choice([0, 50, 700]), trace_id=trace_id)
            undecided.add(trace_id, each)
            waiting.setdefault(trace_id, []).append(each)
        elif draw.random() < 0.3:
            taken = undecided.take(trace_id, is_wanted=lambda each: each.bytes > ITEM_BYTES)
            left = [each for each in waiting.pop(trace_id, []) if each not in taken]
            waiting |= {trace_id: left} if left else {}
        elif waiting:
            largest = max(sum(each.bytes for each in of) for of in waiting.values())
            found, item = undecided.pop_oldest()
            of = waiting[found]
            assert sum(each.bytes for each in of) == largest, step
            assert item is of.pop(0).item
            waiting = {trace_id: of for trace_id, of in waiting.items() if of}
        assert undecided.traces == waiting.keys()
        assert undecided.bytes == sum(each.bytes for of in waiting.values() for each in of)


class Size(int):
    """A size that counts how often one is compared, and how many there are."""

    looks = 0
    alive = 0

    def __new__(cls, value: int) -> Size:
        """Return one more."""
        Size.alive += 1
        return super().__new__(cls, value)

    def __del__(self) -> None:
        Size.alive -= 1

    def __radd__(self, other: int) -> Size:
        return Size(int(self) + int(other))

    def __sub__(self, other: int) -> Size:
        return Size(int(self) - int(other))

    def __neg__(self) -> Size:
        return Size(-int(self))

    def __lt__(self, other: int) -> bool:
        Size.looks += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Size.looks += 1
        return int(self) > int(other)


def weighed(size: int, *, trace_id: int) -> Waiting:
    """Return something of a trace that has a size which is watched."""
    waiting = part(0, trace_id=trace_id)
    waiting.bytes = Size(size)
    return waiting


def test_room_is_made_without_a_look_at_every_trace() -> None:
    """A burst of many traces asks for it with each item, on the loop that answers the platform."""
    undecided = Undecided()
    for trace_id in range(1, 4_001):
        undecided.add(trace_id, weighed(trace_id, trace_id=trace_id))
    before = Size.looks
    for trace_id in range(4_001, 4_101):
        undecided.add(trace_id, weighed(trace_id, trace_id=trace_id))
        undecided.pop_oldest()
    assert 0 < Size.looks - before < 100 * 100


def test_nothing_is_remembered_of_traces_that_have_left() -> None:
    """They come and go as long as the sandbox lives, and seldom has one to make room."""
    undecided = Undecided()
    before = Size.alive
    for trace_id in range(1, 10_001):
        undecided.add(trace_id, weighed(1_000, trace_id=trace_id))
        undecided.take(trace_id)
    assert Size.alive - before < 200


@pytest.mark.parametrize(
    ("item", "takes", "number"),
    [
        (spans(body=b"12345", count=3), 5, 3),
        (joined(), 5, 1),
        (late(), size(LINE), 1),
        (invocation(records=(LINE, LINE)), 2 * size(LINE), 2),
        (replace(joined(), records=(LINE,)), 5 + size(LINE), 1),
    ],
)
def test_what_waits_takes_its_bytes_and_a_little_more(item: Item, takes: int, number: int) -> None:
    """And is lost as so many spans or records."""
    assert Waiting(item, since=0).bytes == 256 + takes
    assert number_of(item) == number


def test_what_waits_is_known_by_its_kind() -> None:
    """Only parts of the SDK are details, or have a tracestate of their own."""
    assert [is_detail(each) for each in (details(), spans(), late())] == [True, False, False]
    assert [tracestate_of(each) for each in (spans(state="a=1"), late())] == ["a=1", ""]


def test_spans_of_the_sdk_wait_as_long_as_they_are_not_given_away() -> None:
    """Of their trace alone."""
    undecided = Undecided()
    undecided.add(1, Waiting(details(1), since=0))
    assert not undecided.has_sdk(1)
    undecided.add(1, Waiting(spans(1), since=0))
    assert (undecided.has_sdk(1), undecided.has_sdk(2)) == (True, False)
    wanted: Callable[[Waiting], bool] = lambda each: not is_detail(each.item)  # noqa: E731
    assert [each.item for each in undecided.take(1, is_wanted=wanted)] == [spans(1)]
    assert not undecided.has_sdk(1)
    assert undecided.bytes == ITEM_BYTES + 1
