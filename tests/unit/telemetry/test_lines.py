"""Whose a line is, and where it waits."""

from __future__ import annotations

import pytest

from extension.telemetry.assembly.finished import Finished, Invocation
from extension.telemetry.assembly.held_records import MAX_BYTES_TOGETHER, PartSize
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.reading.events import Report, RuntimeDone, Start
from extension.telemetry.reading.records import Record
from tests.doubles import SequentialIds

Told = list[tuple[str, str]]


class Stage:
    """An assembler that is told lines with the time at which the platform took them."""

    def __init__(
        self, *, streams: bool = False, with_platform: bool = True, part: PartSize | None = None
    ) -> None:
        self.assembler = Assembler(
            ids=SequentialIds(),
            stream_records=streams,
            with_platform=with_platform,
            part=part or PartSize(),
        )

    def start(self, request_id: str, at_ns: int) -> Told:
        """Begin a request."""
        return told(self.assembler.feed(Start(time_ns=at_ns, request_id=request_id)))

    def done(self, request_id: str, at_ns: int) -> Told:
        """End it."""
        done = RuntimeDone(time_ns=at_ns, request_id=request_id, status="success")
        return told(self.assembler.feed(done))

    def report(self, request_id: str, at_ns: int) -> Told:
        """Report it."""
        report = Report(time_ns=at_ns, request_id=request_id, status="success")
        return told(self.assembler.feed(report))

    def lines(self, *lines: tuple[str, int], together: bool = True, of: str = "") -> Told:
        """Write lines, together or one by one."""
        records = [
            Record(time_ns=at, observed_ns=at, stream="function", body=body, request_id=of)
            for body, at in lines
        ]
        if together:
            return told(self.assembler.feed_records(records))
        return told([out for each in records for out in self.assembler.feed_record(each)])


def told(finished: list[Finished]) -> Told:
    """Return kinds, with the request of what travels alone, and lines."""
    return [
        (
            type(each).__name__[0] + getattr(each, "request_id", ""),
            "".join(record.body for record in each.records),
        )
        for each in finished
        if each.records or isinstance(each, Invocation)
    ]


@pytest.mark.parametrize("together", [True, False])
def test_a_line_is_that_of_the_request_that_ran(*, together: bool) -> None:
    """By its time; several at once may be those of two requests."""
    stage = Stage()
    stage.start("a", 10)
    assert stage.lines(("1", 11), ("2", 12), together=together) == []
    assert stage.done("a", 20) == [("Ia", "12")]
    stage.report("a", 21)
    stage.start("b", 30)
    assert stage.lines(("x", 15), ("y", 31), together=together) == [("La", "x")]
    assert stage.lines(("z", 32), ("w", 16), together=together) == [("La", "w")]
    assert stage.done("b", 40) == [("Ib", "yz")]


@pytest.mark.parametrize("together", [True, False])
def test_a_line_is_that_of_the_request_that_it_names(*, together: bool) -> None:
    """If that is one of ours; whenever it was written."""
    stage = Stage()
    stage.start("a", 10)
    stage.start("b", 20)
    assert stage.lines(("1", 25), ("2", 26), together=together, of="a") == []
    assert stage.lines(("3", 25), together=together, of="of an API") == []
    assert [each for each in stage.done("b", 30) if each[0] == "Ib"] == [("Ib", "3")]


@pytest.mark.parametrize("streams", [True, False])
def test_lines_of_several_requests_are_told_apart(*, streams: bool) -> None:
    """Together as one by one: each in the order of its request, and none that is refused."""
    ids = ["a", "b", "", "a", "c", "b", "of an API", "a"] * 3
    records = [
        Record(time_ns=at, observed_ns=at, stream="function", body=str(at), request_id=request_id)
        for at, request_id in enumerate(ids, start=2)
    ]
    refused = {3, 8}
    by_request: list[dict[str, str]] = []
    for together in (True, False):
        stage = Stage(streams=streams)
        outs = [*stage.start("a", 0), *stage.start("b", 1), *stage.start("c", 12)]
        if together:
            outs += told(stage.assembler.feed_records(records, refused=refused))
        else:
            for at, record in enumerate(records):
                outs += told(
                    stage.assembler.feed_records([record], refused={0} if at in refused else ())
                )
        for request_id in "abc":
            outs += [*stage.done(request_id, 40), *stage.report(request_id, 41)]
        lines = dict.fromkeys([each[1:] for each, _ in outs], "")
        for each, text in outs:
            lines[each[1:]] += text
        by_request.append(lines)
    assert by_request[0] == by_request[1]
    assert "".join(sorted("".join(by_request[0].values()))) == "".join(
        sorted("".join(record.body for at, record in enumerate(records) if at not in refused))
    )


@pytest.mark.parametrize("together", [True, False])
def test_a_line_that_names_no_request_of_ours_takes_no_other_with_it(*, together: bool) -> None:
    """What names an earlier request is of that one, beside lines of the request that runs."""
    stage = Stage()
    stage.start("a", 1)
    stage.done("a", 2)
    stage.start("b", 3)
    records = [
        Record(time_ns=4, observed_ns=4, stream="function", body=body, request_id=request_id)
        for body, request_id in [("of a", "a"), ("of b", "of an API")]
    ]
    if together:
        stage.assembler.feed_records(records)
    else:
        for each in records:
            stage.assembler.feed_record(each)
    assert stage.report("a", 5) == [("Oa", "of a")]
    assert stage.done("b", 6) == [("Ib", "of b")]


