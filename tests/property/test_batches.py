"""However the platform cuts, repeats or interleaves its deliveries, the spans are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.telemetry.assembly.finished import Finished, Invocation, LooseRecords, Overhead
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.invocations import Assembler
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent

Stream = list[JsonEvent]


def run(deliveries: Iterable[Sequence[JsonEvent]], *, concurrent: bool = False) -> list[Finished]:
    """Assemble deliveries one after the other, end the sandbox, return everything finished."""
    into = Assembler(ids=SequentialIds(), concurrent=concurrent)
    finished = assemble(into, deliveries, concurrent=concurrent)
    return finished + into.end(reason="spindown", now_ns=given.ns(10_000))


def without_drawn_ids(finished: Iterable[Finished]) -> Counter[tuple[object, ...]]:
    """Describe what is finished without the ids that depend on the order of drawing them."""
    return Counter(
        (type(each).__name__, getattr(each, "request_id", ""), getattr(each, "start_ns", 0),
         getattr(each, "end_ns", 0), getattr(each, "status", ""),
         tuple(sorted(record.body for record in each.records)))
        for each in finished
    )  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> Stream:
    """Draw the events of one sandbox's life, in the order in which the platform emits them."""
    events = [*given.init(0, 1), given.line("of init", 0.5)]
    now = 2.0
    reports: Stream = []
    for number in range(draw(st.integers(1, 5))):
        request_id = f"request-{number}"
        events.append(given.start(request_id, now, traced=draw(st.booleans())))
        events += [
            given.line(f"{number}.{index}", now + 0.1 * index + 0.1)
            for index in range(draw(st.integers(0, 3)))
        ]
        now += draw(st.sampled_from([0.5, 1, 3]))
        if draw(st.integers(0, 9)):  # the last of a crashed sandbox may be missing
            events.append(given.done(request_id, now, status=draw(st.sampled_from(
                ["success", "timeout", "error"]))))  # fmt: skip
            reports.append(given.report(request_id, now + 0.05, billedDurationMs=1))
        now += draw(st.sampled_from([0.2, 30]))
        if draw(st.booleans()) and reports:
            events.append(reports.pop(0))
    return events + reports


def cut(data: st.DataObject, events: Stream) -> list[Stream]:
    """Cut events into deliveries anywhere."""
    places = sorted(data.draw(st.sets(st.integers(0, len(events)))))
    return [events[a:b] for a, b in zip([0, *places], [*places, len(events)], strict=True)]


@drawn(st.data())
def test_any_cut_into_batches_gives_the_same(data: st.DataObject) -> None:
    """Where a delivery ends changes nothing, not even an id."""
    events = data.draw(lives())
    assert run(cut(data, events)) == run([events])


JAVA = ["no stock: shop.OutOfStock\n", "shop.OutOfStock: no stock\n", "\tat shop.f(H.java:1)\n",
        "Caused by: java.io.IOException: x\n", "\tat java.base/x\n", "\t... 5 more\n"]  # fmt: skip
RUBY = ["{\n", '  "errorMessage": "no stock",\n', '  "errorType": "Function<OutOfStock>",\n',
        '  "stackTrace": [\n', '    "a:1"\n', "  ]\n", "}\n"]  # fmt: skip
BROKEN: list[list[Any]] = [
    ["paid\n"],
    ["{\n"],
    ["\tat x\n"],
    RUBY[:4],
    JAVA[:1],
    [{"message": "an object"}],
]


@st.composite
def line_by_line(draw: st.DrawFn) -> Stream:
    """Draw an invocation whose runtime writes each line of its reports as a record of its own."""
    written = st.lists(st.sampled_from([JAVA, RUBY, JAVA[1:], *BROKEN]), max_size=6)
    lines = [given.line(text, 1.5) for each in draw(written) for text in each]
    return [given.start("r", 1), *lines, given.done("r", 2), given.report("r", 2.1)]


@drawn(st.data())
def test_any_cut_of_what_is_written_line_by_line_gives_the_same(data: st.DataObject) -> None:
    """A stack trace that goes on in the next delivery is one record all the same."""
    events = data.draw(line_by_line())
    assert run(cut(data, events)) == run([events])


