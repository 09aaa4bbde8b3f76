"""Records that a runtime wrote line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from extension.telemetry.reading.events import Event, InitStart, LogLine, Report, RuntimeDone
from extension.telemetry.reading.joined_lines import (
    LineJoiner,
)
from extension.telemetry.reading.records import read_record
from tests.platform_events import ns


def lines(*texts: Any, apart_s: float = 0.0) -> list[Event]:
    """Return one event for each line."""
    return [
        LogLine(time_ns=ns(index * apart_s), stream="function", record=text)
        for index, text in enumerate(texts)
    ]


def in_order(events: Sequence[Event], *, concurrent: bool = False) -> list[Event]:
    """Return the events of one delivery that nothing follows, with split records joined."""
    joiner = LineJoiner(concurrent=concurrent)
    return [*joiner.feed(events), *joiner.flush()]


def texts(events: Any) -> list[Any]:
    """Return what stands in each event."""
    return [event.record for event in events]


JAVA = [
    "no stock: shop.OutOfStock\n", "shop.OutOfStock: no stock\n", "\tat shop.Handler.f(H.java:1)\n",
    "Caused by: java.io.IOException: x\n", "\tat java.base/x\n", "\t... 5 more\n",
]  # fmt: skip


def test_a_stack_trace_of_java_is_one_record() -> None:
    """With the line before it, which ends with the exception's type: the runtime's report."""
    joined = in_order(lines("before\n", *JAVA, "after\n"))
    assert texts(joined) == ["before\n", "".join(JAVA), "after\n"]
    record = read_record(joined[1])  # type: ignore[arg-type]
    assert record.error is not None
    assert (record.error.type, record.evidence) == ("shop.OutOfStock", "shape")


def wrapped(text: str, *, request_id: str = "r") -> dict[str, str]:
    """Return what the platform makes of a line that is printed, where logs are JSON."""
    return {
        "timestamp": "2026-01-01T12:00:00.000Z",
        "level": "INFO",
        "message": text.rstrip("\n"),
        "requestId": request_id,
    }


def test_a_stack_trace_is_one_record_where_the_platform_wraps_each_line() -> None:
    """The first line's time and request are the record's."""
    before, after = wrapped("paid"), wrapped("after")
    joined = in_order(lines(before, *map(wrapped, JAVA[1:]), after))
    assert texts(joined) == [before, wrapped("".join(JAVA[1:])), after]
    assert read_record(joined[1]).body == "".join(JAVA[1:]).rstrip("\n")  # type: ignore[arg-type]


def test_a_printed_stack_trace_is_one_record_and_no_report() -> None:
    """`printStackTrace` writes no line with the type before it."""
    joined = in_order(lines("paid\n", *JAVA[1:]))
    assert texts(joined) == ["paid\n", "".join(JAVA[1:])]
    assert read_record(joined[1]).evidence == ""  # type: ignore[arg-type]


def test_the_indented_report_of_ruby_is_one_record() -> None:
    """It begins and ends with a brace."""
    report = ['{\n', '  "errorMessage": "x",\n', '  "errorType": "Function<E>",\n',
              '  "stackTrace": [\n', '    "a:1"\n', '  ]\n', '}\n']  # fmt: skip
    joined = in_order(lines("a\n", *report, "b\n"))
    assert texts(joined) == ["a\n", "".join(report), "b\n"]
    assert read_record(joined[1]).evidence == "mark"  # type: ignore[arg-type]


def test_other_lines_stay_as_they_are() -> None:
    """What follows late, what is indented otherwise, objects, and a brace that is never closed."""
    for given in (
        lines("a\n", "\tat b\n", apart_s=1.0),
        lines("a\n", "\tb\n", "\tc\n"),
        lines({"message": "a"}, "\tat b\n"),
        lines("\tat b\n", {"message": "a"}),
        lines({"message": "a", "level": "INFO"}, {"message": "\tat b", "level": "WARN"}),
        lines({"message": "a", "level": "INFO"}, {"message": "\tat b", "level": "INFO", "x": 1}),
        lines({"message": "a", "level": "INFO"}, {"message": ["\tat b"], "level": "INFO"}),
        lines(wrapped("a"), wrapped("\tat b", request_id="s")),
        lines(wrapped("a"), "\tat b\n"),
        lines("{\n", '  "errorMessage": "x",\n'),
        lines("{\n", '  "order": 7\n', "}\n"),
    ):
        assert texts(in_order(given)) == texts(given)


def test_a_line_of_the_moment_of_a_report_goes_before_it() -> None:
    """On Managed Instances the report ends the request, and may overtake its last lines."""
    report = Report(time_ns=ns(2), request_id="r")
    last = LogLine(time_ns=ns(2), stream="function", record="last\n")
    later = LogLine(time_ns=ns(3), stream="function", record="later\n")
    assert list(in_order([report, last, later], concurrent=True)) == [last, report, later]


def test_a_long_trace_is_joined_in_linear_time() -> None:
    """However many lines it has, each is looked at once; a record ends at some length."""
    joined = in_order(lines(*JAVA, *["\tat a\n"] * 50_000))
    assert sum(text.count("\n") for text in texts(joined)) == 50_006
    assert max(text.count("\n") for text in texts(joined)) == 4096


def test_what_is_joined_is_bounded() -> None:
    """A stranger's lines, however large, are not gathered without an end."""
    large = "x" * 200_000
    trace, report = (
        [f"\tat {large}\n"] * 100,
        ["{\n", '  "errorMessage": \n', *["  " + large] * 100],
    )
    for given in (trace, report):
        joined = in_order(lines(*given))
        assert sum(map(len, texts(joined))) == sum(map(len, given))
        assert max(map(len, texts(joined))) <= 1_048_576


