"""Records as OTLP log records."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from extension.telemetry.assembly.finished import LooseRecords
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.logs import LogEncoder
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.line_parts import LineTrace
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext
from simulator.aws.endpoints.stored_event import plain
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.log_records import leaving


def logs(*events: given.JsonEvent) -> list[dict[str, Any]]:
    """Return what the log records of one delivery say."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    built = [record for each in assemble(into, [events]) for record in leaving(each)]
    assert {(len(each.trace_id), len(each.span_id)) for each in built} <= {(16, 8), (0, 0)}
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
    fields = {"level": "WARN", "message": "low", "stock": {"a": 1}, "weight": 1.5}
    fields["timestamp"] = given.iso(1.25)
    assert logs(given.start("r", 1), given.line(fields, 1.5)) == [
        {
            "at": given.ns(1.25),
            "body": "low",
            "severity": 13,
            "trace": given.TRACE_ID,
            "span": int(given.RESERVED, 16),
            "attributes": {
                "stock": {"a": 1},
                "weight": 1.5,
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


@pytest.mark.parametrize("fields", [{"": 1}, {"d": None}, {"": None}])
def test_a_field_without_a_name_or_a_value_is_none(fields: dict[str, Any]) -> None:
    """Beside others, which leave as they are."""
    [line] = logs(given.start("r", 1), given.line({"message": "x", **fields, "a": 1}, 1.5))
    assert line["attributes"] == {"faas.invocation_id": "r", "a": 1}


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


def encoded(*records: Record, limits: Limits | None = None, request_id: str = "r") -> list[Any]:
    """Return the log records of some lines, as OTLP has them."""
    health = Health()
    loose = LooseRecords(
        records=records, request_id=request_id, context=TraceContext(trace_id=1, span_id=2)
    )
    items = LogEncoder(limits=limits, health=health).encode(loose)
    assert not health.dropped
    return list(ScopeLogs.FromString(b"".join(items)).log_records)


def line(body: str = "b", **more: Any) -> Record:
    """Return a line."""
    return Record(**{"time_ns": 5, "observed_ns": 6, "stream": "function", "body": body, **more})


def said(record: Any) -> dict[str, Any]:
    """Return the attributes of a record."""
    return {each.key: plain(each.value) for each in record.attributes}


PLAIN = line(severity=13, severity_text="WARN")


@pytest.mark.parametrize("record", [PLAIN, PLAIN._replace(stream="extension")])
def test_times_and_level(record: Record) -> None:
    """When it was written and when it was seen, with its level as a number and as a text."""
    [found] = encoded(record)
    assert (found.time_unix_nano, found.observed_time_unix_nano) == (5, 6)
    assert (found.severity_number, found.severity_text) == (13, "WARN")
    assert found.body.string_value == "b"
    assert found.flags == 1
    [bare] = encoded(record._replace(severity=0, severity_text=""))
    assert (bare.severity_number, bare.severity_text) == (0, "")


@pytest.mark.parametrize(
    ("record", "attributes"),
    [
        (line(), {}),
        (line(attributes={"a": {"b": [1]}}), {"a": {"b": [1]}}),
        (line(stream="extension"), {"lambda_dispatch.log.source": "extension"}),
        (
            line(stream="extension", attributes={"a": 1}),
            {"lambda_dispatch.log.source": "extension", "a": 1},
        ),
        (
            line(error=HandlerError(type="E", message="m", stack="")),
            {"exception.type": "E", "exception.message": "m"},
        ),
        (
            line(error=HandlerError(type="E", message="m", stack=""), attributes={"a": 1}),
            {"exception.type": "E", "exception.message": "m", "a": 1},
        ),
        (line(attributes={"faas.invocation_id": "other"}), {}),
    ],
)
def test_what_a_record_says(record: Record, attributes: dict[str, Any]) -> None:
    """Its own fields behind the request's id, which is always ours."""
    [found] = encoded(record)
    assert said(found) == {"faas.invocation_id": "r", **attributes}
    assert int.from_bytes(found.trace_id) == 1


def test_without_a_request_a_lines_own_id_stays() -> None:
    """Nothing of ours has that name then."""
    [found] = encoded(line(attributes={"faas.invocation_id": "its own"}), request_id="")
    assert said(found) == {"faas.invocation_id": "its own"}


def test_limits_hold_for_records() -> None:
    """The request's id counts as one of the attributes."""
    fields = line(attributes={"a": "xxxx", "b": 1})
    [found] = encoded(fields, limits=Limits(length=3, count=2))
    assert said(found) == {"faas.invocation_id": "r", "a": "xxx"}


@pytest.mark.parametrize("sampled", [True, False])
def test_a_span_of_the_functions_sdk(sampled: bool) -> None:
    """With its own flag; the fields that name it are not repeated."""
    trace = LineTrace(trace_id=7, span_id=8, sampled=sampled, keys=("t", "s"))
    [found] = encoded(line(trace=trace, attributes={"t": "7", "s": "8", "n": 1}))
    assert (int.from_bytes(found.trace_id), int.from_bytes(found.span_id)) == (7, 8)
    assert found.flags == int(sampled)
    assert said(found) == {"faas.invocation_id": "r", "n": 1}


def test_a_record_that_cannot_be_encoded_is_counted_once() -> None:
    """By what went wrong, and as lost."""
    health = Health()
    bad = line()._replace(body=None)  # type: ignore[arg-type]
    loose = LooseRecords(records=(line(), bad, line()))
    assert len(LogEncoder(health=health).encode(loose)) == 2
    assert health.dropped == {"unencodable": 1}
    assert list(health.faults.values()) == [1]
    assert LogEncoder(health=health).encode(LooseRecords(records=())) == []