@pytest.mark.parametrize("together", [True, False])
def test_a_line_before_its_start_is_given_back(*, together: bool) -> None:
    """It went to the request before, until the later one was heard of."""
    stage = Stage()
    stage.start("a", 10)
    stage.done("a", 20)
    assert stage.lines(("in time", 20), ("late", 21), ("early", 30), together=together) == [
        ("La", "in time")
    ]
    assert stage.start("b", 30) == []
    assert stage.report("a", 22) == [("Oa", "late")]
    assert stage.done("b", 40) == [("Ib", "early")]


def test_a_line_that_is_given_back_tells_of_its_request() -> None:
    """As any line does."""
    stage = Stage()
    stage.start("a", 10)
    stage.done("a", 20)
    killed = "RequestId: b Error: Runtime exited with error: signal: killed"
    stage.lines((killed, 31))
    stage.start("b", 30)
    before, later = stage.assembler.requests.find("a"), stage.assembler.requests.find("b")
    assert before is not None
    assert later is not None
    plain = Stage()
    plain.start("b", 30)
    plain.lines((killed, 31))
    same = plain.assembler.requests.find("b")
    assert same is not None
    assert later.out_of_memory == same.out_of_memory


@pytest.mark.parametrize("together", [True, False])
def test_lines_that_leave_at_once_leave_alone(*, together: bool) -> None:
    """Those after the end wait: they may be the next request's."""
    stage = Stage(streams=True)
    stage.start("a", 10)
    out = stage.lines(("1", 11), ("2", 12), together=together)
    assert "".join(body for _, body in out) == "12"
    assert stage.done("a", 20) == [("Ia", "")]
    assert stage.lines(("after", 21), together=together) == []
    assert stage.lines(("of it", 19), together=together) == [("La", "of it")]
    assert stage.report("a", 22) == [("Oa", "after")]


@pytest.mark.parametrize("together", [True, False])
def test_lines_after_the_report_leave_at_once(*, together: bool) -> None:
    """Nothing that could carry them is to come."""
    stage = Stage()
    stage.start("a", 10)
    stage.done("a", 20)
    stage.report("a", 21)
    out = stage.lines(("1", 19), ("2", 22), together=together)
    assert out == ([("La", "12")] if together else [("La", "1"), ("La", "2")])


@pytest.mark.parametrize("together", [True, False])
def test_lines_that_one_span_cannot_carry_leave_in_parts(*, together: bool) -> None:
    """The first goes out with the span, a further one when it is full."""
    stage = Stage(part=PartSize(lines=2))
    stage.start("a", 10)
    lines = [(body, 11 + at) for at, body in enumerate("1234567")]
    assert stage.lines(*lines, together=together) == [("La", "34"), ("La", "56")]
    assert stage.done("a", 20) == [("Ia", "12"), ("La", "7")]


@pytest.mark.parametrize("together", [True, False])
def test_where_others_hold_too_much_a_line_leaves_alone(*, together: bool) -> None:
    """And is not lost."""
    stage = Stage()
    stage.start("a", 10)
    stage.assembler.requests.budget.held_bytes = MAX_BYTES_TOGETHER
    assert stage.lines(("1", 11), together=together) == [("La", "1")]


def test_lines_before_the_first_request_are_those_of_the_init() -> None:
    """Where no event would tell of one, they leave alone."""
    assert Stage().lines(("1", 1)) == []
    assert Stage(with_platform=False).lines(("1", 1)) == [("L", "1")]


@pytest.mark.parametrize("state", ["running", "ended"])
def test_lines_that_are_refused_are_not_held(state: str) -> None:
    """In their places, whether they are fed together or, after an end, one by one."""
    stage = Stage()
    stage.start("a", 10)
    if state == "ended":
        stage.done("a", 20)
    records = [
        Record(time_ns=at, observed_ns=at, stream="function", body=body)
        for at, body in enumerate("xyz", start=11)
    ]
    out = told(stage.assembler.feed_records(records, refused=[1]))
    out += stage.done("a", 20)
    assert "".join(body for _, body in out) == "xz"


def test_what_is_told_first_of_a_request_counts() -> None:
    """A delivery may be repeated; an end of another time ends nothing again."""
    stage = Stage()
    for at_ns in (10, 10):
        stage.start("a", at_ns)
    found = stage.assembler.requests.find("a")
    assert found is not None
    for at_ns in (20, 88):
        stage.done("a", at_ns)
    for at_ns in (21, 77):
        stage.report("a", at_ns)
    events = found.start, found.done, found.report
    assert [each and each.time_ns for each in events] == [10, 20, 21]


def test_what_the_invoke_event_says_first_counts() -> None:
    """The ARN by which the function was called, whatever is told before or after it."""
    stage = Stage()
    stage.start("a", 10)
    for arn in ("", "arn:1", "arn:2"):
        stage.assembler.invoke("a", tracing=arn, invoked_arn=arn, now_ns=11)
    found = stage.assembler.requests.find("a")
    assert found is not None
    assert (found.invoked_arn, found.invoke_header) == ("arn:1", "arn:1")
