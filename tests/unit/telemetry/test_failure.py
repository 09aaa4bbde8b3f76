"""Whether an exception left the handler: the runtime's word against the function's own lines."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.assembly.failure import Failure
from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.events import LogLine, Stream
from extension.telemetry.reading.native_errors import PANIC_TRAILER
from extension.telemetry.reading.records import read_record
from tests.platform_events import ns

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"
SHAPE = {
    "level": "ERROR",
    "requestId": REQUEST,
    "message": {"errorType": "OrderError", "errorMessage": "no", "stackTrace": ["a"]},
}
MARK = "[ERROR] ValueError: no\rTraceback (most recent call last):\r  a\n"


def left(
    *records: Any, status: str = "success", decides: bool = False, stream: Stream = "function"
) -> str:
    """Return the type of what left the handler after these lines, or nothing."""
    failure = Failure()
    for record in records:
        failure.learn(read_record(LogLine(time_ns=ns(0), stream=stream, record=record)))
    verdict = failure.left_handler(status=status, platform_decides=decides)
    return verdict.error.type if verdict else ""


def test_a_mark_counts_wherever_it_stands() -> None:
    """A background thread may write after the runtime's report."""
    assert left("a", MARK, "b") == "ValueError"
    assert left(MARK, SHAPE, "b") == "ValueError"
    assert left(MARK, MARK.replace("ValueError", "KeyError"), "b") == "KeyError"


def test_a_shape_counts_as_the_last_line_alone() -> None:
    """A function that logged a handled error and went on has not failed."""
    assert left("a", SHAPE) == "OrderError"
    assert left("a", SHAPE, "retried") == ""
    assert left("a", SHAPE, "\n") == "OrderError"
    assert left("a", SHAPE, PANIC_TRAILER) == "OrderError"  # the runtime wrote that
    assert left(SHAPE, "retried", SHAPE) == "OrderError"


JAVA = "no: shop.E\nshop.E: no\n\tat shop.H.f(H.java:1)\nCaused by: sql.E: duplicate\n"


def test_a_trace_of_java_goes_on_behind_a_cause_of_two_lines() -> None:
    """Where each line is a record, the second line of its message begins another one."""
    more = "  Detail: twice\n\tat shop.H.g(H.java:2)\n"
    assert left(JAVA, more, more) == "shop.E"
    assert left(JAVA, more, "retried") == ""
    assert left(JAVA, "  Detail: twice\n") == ""
    assert left(SHAPE, more) == ""


@pytest.mark.parametrize("record", [MARK, SHAPE])
def test_where_the_platform_tells_the_result_no_line_overrules_it(record: Any) -> None:
    """On Managed Instances the report says whether the handler failed."""
    assert left(record, decides=True) == ""
    assert left(record, decides=True, status="error") in ("ValueError", "OrderError")


def test_a_handled_error_does_not_explain_a_timeout() -> None:
    """The last line before it says nothing of why time ran out; a mark does."""
    assert left(SHAPE, status="timeout") == ""
    assert left(MARK, status="timeout") == "ValueError"


def test_lines_of_extensions_do_not_count() -> None:
    """Another extension may be written in Python and fail."""
    assert left(MARK, stream="extension") == ""


GO = '2026/01/01 12:00:00 {"errorMessage":"no","errorType":"OrderError"%s}\n'
FRAMES = ',"stackTrace":[{"path":"main.go","line":9,"label":"main.handle"}]'


def test_go() -> None:
    """A returned error is the last line; after a panic comes one more line."""
    assert left("a", GO % "") == "OrderError"
    assert left(GO % "", "b") == ""
    trailer = f"2026/01/01 12:00:00 {PANIC_TRAILER}\n"
    assert left(GO % FRAMES, trailer, status="error") == "OrderError"
    assert left((GO % FRAMES)[20:], "b", status="error") == "OrderError"


def test_go_with_slog() -> None:
    """Slog writes what the package log is given as its message."""
    verdict = {
        "time": "x",
        "level": "INFO",
        "msg": '{"errorMessage":"no","errorType":"OrderError"}',
    }
    assert left(verdict) == "OrderError"


