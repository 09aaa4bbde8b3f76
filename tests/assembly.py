"""Feeds deliveries to an assembler as `telemetry.pipeline` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.joined_lines import LineJoiner
from extension.telemetry.reading.records import read_record
from tests.platform_events import JsonEvent, delivery


def assemble(
    into: Assembler,
    deliveries: Iterable[Sequence[JsonEvent]],
    *,
    concurrent: bool = False,
    together: bool = True,
) -> list[Finished]:
    """Feed deliveries one after the other and return all that they finish.

    Lines that follow one another are fed `together`, or one by one.
    """
    finished: list[Finished] = []
    joiner = LineJoiner(concurrent=concurrent)
    for events in deliveries:
        batch = parse(delivery(*events))
        assert batch.bad == 0
        finished += _take(into, joiner.feed(batch.events), together=together)
    return finished + _take(into, joiner.flush(), together=together)


def _take(into: Assembler, events: Iterable[Event], *, together: bool) -> list[Finished]:
    finished: list[Finished] = []
    for is_line, run in groupby(events, key=lambda event: isinstance(event, LogLine)):
        if not is_line:
            finished += [each for event in run for each in into.feed(event)]
            continue
        records = [read_record(line, knows=into.requests.find) for line in run]  # type: ignore[arg-type]
        if together:
            finished += into.feed_records(records)
        else:
            finished += [each for record in records for each in into.feed_record(record)]
    return finished