@pytest.mark.parametrize("report", [JAVA, RUBY], ids=["Java", "Ruby"])
@drawn(data=st.data())
def test_an_error_is_seen_whole_wherever_it_is_cut(report: list[str], data: st.DataObject) -> None:
    """One record with the whole stack, and a span that says of what it failed."""
    lines = [given.line(text, 1.5) for text in ["before\n", *report]]
    events = [given.start("r", 1), *lines, given.done("r", 2)]
    [invocation] = [each for each in run(cut(data, events)) if isinstance(each, Invocation)]
    assert [record.body for record in invocation.records][:1] == ["before"]
    assert len(invocation.records) == 2
    assert invocation.error is not None
    assert invocation.error.error.type.endswith("OutOfStock")


@drawn(st.data())
def test_any_cut_on_managed_instances_gives_the_same(data: st.DataObject) -> None:
    """A line of the moment of a report belongs before it, in whichever delivery it is."""
    events: Stream = []
    for number in range(data.draw(st.integers(1, 3))):
        request_id = f"{number:08d}-1111-4111-8111-111111111111"
        late = [given.line({"requestId": request_id, "message": f"{n}"}, 9)
                for n in range(data.draw(st.integers(0, 3)))]  # fmt: skip
        events += [given.start(request_id, 1), given.report(request_id, 9, durationMs=1), *late]
    assert run(cut(data, events), concurrent=True) == run([events], concurrent=True)


@drawn(st.data())
def test_any_repetition_of_platform_events_gives_the_same(data: st.DataObject) -> None:
    """A platform event that comes again, any time later, changes nothing, not even an id."""
    events = data.draw(lives())
    repeated = list(events)
    for index in data.draw(st.lists(st.integers(0, len(events) - 1), max_size=8)):
        if events[index]["type"] != "function":
            place = data.draw(st.integers(repeated.index(events[index]) + 1, len(repeated)))
            repeated.insert(place, events[index])
    assert run([repeated]) == run([events])


@drawn(lives())
def test_every_invocation_ends_exactly_once(events: Stream) -> None:
    """Each start has one span, whatever came after it; no line is lost or doubled."""
    finished = run([events])
    starts = [e["record"]["requestId"] for e in events if e["type"] == "platform.start"]
    ended = [each.request_id for each in finished if isinstance(each, Invocation)]
    assert sorted(ended) == sorted(starts)
    lines = Counter(e["record"] for e in events if e["type"] == "function")
    assert Counter(record.body for each in finished for record in each.records) == lines


@drawn(lives())
def test_children_lie_in_the_trace_of_their_invocation(events: Stream) -> None:
    """Overhead and late lines hang under the span they belong to."""
    finished = run([events])
    contexts = {each.request_id: each.context for each in finished if isinstance(each, Invocation)}
    for each in finished:
        if isinstance(each, Overhead | LooseRecords) and each.context:
            assert each.context == contexts[each.request_id]
        if isinstance(each, Initialization | Invocation | Overhead):
            assert each.start_ns <= each.end_ns


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[Stream, Stream]:
    """Draw requests of a Managed Instance, one after the other and in some interleaving."""
    requests: list[Stream] = []
    for number in range(draw(st.integers(1, 5))):
        request_id = f"{number:08d}-1111-4111-8111-111111111111"
        lines = [
            given.line({"requestId": request_id, "message": f"{number}.{index}"}, 5)
            for index in range(draw(st.integers(0, 3)))
        ]
        end = given.report(request_id, 9, durationMs=1000 * (number + 1))
        requests.append([given.start(request_id, number), *lines, end])
    serial = [event for request in requests for event in request]
    order = draw(st.permutations([n for n, request in enumerate(requests) for _ in request]))
    rest = [iter(request) for request in requests]
    return serial, [next(rest[number]) for number in order]


@drawn(interleaved())
def test_any_interleaving_of_requests_gives_the_same(streams: tuple[Stream, Stream]) -> None:
    """On Managed Instances the requests' events mix, each in its own order."""
    serial, mixed = streams
    one = without_drawn_ids(run([serial], concurrent=True))
    assert without_drawn_ids(run([mixed], concurrent=True)) == one