def test_the_last_line_waits_for_what_may_continue_it() -> None:
    """The next delivery may hold the rest of a stack trace; what is no text has no rest."""
    joiner, events = LineJoiner(), lines("a\n", *JAVA)
    assert texts(joiner.feed(events[:3])) == ["a\n"]
    assert joiner.waits is True
    assert texts(joiner.feed(events[3:])) == []
    assert texts(joiner.flush()) == ["".join(JAVA)]
    assert joiner.feed(lines({"message": "x"})) == lines({"message": "x"})
    assert joiner.flush() == []


def test_only_what_may_be_continued_waits() -> None:
    """The end of an invocation is passed on at once, with all before it."""
    joiner = LineJoiner()
    end = RuntimeDone(time_ns=ns(2), request_id="r", status="success")
    assert joiner.feed([*lines("a\n", "b\n"), end]) == [*lines("a\n", "b\n"), end]
    assert joiner.waits is False
    assert joiner.feed([*lines("a\n", "{\n"), end]) == [*lines("a\n", "{\n"), end]
    assert joiner.waits is False


def test_the_shortest_report_of_ruby() -> None:
    """A brace, the message, a brace; without the message it is none."""
    report = ["{\n", '  "errorMessage": "x"\n', "}\n"]
    assert texts(in_order(lines(*report))) == ["".join(report)]
    assert texts(in_order(lines("{\n", "}\n"))) == ["{\n", "}\n"]


def test_a_line_that_the_platform_wraps_is_no_part_of_rubys_report() -> None:
    """All its lines are printed alike."""
    given = ["{\n", '  "errorMessage": "x"\n', wrapped("  a"), "}\n"]
    assert texts(in_order(lines(*given))) == given
    ended = [*given[:2], wrapped("}")]
    assert texts(in_order(lines(*ended))) == ended


def test_a_report_of_ruby_has_so_many_lines_and_characters() -> None:
    """One that has more stays as it came."""
    most = ["{\n", '  "errorMessage": "x",\n', *["  0,\n"] * 509, "}\n"]
    assert texts(in_order(lines(*most))) == ["".join(most)]
    long = "  " + "0" * 1_048_576 + "\n"
    for given in ([*most[:2], "  0,\n", *most[2:]], [*most[:2], long, "}\n"]):
        assert texts(in_order(lines(*given))) == given


def test_lines_of_two_requests_are_no_record() -> None:
    """Though the one before ends with the type that the next begins with."""
    head, *rest = (wrapped(text, request_id="s") for text in JAVA)
    joined = in_order(lines(wrapped(JAVA[0], request_id="r"), *rest))
    assert len(joined) == 2
    assert len(in_order(lines(head, *rest))) == 1


def test_a_line_that_ends_with_a_colon_is_no_head() -> None:
    """The next begins with no type."""
    joined = in_order(lines("total: \n", ": none\n", "\tat b\n"))
    assert texts(joined) == ["total: \n", ": none\n\tat b\n"]


def test_elsewhere_a_report_stays_before_the_lines_that_follow_it() -> None:
    """It is on Managed Instances only that one overtakes lines."""
    report = Report(time_ns=ns(2), request_id="r")
    last = LogLine(time_ns=ns(2), stream="function", record="last\n")
    assert in_order([report, last]) == [report, last]
    assert in_order([report, last, last, last]) == [report, last, last, last]