def rust(text: str) -> str:
    """Return a line of tracing at level ERROR."""
    return f'ERROR Lambda runtime invoke{{requestId="{REQUEST}"}}: {text}\n'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('OrderError("42")', "OrderError"), ("NotFound", "NotFound"), ('"no such order"', "Error"),
        ("OrderError { id: 42 }", "OrderError"), ("no order\n\nCaused by:\n    0: io", "Error"),
        ("tracing error", ""), ('tracing error error="boom"', ""), ("payment refused", ""),
    ],
)  # fmt: skip
def test_rust(text: str, kind: str) -> None:
    """An error is written in its debug form, which sentences do not have."""
    assert left(rust(text)) == kind
    assert left(rust(text), "b") == ""
    fields = {"message": text}
    span = {"requestId": REQUEST, "name": "Lambda runtime invoke"}
    assert left({"level": "ERROR", "fields": fields, "span": span}) == kind


@pytest.mark.parametrize(
    "lines",
    [
        ["thread 'main' (9) panicked at src/main.rs:3:2:\n", "index out of bounds\n", "note\n"],
        ["thread 'main' panicked at 'index out of bounds', src/main.rs:3:2\n"],
        [{"level": "INFO", "message": "thread 'a' (9) panicked at src/main.rs:3:2:"},
         {"level": "INFO", "message": "index out of bounds"}],
    ],
)  # fmt: skip
def test_a_panic_of_rust_has_its_message(lines: list[Any]) -> None:
    """The message stands in lines of the standard library, before the runtime's own."""
    failure = Failure()
    for record in [*lines, rust("user handler panicked error=Any { .. }"), "b"]:
        failure.learn(read_record(LogLine(time_ns=ns(0), stream="function", record=record)))
    verdict = failure.left_handler(status="success", platform_decides=False)
    assert verdict is not None
    assert (verdict.error.type, verdict.error.message) == ("panic", "index out of bounds")
    assert "src/main.rs:3:2" in verdict.error.stack


def test_a_panic_that_was_caught_is_no_failure() -> None:
    """The standard library writes of it all the same."""
    assert left("thread 'main' panicked at src/main.rs:3:2:\n", "x\n") == ""


REJECTED = (
    '{"errorType":"Runtime.UnhandledPromiseRejection",'
    '"reason":{"errorType":"OrderError","errorMessage":"no"}}'
)
NODE = f"2026-01-01T12:00:00.250Z\t{REQUEST}\tERROR\t%s\t%s\n"


@pytest.mark.parametrize(
    ("mark", "verdict", "kind"),
    [
        ("Invoke Error ", '{"errorType":"OrderError","errorMessage":"no"}', "OrderError"),
        ("Invoke Error ", '{"message":"no","name":"AxiosError","stack":"a","c":1}', "AxiosError"),
        ("Invoke Error ", '{"message":"Syntax Error"}', "Error"),
        ("Invoke Error ", "not json", "Error"),
        ("Invoke Error ", "[1]", "Error"),
        ("Uncaught Exception ", '{"errorType":"OrderError"}', "OrderError"),
        ("Unhandled Promise Rejection ", REJECTED, "OrderError"),
    ],
)  # fmt: skip
def test_nodes_mark_decides_not_the_shape_of_what_follows(
    mark: str, verdict: str, kind: str
) -> None:
    """Errors of libraries turn themselves into JSON in their own way."""
    assert left(NODE % (mark, verdict), "b") == kind


def test_node_as_json_with_an_error_of_a_library() -> None:
    """It has neither errorType nor stackTrace, but a stack."""
    error = {"message": "connect", "name": "AxiosError", "stack": "AxiosError: connect\n at a"}
    assert left({"level": "ERROR", "message": error}) == "AxiosError"


def test_java_with_a_text_of_its_own() -> None:
    """Its trace does not begin with the type; the two line ends tell that it is the runtime's."""
    text = "x: shop.Weird\nWeird! code=42 x\n\tat shop.Handler.handle(H.java:1)\n"
    assert left(text + "\n", "b") == "shop.Weird"
    assert left(text) == ""


