"""New ids."""

from __future__ import annotations

from extension.process.clock import NS_PER_S
from extension.process.ids import EpochIds, RandomIds
from tests.doubles import ManualClock


def test_a_trace_begins_with_the_time() -> None:
    """X-Ray's own ids do; all that follows is random."""
    clock = ManualClock()
    ids = EpochIds(RandomIds(), clock)
    first, second = ids.trace_id(), ids.trace_id()
    assert first >> 96 == second >> 96 == clock.wall_ns // NS_PER_S
    assert first != second
    assert first.bit_length() <= 128
    assert ids.span_id() != ids.span_id()
