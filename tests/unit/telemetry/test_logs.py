"""Records as OTLP log records."""

from __future__ import annotations

from typing import Any

from extension.telemetry.assembly.invocations import Assembler
from simulator.aws.endpoints.stored_event import plain
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.log_records import leaving


def logs(*events: given.JsonEvent) -> list[dict[str, Any]]:
    """Return what the log records of one delivery say."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    built = [record for each in assemble(into, [events]) for record in leaving(each)]
    return [
        {
            "at": record.time_unix_nano,
            "body": record.body.string_value,
            "severity": record.severity_number,
            "trace": int.from_bytes(record.trace_id),
            "span": int.from_bytes(record.span_id),
            "attributes": {each.key: plain(each.value) for each in record.attributes},
        }
        for record in built
    ]


def test_a_line_has_the_ids_of_its_invocation() -> None:
    """Body, severity, time and structured fields, with trace and span to jump to."""
    fields = {"level": "WARN", "message": "low", "timestamp": given.iso(1.25), "stock": {"a": 1}}
    assert logs(given.start("r", 1), given.line(fields, 1.5)) == [
        {
            "at": given.ns(1.25),
            "body": "low",
            "severity": 13,
            "trace": given.TRACE_ID,
            "span": int(given.RESERVED, 16),
            "attributes": {
                "stock": {"a": 1},
                "faas.invocation_id": "r",
            },
        }
    ]


def test_init_lines_belong_to_the_init_span() -> None:
    """They are held until the trace is known."""
    [line] = logs(
        *given.init(0, 1), given.line("loading", 0.5), given.start("r", 1), given.done("r", 2)
    )
    assert (line["trace"], line["span"], line["body"]) == (given.TRACE_ID, 1, "loading")


def test_what_left_the_handler_is_on_its_line() -> None:
    """The line in which the runtime reports it carries the exception's attributes."""
    text = "[ERROR] KeyError: 'user'\nTraceback (most recent call last):\n  File a\n"
    [line] = logs(given.start("r", 1), given.line(text, 1.5))
    assert line["severity"] == 17
    assert line["attributes"]["exception.type"] == "KeyError"
    assert line["attributes"]["exception.message"] == "'user'"


def test_a_lines_own_trace_context_is_the_records() -> None:
    """An SDK in the function names its span; the invocation is found by its id."""
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    fields = {"message": "x", "trace_id": trace, "span_id": span, "trace_flags": "01", "n": 1}
    [line] = logs(given.start("r", 1), given.line(fields, 1.5))
    assert (line["trace"], line["span"]) == (int(trace, 16), int(span, 16))
    assert line["attributes"] == {"n": 1, "faas.invocation_id": "r"}


def test_a_request_id_is_told_once() -> None:
    """Lambda's own is `faas.invocation_id`; somebody else's stays as it is."""
    request_id = "aaaaaaaa-1111-4111-8111-111111111111"
    ours, others = logs(
        given.start(request_id, 1),
        given.line({"message": "x", "requestId": request_id}, 1.5),
        given.line({"message": "x", "requestId": "req_1"}, 1.5),
    )
    assert ours["attributes"] == {"faas.invocation_id": request_id}
    assert others["attributes"] == {"faas.invocation_id": request_id, "requestId": "req_1"}


def test_a_handled_exception_has_the_conventional_attributes() -> None:
    """Back ends show an exception, and the invocation has not failed."""
    fields = {"level": "ERROR", "message": "retried", "logger": "a", "errorType": "ValueError",
            "errorMessage": "no", "stackTrace": ["a"]}  # fmt: skip
    [line] = logs(given.start("r", 1), given.line(fields, 1.5))
    assert line["attributes"] == {
        "logger": "a",
        "faas.invocation_id": "r",
        "exception.type": "ValueError",
        "exception.message": "no",
        "exception.stacktrace": "a",
    }


def test_a_field_without_a_name_does_not_leave() -> None:
    """OTLP wants names that are not empty, at any depth."""
    fields = {"message": "x", "": 1, "a": {"": 2, "b": [None, {"c": 2**70}]}, "d": None}
    [line] = logs(given.start("r", 1), given.line(fields, 1.5))
    nested = {"b": [None, {"c": str(2**70)}]}
    assert line["attributes"] == {"faas.invocation_id": "r", "a": nested}


def test_a_line_of_an_extension_says_so() -> None:
    """`log.iostream` would be stdout or stderr, which the platform does not tell."""
    [line] = logs(given.start("r", 1), given.line("x", 1.5, stream="extension"))
    assert line["attributes"]["lambda_dispatch.log.source"] == "extension"


def test_a_line_of_nobody_has_no_ids() -> None:
    """Without an invocation there is no trace to name."""
    into = Assembler(ids=SequentialIds(), concurrent=True, stream_records=True)
    finished = assemble(
        into, [[given.start("r", 1), given.report("r", 2), given.line("anonymous", 3)]]
    )
    [record] = leaving(finished[-1])
    assert (record.trace_id, record.span_id) == (b"", b"")
