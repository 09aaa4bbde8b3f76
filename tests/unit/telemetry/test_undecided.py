"""What waits for a verdict: given away by trace, and by weight where room is needed."""

from __future__ import annotations

from extension.telemetry.assembly.undecided import SdkPart, Undecided, Waiting


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
    for size, trace_id in ((600, 1), (600, 1), (1_000, 2)):
        undecided.add(trace_id, part(size, trace_id=trace_id))
    assert [undecided.pop_oldest()[0] for _ in range(3)] == [1, 2, 1]
