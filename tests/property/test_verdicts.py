"""However the platform cuts its deliveries, what they tell of each invocation is the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.telemetry.assembly.finished import Finished, Invocation
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.verdict import judge
from extension.telemetry.reading.deliveries import Deliveries
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.joined_lines import LineJoiner
from extension.telemetry.reading.records import read_record
from tests import platform_events as given
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent
from tests.runtimes.cases import CASES, REQUEST, Case
from tests.scripted.deliveries import delivery, split_delivery

SEVERAL = [case for case in CASES if "line by line" in case.log_format]
"""A record in several lines is where a cut between two events may matter."""

EXPLAINED = [
    case
    for case in CASES
    if case.platform_error not in ("", case.error_type) and REQUEST in str(case.lines[0])
]
"""The platform says that these failed, and a line that names its request says of what."""

SHORTEST_CUT = 8
"""Characters of a line that is cut."""


def told(cases: Sequence[Case], *, concurrent: bool = False, late: bool = False) -> list[JsonEvent]:
    """Return the events of some invocations, one after the other.

    On Managed Instances lines may be `late`: behind the report of the same moment.
    """
    events: list[JsonEvent] = []
    for number, case in enumerate(cases):
        request, at = f"{REQUEST[:-1]}{number}", 10.0 * number
        failed = {"errorType": case.platform_error} if case.platform_error else {}
        lines = [given.line(_of_request(line, request), at + 1.5) for line in case.lines]
        told_by = {"requestId": request, "status": case.status, **failed}
        events.append(given.start(request, at + 1))
        if concurrent:
            end = given.platform("report", at + 1.5, **told_by)
            events += [end, *lines] if late else [*lines, end]
        else:
            done = given.done(request, at + 2, status=case.status, **failed)
            events += [*lines, done, given.platform("report", at + 2.1, **told_by)]
    return events


def _of_request(line: Any, request: str) -> Any:
    if isinstance(line, str):
        return line.replace(REQUEST, request)
    return {**line, "requestId": request} if "requestId" in line else line


def read(bodies: Sequence[bytes], *, concurrent: bool = False) -> list[tuple[Any, ...]]:
    """Return what became of each invocation."""
    deliveries, joiner = Deliveries(), LineJoiner(concurrent=concurrent)
    into = Assembler(ids=SequentialIds(), concurrent=concurrent)
    finished: list[Finished] = []
    for body in bodies:
        batch = deliveries.read(body, received_ns=given.ns(0))
        assert batch.bad == 0
        finished += _feed(into, joiner.feed(batch.events))
    finished += _feed(into, joiner.flush())
    invocations = [each for each in finished if isinstance(each, Invocation)]
    return [(each.request_id, judge(each), each.error and each.error.error) for each in invocations]


def _feed(into: Assembler, events: Sequence[Event]) -> list[Finished]:
    finished: list[Finished] = []
    for each in events:
        if isinstance(each, LogLine):
            finished += into.feed_record(read_record(each, knows=into.requests.find))
        else:
            finished += into.feed(each)
    return finished


def cut(events: Sequence[JsonEvent], places: Sequence[int], shares: Sequence[float]) -> list[bytes]:
    """Return the events in several deliveries; a share cuts the first line of its delivery."""
    borders = [0, *sorted(each for each in set(places) if each < len(events)), len(events)]
    pieces = [list(events[a:b]) for a, b in pairwise(borders) if a < b]
    bodies: list[bytes] = []
    for number, piece in enumerate(pieces):
        share = shares[number % len(shares)] if shares else 0.0
        longest = max(piece, key=_length)
        if not share or _length(longest) < SHORTEST_CUT:
            bodies.append(delivery(piece))
            continue
        at = piece.index(longest)
        bodies += split_delivery(piece[:at], longest, piece[at + 1 :], at=share)
    return bodies


def _length(event: JsonEvent) -> int:
    return len(str(event["record"])) if event["type"] == "function" else 0


PLACES = st.lists(st.integers(1, 12) | st.integers(1, 40), max_size=8)
SHARES = st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9]), max_size=4)


@drawn(
    cases=st.lists(st.sampled_from(CASES) | st.sampled_from(SEVERAL), min_size=1, max_size=3),
    places=PLACES,
    shares=SHARES,
)
def test_cuts(cases: list[Case], places: list[int], shares: list[float]) -> None:
    """Between events or within a line."""
    events = told(cases)
    whole = read([delivery(events)])
    assert len(whole) == len(cases)
    assert read(cut(events, places, shares)) == whole


@drawn(
    cases=st.lists(st.sampled_from(EXPLAINED) | st.sampled_from(CASES), min_size=1, max_size=3),
    places=PLACES,
    shares=SHARES,
    late=st.booleans(),
)
def test_cuts_on_managed_instances(
    cases: list[Case], places: list[int], shares: list[float], late: bool
) -> None:
    """Even where lines stand behind the report of the same moment."""
    whole = read([delivery(told(cases, concurrent=True))], concurrent=True)
    assert len(whole) == len(cases)
    events = told(cases, concurrent=True, late=late)
    assert read(cut(events, places, shares), concurrent=True) == whole