def test_python_with_a_name_that_is_not_ascii() -> None:
    """As any identifier may be."""
    assert left("[ERROR] Ünïcode: x\rTraceback (most recent call last):\r  a\n") == "Ünïcode"


RUST_PANIC = ("thread 'main' panicked at src/main.rs:1:2:\n", "no stock\n")
GO_PANIC = ("panic: no stock\n", "\n", "goroutine 5 [running]:\n", "main.f()\n")


@pytest.mark.parametrize("panic", [RUST_PANIC, GO_PANIC])
def test_a_panic_explains_the_end_of_the_process(panic: tuple[str, ...]) -> None:
    """One that was caught, and one before a timeout, fail nothing."""
    assert left("a", *panic, status="error") == "panic"
    assert left("a", *panic) == ""
    assert left("a", *panic, status="timeout") == ""


def test_a_panic_that_was_caught_does_not_explain_an_exit() -> None:
    """The function went on after it, or only wrote a text that begins like one."""
    assert left(*RUST_PANIC, "went on", status="error") == ""
    assert left("panic: no stock", "\n", "went on", status="error") == ""
    assert left("panic: no stock", status="error") == ""


def test_a_later_panic_replaces_an_earlier_one() -> None:
    """Rust tells of each; the process ended with the last."""
    assert left(*RUST_PANIC, "went on", *RUST_PANIC, status="error") == "panic"
    assert left("fatal error: x", "went on", *GO_PANIC, status="error") == "panic"


def test_only_some_lines_may_say_anything() -> None:
    """Those with a report, those about a panic, and those after either; others cost nothing."""
    report = read_record(LogLine(ns(1), "function", SHAPE))
    plain = read_record(LogLine(ns(1), "function", "a"))
    panic = read_record(LogLine(ns(1), "function", "panic: no stock\n"))
    failure = Failure()
    assert not failure.may_learn(in_columns([plain, plain]), "a\na")
    assert failure.may_learn(in_columns([plain, report]), "a\nb")
    assert failure.may_learn(in_columns([panic, plain]), f"{panic.body}\na")
    failure.learn(report)
    assert failure.may_learn(in_columns([plain]), "a")
    failure.learn(plain)
    assert not failure.may_learn(in_columns([plain]), "a")
    failure.learn(panic)
    assert failure.may_learn(in_columns([plain]), "a")


def test_what_left_the_handler_has_the_time_of_its_line() -> None:
    """And says whether that is exported, as lines are unless filters drop them."""
    for filters, is_kept in (({}, True), ({"is_kept": True}, True), ({"is_kept": False}, False)):
        failure = Failure()
        failure.learn(read_record(LogLine(ns(3), "function", MARK)), **filters)
        found = failure.left_handler(status="success", platform_decides=False)
        assert found is not None
        assert (found.time_ns, found.has_record) == (ns(3), is_kept)
    failure = Failure()
    for at, text in enumerate(GO_PANIC):
        failure.learn(read_record(LogLine(ns(at), "function", text)))
    found = failure.left_handler(status="error", platform_decides=False)
    assert found is not None
    assert (found.time_ns, found.has_record) == (ns(3), False)
    assert failure.left_handler(status="", platform_decides=False) is None


def test_an_error_without_a_sign_of_the_runtime_tells_nothing() -> None:
    """A function may log any error that it has handled, before and after a report."""
    logged = read_record(LogLine(ns(1), "function", SHAPE))._replace(evidence="")
    assert logged.error is not None
    failure = Failure()
    failure.learn(logged)
    assert failure.left_handler(status="success", platform_decides=False) is None
    failure.learn(read_record(LogLine(ns(1), "function", SHAPE)))
    failure.learn(read_record(LogLine(ns(1), "function", " \n")))
    assert failure.left_handler(status="success", platform_decides=False) is not None
    failure.learn(logged)
    assert failure.left_handler(status="success", platform_decides=False) is None
