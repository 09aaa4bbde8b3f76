"""Deliveries that are read as columns say what each of their events says by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.redaction.redactor import Redactor
from extension.telemetry.health import Health
from extension.telemetry.raw import WRITER, RawEncoder
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.event_columns import Events, in_events
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.joined_lines import LineJoiner
from tests import platform_events as given

NOW_NS = given.ns(99)
SECRET = 'pa55 "word"'

TEXTS = st.sampled_from([
    "paid\n", "", "\t", "\tat a.B\n", "\t... 3 more\n", "Caused by: a.B: c\n", "Cash\n", "{", "{\n",
    '  "errorMessage": "x",\n', "}\n", "a.B: c\n", '{"n": 1}\n', "ä\u2028\x01\x7f\\\"/\r\n", SECRET,
])  # fmt: skip
RECORDS = st.one_of(
    TEXTS,
    TEXTS,
    st.builds(lambda text: {"level": "INFO", "message": text}, TEXTS),
    st.sampled_from([None, 7, 1.5, True, [], [1, "x"], {}, {"message": 1}, {"n": 1e300}]),
)
TIMES = st.sampled_from(
    [given.iso(1), given.iso(1), given.iso(1.001), given.iso(3), "noon", "", None, 5, SECRET]
)
ODD = st.sampled_from([
    7, "text", None, [], {}, {"type": 7}, {"type": ["x"]}, {"type": "function"}, [1, 2, 3],
    {"time": given.iso(1), "type": "function"}, {"time": given.iso(1), "record": "x", "more": 1},
    {"time": given.iso(1), "type": "function", "record": "x", "more": 1},
    {"time": given.iso(1), "type": "platform.start", "record": {}},
])  # fmt: skip
PLATFORM = st.sampled_from([
    given.start("a", 1), given.done("a", 2), given.report("a", 2), given.report("b", 1),
    given.platform("wonder", 1),
])  # fmt: skip
LINES = st.builds(
    lambda stream, time, record: {"time": time, "type": stream, "record": record},
    st.sampled_from(["function", "function", "function", "extension"]), TIMES, RECORDS,
)  # fmt: skip
USUAL = st.builds(given.line, TEXTS, st.sampled_from([1, 1.001]))
EVENTS = st.lists(st.one_of(USUAL, USUAL, USUAL, LINES, PLATFORM, ODD), max_size=12)


def parsed(*events: Any) -> Events:
    """Return the readable events of one delivery."""
    return parse(json.dumps(events).encode(), received_ns=NOW_NS).events


@drawn(events=EVENTS)
@example(events=[given.line("a\n", 1), {"time": "noon", "type": "function", "record": [1]}])
def test_a_delivery_says_what_its_events_say_alone(events: list[Any]) -> None:
    """Whatever else is in it: an event of another kind, one that is none, a record of any type."""
    alone = [event for each in events for event in parsed(each)]
    assert parsed(*events) == alone
    assert parse(json.dumps(events).encode(), received_ns=NOW_NS).bad == len(events) - len(alone)


@drawn(events=EVENTS)
def test_lines_that_are_only_counted_hide_no_other_event(events: list[Any]) -> None:
    """Without them the other events are the same, and so is the number of unreadable ones."""
    body = json.dumps(events).encode()
    whole = parse(body, received_ns=NOW_NS)
    counted = parse(body, received_ns=NOW_NS, reads_lines=False)
    assert counted.events.without_lines() == [
        each for each in whole.events if not isinstance(each, LogLine)
    ]
    assert (len(counted.events), counted.bad) == (len(whole.events), whole.bad)


@drawn(events=EVENTS, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_columns_are_the_events_however_they_are_cut(events: list[Any], cuts: list[int]) -> None:
    """Cut into parts and put together, and as the runs that are handed on."""
    whole = parsed(*events)
    listed = [*whole]
    places = [0, *sorted(min(cut, len(listed)) for cut in cuts), len(listed)]
    together = Events()
    for begin, end in pairwise(places):
        assert whole[begin:end] == listed[begin:end]
        together.extend(whole[begin:end])
    assert together == in_events(listed) == whole
    handed_on: list[Event] = []
    for run in whole.runs():
        handed_on += run if isinstance(run, Events) else [run]
    assert handed_on == listed


@pytest.mark.parametrize("concurrent", [False, True])
@drawn(deliveries=st.lists(EVENTS, max_size=3))
def test_lines_are_joined_the_same_wherever_deliveries_end(
    deliveries: Sequence[list[Any]], *, concurrent: bool
) -> None:
    """What is decided in columns is what is decided event by event, in the same order."""
    joiner, one_by_one = LineJoiner(concurrent=concurrent), LineJoiner(concurrent=concurrent)
    got: list[Event] = []
    expected: list[Event] = []
    for events in deliveries:
        got += joiner.feed(parsed(*events))
        for event in parsed(*events):
            expected += one_by_one.feed([event])
    assert [*got, *joiner.flush()] == [*expected, *one_by_one.flush()]


@drawn(events=EVENTS, knows=st.booleans())
@example(events=[{"time": SECRET, "type": "function", "record": "paid\n"}], knows=True)
def test_events_leave_as_json_as_each_would_by_itself(events: list[Any], *, knows: bool) -> None:
    """Byte for byte, but for the secrets, and less our own lines."""
    redactor, health = Redactor(), Health()
    if knows:
        redactor.learn("key", SECRET)
    together = RawEncoder(redactor, health=health).encode_events(events)
    alone = [
        item.body
        for each in events
        for item in RawEncoder(redactor, health=Health()).encode_events([each])
    ]
    assert b",".join(item.body for item in together) == b",".join(alone)
    if not knows:
        assert alone == [WRITER.encode(each).encode() for each in events]
    else:
        assert json.dumps(SECRET)[1:-1].encode() not in b"".join(alone)
    assert sum(item.count for item in together) == len(events)
