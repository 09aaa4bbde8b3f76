"""Feeds deliveries to an assembler as `telemetry.pipeline` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.joined_lines import LineJoiner
from extension.telemetry.reading.records import read_record
from tests.platform_events import JsonEvent, delivery


def assemble(
    into: Assembler, deliveries: Iterable[Sequence[JsonEvent]], *, concurrent: bool = False
) -> list[Finished]:
    """Feed deliveries one after the other and return all that they finish."""
    finished: list[Finished] = []
    joiner = LineJoiner(concurrent=concurrent)
    for events in deliveries:
        batch = parse(delivery(*events))
        assert batch.bad == 0
        finished += _take(into, joiner.feed(batch.events))
    return finished + _take(into, joiner.flush())


def _take(into: Assembler, events: Iterable[Event]) -> list[Finished]:
    finished: list[Finished] = []
    for event in events:
        if isinstance(event, LogLine):
            finished += into.feed_record(read_record(event, knows=into.requests.find))
        else:
            finished += into.feed(event)
    return finished