def test_only_reports_wait_for_a_line_of_their_moment() -> None:
    """What stands before them is passed on; the next delivery may hold the line."""
    joiner = LineJoiner(concurrent=True)
    done = RuntimeDone(time_ns=ns(1), request_id="r", status="success")
    report = Report(time_ns=ns(2), request_id="r")
    assert joiner.feed([done, report]) == [done]
    assert joiner.waits is True
    last = lines("a\n", "b\n", "c\n", "d\n")
    assert [*joiner.feed(last), *joiner.flush()] == [*last, report]


def test_lines_of_one_record_are_written_within_a_moment() -> None:
    """One that comes later is another record."""
    trace = ("a: E\n", "E: x\n", "\tat b\n")
    moment_s = 0.05
    assert texts(in_order(lines(*trace, apart_s=moment_s))) == ["".join(trace)]
    apart = lines(*trace, apart_s=moment_s + 0.001)
    assert texts(in_order(apart)) == list(trace)


def test_a_line_goes_before_so_many_reports() -> None:
    """And no more reports than that wait for it."""
    reports = [Report(time_ns=ns(2), request_id=f"r{n}") for n in range(19)]
    last = LogLine(time_ns=ns(2), stream="function", record="last\n")
    most = reports[:16]
    assert in_order([*most, last], concurrent=True) == [last, *most]
    assert in_order([*reports, last], concurrent=True) == [*reports[:3], last, *reports[3:]]
    later = LogLine(time_ns=ns(3), stream="function", record="later\n")
    joined = in_order([*reports, last, later], concurrent=True)
    assert joined == [*reports[:3], last, *reports[3:], later]
    assert LineJoiner(concurrent=True).feed(most) == []
    assert LineJoiner(concurrent=True).feed(reports) == reports[:3]


def test_a_report_of_ruby_that_has_begun_waits() -> None:
    """Its end may be in the next delivery."""
    report = ["{\n", '  "errorMessage": "x",\n', '  "errorType": "Function<E>"\n', "}\n"]
    for cut in range(1, len(report)):
        joiner = LineJoiner()
        assert joiner.feed(lines(*report[:cut])) == []
        assert joiner.waits is True
        assert texts(joiner.feed(lines(*report[cut:]))) == ["".join(report)]
        assert joiner.waits is False


def test_a_line_that_is_no_head_does_not_wait() -> None:
    """Only the last one may be continued, or be the head of what comes."""
    joiner = LineJoiner()
    assert texts(joiner.feed(lines("a\n", "b\n"))) == ["a\n"]
    assert texts(joiner.feed(lines("c\n"))) == ["b\n"]
    assert texts(joiner.flush()) == ["c\n"]


def begun(runtime_version: str) -> InitStart:
    """Return the event by which the platform names the runtime."""
    return InitStart(time_ns=ns(0), runtime_version=runtime_version)


@pytest.mark.parametrize("version", ["python:3.13.v5", "nodejs:22.v30", "dotnet:8.v20"])
def test_nothing_is_kept_back_where_records_come_whole(version: str) -> None:
    """What waits when the runtime becomes known goes out, and lines like parts stay apart."""
    joiner = LineJoiner()
    before = joiner.feed(lines("a\n", "b\n"))
    decided = joiner.feed([begun(version), *lines("c\n")])
    assert texts([*before, *(each for each in decided if isinstance(each, LogLine))]) == [
        "a\n", "b\n", "c\n",
    ]  # fmt: skip
    assert not joiner.waits
    assert texts(joiner.feed(lines(*JAVA))) == JAVA
    assert not joiner.waits


@pytest.mark.parametrize("version", ["java:21.v40", "ruby:3.4.v1", "provided:al2023.v100", ""])
def test_lines_are_joined_whoever_else_writes(version: str) -> None:
    """Whatever a runtime is written in may be of Java, unless it is known."""
    joiner = LineJoiner()
    joiner.feed([begun(version)])
    assert [*joiner.feed(lines(*JAVA)), *joiner.flush()] == in_order(lines(*JAVA))


def test_lines_still_go_before_reports_on_managed_instances() -> None:
    """That is for all runtimes: the report of a request may stand before its lines."""
    joiner = LineJoiner(concurrent=True)
    joiner.feed([begun("python:3.13.v5")])
    report = Report(time_ns=ns(1), request_id="r")
    [line] = lines("a\n")
    assert [*joiner.feed([report, line]), *joiner.flush()] == [line, report]
