"""Deliveries: each taken once, a record that was cut over two of them joined."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.telemetry.reading.deliveries import Deliveries
from extension.telemetry.reading.events import LogLine, RuntimeDone
from tests import platform_events as given
from tests.scripted.deliveries import delivery, split_delivery

NOW_NS = given.ns(99)


def test_the_same_bytes_are_taken_once() -> None:
    """The platform repeats a delivery when it got no answer; equal lines of another one stay."""
    deliveries = Deliveries()
    body = delivery([given.line("x", 1)])
    other = delivery([given.line("x", 1.001)])
    assert not deliveries.is_repeated(body)
    deliveries.taken(body)
    assert [deliveries.is_repeated(each) for each in (body, other)] == [True, False]


def test_what_is_not_taken_may_come_again() -> None:
    """To be asked for is not to be taken."""
    deliveries = Deliveries()
    assert not any(deliveries.is_repeated(b"a") for _ in range(2))


def test_only_the_last_deliveries_are_remembered() -> None:
    """Thirty-two: digests of all of them would grow for ever."""
    deliveries = Deliveries()
    for number in range(33):
        deliveries.taken(str(number).encode())
    assert deliveries.is_repeated(b"1") is True
    assert deliveries.is_repeated(b"0") is False


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@drawn(
    value=st.one_of(texts, st.dictionaries(texts, st.one_of(texts, st.integers()), min_size=1)),
    at=st.floats(0, 1),
)
def test_a_record_cut_anywhere_is_joined(value: object, at: float) -> None:
    """Wherever the cut falls, all events come out as if there were none."""
    events = [given.start("r", 1), given.event("function", 2, value), given.done("r", 3)]
    parts = split_delivery(events[:1], events[1], events[2:], at=at)
    deliveries = Deliveries()
    batches = [deliveries.read(part, received_ns=NOW_NS) for part in parts]
    whole = Deliveries().read(delivery(events), received_ns=NOW_NS)
    assert tuple(event for batch in batches for event in batch.events) == whole.events
    assert [batch.bad for batch in batches] == [0, 0]
    assert deliveries.waits_for_more is False


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_another_event_that_cannot_be_read_does_not_keep_parts_apart(at: float) -> None:
    """It is lost alone: neither the record that was cut nor the end behind it is."""
    value = {"message": 'a "long" line'}
    after = [{"time": 1}, given.done("r", 3)]
    parts = split_delivery([], given.event("function", 2, value), after, at=at)
    deliveries = Deliveries()
    first, second = (deliveries.read(part, received_ns=NOW_NS) for part in parts)
    assert (len(first.events), first.bad, second.bad) == (0, 0, 1)
    assert [type(event) for event in second.events] == [LogLine, RuntimeDone]


def test_the_events_of_the_first_part_do_not_wait() -> None:
    """A start in it is known at once."""
    first, _ = split_delivery([given.start("r", 1)], given.line("x" * 99, 2), [], at=0.5)
    deliveries = Deliveries()
    assert len(deliveries.read(first, received_ns=NOW_NS).events) == 1
    assert deliveries.waits_for_more is True


def test_a_first_part_without_a_second_is_counted() -> None:
    """Another delivery follows: it is whole, and the record is lost."""
    first, _ = split_delivery([], given.line("x" * 99, 2), [], at=0.5)
    deliveries = Deliveries()
    deliveries.read(first, received_ns=NOW_NS)
    batch = deliveries.read(delivery([given.done("r", 3)]), received_ns=NOW_NS)
    assert (batch.bad, len(batch.events)) == (1, 1)
    assert deliveries.end() == 0


def test_a_delivery_that_only_looks_like_a_second_part_is_read_by_itself() -> None:
    """It begins with a record of the same kind and time: joining would cost both."""
    first, _ = split_delivery([], given.line("x" * 99, 2), [], at=0.5)
    deliveries = Deliveries()
    deliveries.read(first, received_ns=NOW_NS)
    batch = deliveries.read(delivery([given.line("whole", 2)]), received_ns=NOW_NS)
    assert batch.bad == 1
    assert [event.record for event in batch.events if isinstance(event, LogLine)] == ["whole"]


def test_a_first_part_at_the_end_is_counted_once() -> None:
    """The sandbox ends before the second comes."""
    first, _ = split_delivery([], given.line("x" * 99, 2), [], at=0.5)
    deliveries = Deliveries()
    deliveries.read(first, received_ns=NOW_NS)
    assert (deliveries.end(), deliveries.end()) == (1, 0)


def test_an_event_without_a_readable_time_happened_when_it_was_received() -> None:
    """An end is an end, and a line is a line."""
    events = [{**given.done("r", 3), "time": "soon"}, {"type": "function", "record": "x"}]
    batch = Deliveries().read(json.dumps(events).encode(), received_ns=NOW_NS)
    done, line = batch.events
    assert isinstance(done, RuntimeDone)
    assert (done.time_ns, line.time_ns, batch.bad) == (NOW_NS, NOW_NS, 0)


def test_a_join_that_loses_events_is_none() -> None:
    """What follows the cut may turn what is a text into what is none."""
    envelope = f'{{"time":"{given.iso(2)}","type":"function","record":'
    first = f'[{envelope}"xxx}}]'.encode()
    done = json.dumps(given.done("r", 3))
    second = f'[{envelope}"whole"}},nope,{done}]'.encode()
    deliveries = Deliveries()
    deliveries.read(first, received_ns=NOW_NS)
    batch = deliveries.read(second, received_ns=NOW_NS)
    assert [type(event) for event in batch.events] == [LogLine, RuntimeDone]
    assert batch.bad == 2


def test_a_record_may_be_cut_twice() -> None:
    """Each part has the envelope of the first; what stands around it is read at once."""
    envelope = f'{{"time":"{given.iso(2)}","type":"function","record":'
    start, done = json.dumps(given.start("r", 1)), json.dumps(given.done("r", 3))
    parts = [
        f'[{start},{envelope}{{"message":"aaaa}}]',
        f"[{envelope}bbbb}}]",
        f'[{envelope}cccc"}}}},{done}]',
    ]
    deliveries = Deliveries()
    batches = [deliveries.read(part.encode(), received_ns=NOW_NS) for part in parts]
    assert [(len(batch.events), batch.bad) for batch in batches] == [(1, 0), (0, 0), (2, 0)]
    line = batches[-1].events[0]
    assert isinstance(line, LogLine)
    assert line.record == {"message": "aaaabbbbcccc"}
    assert deliveries.waits_for_more is False
