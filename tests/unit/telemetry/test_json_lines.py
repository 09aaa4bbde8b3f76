"""Structured lines of the loggers that people use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.line_parts import LineTrace
from extension.telemetry.reading.records import Record, read_record
from extension.telemetry.reading.times import parse_time
from tests.platform_events import iso, ns

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
AT = iso(0.25)
AT_MS = ns(0.25) // 1_000_000

LOGGERS: dict[str, tuple[dict[str, Any], int, str, dict[str, Any]]] = {
    "structlog": ({"event": "paid", "level": "error", "timestamp": AT}, 17, "paid", {}),
    "python-json-logger": ({"asctime": AT, "levelname": "WARNING", "message": "paid"}, 13, "paid",
                           {}),
    "Powertools": (
        {"level": "INFO", "location": "f:1", "message": "paid", "timestamp": AT, "service": "s"},
        9, "paid", {"location": "f:1", "service": "s"},
    ),
    "Powertools .NET": ({"Level": "Warning", "Message": "paid", "Timestamp": AT}, 13, "paid", {}),
    "loguru": (
        {"text": "x paid\n", "record": {"message": "paid", "level": {"name": "ERROR", "no": 40}}},
        17, "paid", {"text": "x paid\n"},
    ),
    "pino": ({"level": 50, "time": AT_MS, "pid": 8, "msg": "paid"}, 17, "paid", {"pid": 8}),
    "bunyan": ({"name": "a", "level": 30, "msg": "paid", "time": AT, "v": 0}, 9, "paid",
               {"name": "a", "v": 0}),
    "winston": ({"level": "http", "message": "paid", "timestamp": AT}, 7, "paid", {}),
    "log4j2": ({"timeMillis": AT_MS, "level": "WARN", "loggerName": "a", "message": "paid"}, 13,
               "paid", {"loggerName": "a"}),
    "logback": ({"@timestamp": AT, "@version": "1", "message": "paid", "level": "INFO"}, 9, "paid",
                {"@version": "1"}),
    "Monolog": ({"message": "paid", "level": 400, "level_name": "ERROR", "datetime": AT}, 17,
                "paid", {"level_name": "ERROR"}),
    "zap": ({"level": "dpanic", "ts": ns(0.25) / 1e9, "msg": "paid"}, 21, "paid", {}),
    "zerolog": ({"level": "panic", "message": "paid"}, 22, "paid", {}),
    "slog": ({"time": AT, "level": "INFO+2", "msg": "paid"}, 11, "paid", {}),
    "logrus": ({"level": "warning", "msg": "paid", "time": AT}, 13, "paid", {}),
    "Serilog": ({"@t": AT, "@mt": "{n} paid", "@m": "2 paid", "@l": "Error"}, 17, "2 paid",
                {"@mt": "{n} paid"}),
    "tracing": ({"level": "WARN", "fields": {"message": "paid", "order": 7}, "timestamp": AT}, 13,
                "paid", {"fields": {"order": 7}}),
    "ECS, nested": ({"@timestamp": AT, "log": {"level": "error", "logger": "a"}, "message": "paid"},
                    17, "paid", {"log": {"logger": "a"}}),
    "ECS, dotted": ({"@timestamp": AT, "log.level": "error", "message": "paid"}, 17, "paid", {}),
    "GELF": ({"version": "1.1", "short_message": "paid", "level": 3, "timestamp": ns(0.25) / 1e9},
             17, "paid", {"version": "1.1"}),
    "GELF, of no level": ({"host": "a", "short_message": "paid", "level": 30}, 0, "paid",
                          {"host": "a", "level": 30}),
    "OpenTelemetry": ({"body": "paid", "severity_number": 13, "severity_text": "WARN"}, 13, "paid",
                      {"severity_number": 13}),
    "Serilog, without a level": ({"@t": AT, "@mt": "all paid"}, 9, "all paid", {}),
    "Serilog, with a value": ({"@t": AT, "@mt": "{n} paid", "n": 2}, 9, "{n} paid", {"n": 2}),
    "log4j2, an instant": (
        {"instant": {"epochSecond": ns(0) // 10**9, "nanoOfSecond": 250_000_000}, "level": "WARN",
         "message": "paid"}, 13, "paid", {},
    ),
    "logback's own": ({"timestamp": AT_MS, "level": "INFO", "message": "{} paid",
                       "formattedMessage": "2 paid"}, 9, "2 paid", {"message": "{} paid"}),
    "loguru, with a time": (
        {"record": {"message": "paid", "level": {"name": "ERROR", "no": 40},
                    "time": {"repr": "noon", "timestamp": ns(0.25) / 1e9}}}, 17, "paid", {},
    ),
    "hclog": ({"@level": "warn", "@message": "paid", "@timestamp": AT}, 13, "paid", {}),
    "zap, in development": ({"L": "WARN", "T": AT, "M": "paid"}, 13, "paid", {}),
    "tslog": ({"0": "paid", "_meta": {"logLevelName": "ERROR", "date": AT}}, 17, "paid", {}),
    "roarr": ({"context": {"logLevel": 50}, "message": "paid", "time": AT_MS}, 17, "paid", {}),
    "log4js": ({"level": {"level": 20000, "levelStr": "WARN"}, "message": "paid"}, 13, "paid", {}),
    "winston, in colours": ({"level": "\x1b[31merror\x1b[39m", "message": "paid"}, 17, "paid", {}),
}  # fmt: skip


def read(fields: Any) -> Record:
    """Read a line taken at noon."""
    return read_record(LogLine(time_ns=ns(0), stream="function", record=fields))


@pytest.mark.parametrize("logger", LOGGERS)
def test_text_level_and_time_of(logger: str) -> None:
    """Text and level are found; what was not used stays an attribute."""
    fields, severity, body, attributes = LOGGERS[logger]
    record = read(json.dumps(fields))
    assert (record.severity, record.body, record.attributes) == (severity, body, attributes)
    told = json.dumps(fields)
    has_time = any(time in told for time in (AT, str(AT_MS), str(ns(0.25) / 1e9), "nanoOfSecond"))
    assert record.time_ns == (ns(0.25) if has_time else ns(0))


@pytest.mark.parametrize(
    "fields",
    [
        {"_aws": {"CloudWatchMetrics": []}, "Time": 5},  # EMF
        {"orderId": 7, "state": "paid"},
        {"event": "paid"},  # of a program, not of a logger
        {"statusCode": 200, "body": "paid"},
        {"level": None, "message": None, "severity": "ERROR"},
        {"level": "INFO", "message": "", "order": 7},
    ],
)
def test_without_a_text_the_json_is_the_text(fields: dict[str, Any]) -> None:
    """A body is never empty when the line was not, and filters see what the user sees."""
    assert read(json.dumps(fields)).body == json.dumps(fields)
    assert read(fields).body == json.dumps(fields)


def test_a_line_that_is_its_own_text_stays_as_it_was_written() -> None:
    """Blanks, order and escapes included, for filters are written after what users see."""
    line = '{"orderId":7,  "state" : "p\\u0061id"}'
    assert read(line).body == line


def test_an_empty_text_with_nothing_beside_it_is_an_empty_line() -> None:
    """As the platform wraps an empty print."""
    fields = {"timestamp": AT, "level": "INFO", "message": "", "requestId": REQUEST}
    assert read(fields).body == ""


@pytest.mark.parametrize(
    "line",
    [
        f"{AT}\t{REQUEST}\tINFO\t%s\n",
        f"[INFO]\t{AT}\t{REQUEST}\t%s\n",
        f"2026-01-01 12:00:00 {REQUEST} INFO  Shop - %s\n",
        "2026/01/01 12:00:00 %s\n",
    ],
)
def test_json_behind_a_runtimes_prefix_is_read(line: str) -> None:
    """The function's own logger knows the level better than the runtime that wrapped its line."""
    record = read(line % '{"level":"error","msg":"paid","order":7}')
    assert (record.severity, record.severity_text, record.body) == (17, "error", "paid")
    assert record.attributes["order"] == 7


def test_text_that_the_platform_wraps_in_json_is_read() -> None:
    """Where logs are JSON it gives each line of text the level INFO, whatever the line says."""
    fields = {"timestamp": AT, "level": "INFO", "requestId": REQUEST}
    record = read({**fields, "message": "ERROR Lambda runtime invoke{}: no stock"})
    assert (record.severity, record.body, record.request_id) == (17, "no stock", REQUEST)
    assert read({**fields, "message": "2026/01/01 12:00:00 paid"}).body == "paid"
    assert read({**fields, "message": "[WARN] low", "logger": "a"}).body == "[WARN] low"


def test_json_inside_the_text_of_json_is_read() -> None:
    """Node's JSON log format wraps what a logger writes to the console."""
    fields = {
        "timestamp": AT,
        "level": "INFO",
        "requestId": REQUEST,
        "message": '{"level":50,"msg":"x"}',
    }
    record = read(fields)
    assert (record.severity, record.body, record.request_id) == (17, "x", REQUEST)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"message": "x", "requestId": "JKJaXmPLvHcESHA="}, "requestId"),
        ({"message": "x", "requestId": 12345}, "requestId"),
        ({"message": "x", "time": 153}, "time"),
        ({"message": "x", "timestamp": "tomorrow"}, "timestamp"),
        ({"message": "x", "timestamp": "2019-06-01T12:00:00.000Z"}, "timestamp"),
        ({"message": "x", "level": "gold"}, "level"),
        ({"message": "x", "trace_id": "0", "span_id": "0"}, "trace_id"),
    ],
)
def test_what_is_not_used_stays_an_attribute(fields: dict[str, Any], kept: str) -> None:
    """A name may mean something else to the user than to us."""
    record = read(fields)
    assert record.attributes[kept] == fields[kept]
    assert record.time_ns == ns(0)


@pytest.mark.parametrize(
    ("fields", "sampled"),
    [
        ({"trace_id": TRACE, "span_id": SPAN, "trace_flags": "01"}, True),
        ({"traceId": TRACE, "spanId": SPAN}, True),
        ({"otelTraceID": TRACE, "otelSpanID": SPAN, "otelTraceSampled": False}, False),
        ({"trace.id": TRACE, "span.id": SPAN}, True),
        ({"@tr": TRACE, "@sp": SPAN}, True),
        ({"trace": {"id": TRACE}, "span": {"id": SPAN}}, True),
        ({"mdc": {"trace_id": TRACE, "span_id": SPAN, "trace_flags": "00"}}, False),
        ({"mdc": {"traceId": TRACE, "spanId": SPAN, "sampled": "true"}}, True),
        ({"contextMap": {"trace_id": TRACE, "span_id": SPAN}}, True),
        ({"trace_id": f"0x{TRACE}", "span_id": f"0x{SPAN}", "trace_flags": 1}, True),
        ({"logging.googleapis.com/trace": f"projects/shop/traces/{TRACE}",
          "logging.googleapis.com/spanId": SPAN}, True),
    ],
)  # fmt: skip
def test_trace_context(fields: dict[str, Any], sampled: bool) -> None:
    """The span that the line names, by the names that SDKs give it."""
    trace = read({"message": "x", **fields}).trace
    assert trace is not None
    assert (trace.trace_id, trace.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert trace.sampled is sampled


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": TRACE}, {"trace_id": TRACE, "span_id": "0" * 16},
        {"trace_id": 1, "span_id": 2},
        {"trace_id": TRACE[:16], "span_id": SPAN}, {"trace_id": [TRACE], "span_id": SPAN},
        {"trace_id": TRACE, "span_id": SPAN[:8]}, {"trace_id": TRACE, "span_id": "of checkout"},
    ],
)  # fmt: skip
def test_half_a_trace_context_is_none(fields: dict[str, Any]) -> None:
    """Without both ids the record belongs to its invocation's span."""
    assert read({"message": "x", **fields}).trace is None


@pytest.mark.parametrize(
    "fields",
    [
        {"contextMap": {"AWSRequestId": REQUEST}},
        {"mdc": {"AWSRequestId": REQUEST}},
        {"functionRequestId": REQUEST},
        {"faas": {"execution": REQUEST}},
        {"requestId": "of an API", "aws_request_id": REQUEST},
        {"requestId": "of an API", "request_id": "of another", "faas": {"execution": REQUEST}},
    ],
)
def test_request_id(fields: dict[str, Any]) -> None:
    """The request is found wherever a logger puts the fields that Lambda's context gives it."""
    assert read({"level": "INFO", "message": "x", **fields}).request_id == REQUEST


STACK = "OrderError: no\n    at f (a.js:1)"
PYTHON = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nOrderError: no'


@pytest.mark.parametrize(
    ("fields", "stack"),
    [
        ({"errorType": "OrderError", "errorMessage": "no", "stackTrace": ["a", "b"]}, "a\nb"),
        ({"exception": PYTHON, "exception_name": "OrderError"}, PYTHON),
        ({"exc_info": PYTHON}, PYTHON),
        ({"stack_trace": STACK}, STACK),
        ({"err": {"type": "OrderError", "message": "no", "stack": STACK}}, STACK),
        ({"error": {"name": "OrderError", "message": "no", "stack": STACK}}, STACK),
        ({"error.type": "OrderError", "error.message": "no", "error.stack_trace": STACK}, STACK),
        ({"error": {"type": "OrderError", "message": "no", "stack_trace": STACK}}, STACK),
        ({"thrown": {"name": "OrderError", "message": "no"}}, ""),
        ({"@x": STACK}, STACK),
        ({"errorType": "OrderError", "errorMessage": "no", "stackTrace": [
            {"class": "a.B", "method": "c", "file": "B.java", "line": 7}]}, "\tat a.B.c(B.java:7)"),
        ({"Exception": {"Type": "OrderError", "Message": "no", "StackTrace": STACK}}, STACK),
        ({"exception": {"type": "OrderError", "message": "no", "stackTrace": STACK}}, STACK),
        ({"exception": {"type": "OrderError", "message": "no", "stack_trace": STACK}}, STACK),
        ({"exception": {"exception_class": "OrderError", "exception_message": "no",
                        "stacktrace": STACK}}, STACK),
        ({"exception": {"exceptionType": "OrderError", "message": "no", "frames": [
            {"class": "a.B", "method": "c", "line": 7}]}}, "\tat a.B.c(7)"),
        ({"throwable": {"className": "OrderError", "message": "no", "stepArray": [
            {"className": "a.B", "methodName": "c", "fileName": "B.java", "lineNumber": 7}]}},
         "\tat a.B.c(B.java:7)"),
        ({"thrown": {"name": "OrderError", "message": "no", "extendedStackTrace": STACK}}, STACK),
        ({"context": {"exception": {"class": "OrderError", "message": "no", "trace": ["a"]}}}, "a"),
        ({"exception": [{"exc_type": "OrderError", "exc_value": "no", "frames": [
            {"filename": "a.py", "lineno": 7, "name": "f"}]}]}, '\tat f(a.py:7)'),
        ({"record": {"exception": {"type": "OrderError", "value": "no", "traceback": True}}}, ""),
        ({"full_message": STACK}, STACK),
        ({"error.type": "OrderError", "error.stack_trace": STACK}, STACK),
    ],
)  # fmt: skip
def test_handled_exceptions_follow_the_conventions(fields: dict[str, Any], stack: str) -> None:
    """Type, message and stack, from wherever a logger puts them; they fail no invocation."""
    record = read({"level": "ERROR", "message": "failed", "logger": "a", **fields})
    assert record.error is not None
    assert (record.error.type, record.error.stack) == ("OrderError", stack)
    assert record.error.message in ("no", "")
    assert record.evidence == ""
    used = {"errorType", "stackTrace", "stack_trace", "@x", "err", "exception_name", "throwable"}
    assert not record.attributes.keys() & used


@pytest.mark.parametrize(
    "fields",
    [
        {"error": "boom"},
        {"error": {"code": 5}},
        {"errorType": "X"},
        {"stack": "blue"},
        {"err": 5},
        {"exception": []},
        {"err": {"message": "no", "code": 7}},
        {"err": {"type": "OrderError"}},
        {"err": {"stack": "blue", "code": 7}},
        {"stack": "two words\n    at f"},
    ],
)
def test_what_only_sounds_like_an_exception_stays_an_attribute(fields: dict[str, Any]) -> None:
    """A text or a number is no exception."""
    record = read({"level": "ERROR", "message": "failed", **fields})
    assert record.error is None
    assert record.attributes == fields


def test_what_an_error_object_tells_besides_stays() -> None:
    """A code, for instance."""
    error = {"type": "OrderError", "message": "no", "code": 7}
    record = read({"level": "ERROR", "message": "failed", "err": error})
    assert record.error == HandlerError(type="OrderError", message="no")
    assert record.attributes == {"err": {"code": 7}}


def test_ids_stay_attributes_until_they_are_used() -> None:
    """Span events have no place for them; a log record has."""
    record = read({"message": "x", "trace_id": TRACE, "span_id": SPAN})
    assert record.attributes == {"trace_id": TRACE, "span_id": SPAN}
    assert record.trace == LineTrace(int(TRACE, 16), int(SPAN, 16), keys=("trace_id", "span_id"))


def test_numbers_that_are_not_finite_stay_texts() -> None:
    """JSON cannot write them, and strict receivers refuse all that comes along."""
    record = read('{"message": "x", "a": 1e999, "b": [NaN, -Infinity, 1e3]}')
    assert record.attributes == {"a": "1e999", "b": ["NaN", "-Infinity", 1000.0]}


def test_of_several_ids_that_are_none_of_ours_the_first_counts() -> None:
    """None of them has the form of Lambda's."""
    fields = {"level": "INFO", "message": "x", "requestId": "first", "request_id": "second"}
    assert read(fields).request_id == "first"
    nested = {"level": "INFO", "message": "x", "span": {"requestId": "first"}, "request_id": "b"}
    assert read(nested).request_id == "first"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"message": 0}, "0"),
        ({"message": 0, "order": 7}, "0"),
        ({"message": False}, "false"),
        ({"message": "", "msg": "paid"}, "paid"),
        ({"message": None, "msg": "paid"}, "paid"),
        ({"time": AT, "msg": {"a": "ä"}}, '{"a": "ä"}'),
        ({"time": AT, "msg": "{no json"}, "{no json"),
    ],
)
def test_the_first_text_that_says_something(fields: dict[str, Any], body: str) -> None:
    """A number says something, too; an empty text does not."""
    assert read({"level": "INFO", **fields}).body == body


def test_the_id_that_a_logger_tells_behind_a_prefix() -> None:
    """The prefix of Go's log has none."""
    line = f'2026/01/01 12:00:00 {{"msg":"x","requestId":"{REQUEST}"}}'
    assert read(line).request_id == REQUEST


def test_an_exception_without_a_message() -> None:
    """The type is all there is before the frames."""
    record = read({"message": "failed", "stack": "OrderError\n    at f (a.js:1)"})
    assert record.error == HandlerError(type="OrderError", stack="OrderError\n    at f (a.js:1)")
    with_message = read({"message": "failed", "stack_trace": STACK})
    assert with_message.error == HandlerError(type="OrderError", message="no", stack=STACK)


def test_causes_stay_behind_their_error() -> None:
    """A list of both, as structlog writes it; one without causes leaves nothing."""
    error, cause = ({"exc_type": name, "exc_value": "no"} for name in ("OrderError", "OSError"))
    for told, left in (([error], {}), ([error, cause], {"exception": [cause]})):
        record = read({"message": "failed", "exception": told})
        assert record.error == HandlerError(type="OrderError", message="no")
        assert record.attributes == left


@pytest.mark.parametrize(
    "fields",
    [
        {"exception": PYTHON, "exception_name": "OrderError"},
        {"err": {"type": "OrderError", "message": "no"}, "stack": PYTHON},
        {"error.type": "OrderError", "error.message": "no", "error.stack_trace": PYTHON},
    ],
)
def test_all_fields_of_an_exception_are_used(fields: dict[str, Any]) -> None:
    """None of them is an attribute beside it."""
    record = read({"message": "failed", **fields})
    assert record.error == HandlerError(type="OrderError", message="no", stack=PYTHON)
    assert record.attributes == {}


FRAMES = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    f()\n'


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        ("pg.UniqueViolation: duplicate\nDETAIL:  Key (id)=(1) already exists.\n",
         "pg.UniqueViolation", "duplicate\nDETAIL:  Key (id)=(1) already exists."),
        ("ValidationError: 1 error for Order\nitem\n  Field required\n    See also",
         "ValidationError", "1 error for Order\nitem\n  Field required\n    See also"),
        ("KeyError\nretried: twice", "KeyError", ""),
        ("app.f.<locals>.OrderError: no", "app.f.<locals>.OrderError", "no"),
        ("OrderError: the job wrote:\n" + FRAMES + "OSError: gone", "OrderError",
         "the job wrote:\n" + FRAMES + "OSError: gone"),
        ("OSError: disk\n\nDuring handling of the above exception, another exception occurred:\n\n"
         + FRAMES + "OrderError: no\nstock: 0", "OrderError", "no\nstock: 0"),
        ("OSError: a\nb: c\n\nThe above exception was the direct cause of the following exception:"
         "\n\n" + FRAMES + "OrderError", "OrderError", ""),
    ],
)  # fmt: skip
def test_messages_of_python_have_several_lines(raised: str, kind: str, message: str) -> None:
    """The exception is named below the frames; what follows is its message, or notes."""
    record = read({"level": "ERROR", "message": "failed", "exc_info": FRAMES + raised})
    stack = (FRAMES + raised).rstrip("\n")
    assert record.error == HandlerError(type=kind, message=message, stack=stack)


def test_a_trace_of_python_without_an_exception_is_an_attribute() -> None:
    """Frames alone, as they are cut or logged without an error, name no type."""
    record = read({"level": "ERROR", "message": "failed", "exc_info": FRAMES})
    assert (record.error, record.attributes) == (None, {"exc_info": FRAMES})


def test_node_writes_the_code_of_an_error_behind_its_type() -> None:
    """Node.js's own errors have one, which is no part of the type."""
    stack = "TypeError [ERR_INVALID_ARG_TYPE]: no path\n    at f (a.js:1:1)"
    record = read({"level": "error", "message": "failed", "stack": stack})
    assert record.error == HandlerError(type="TypeError", message="no path", stack=stack)


@pytest.mark.parametrize("name", ["mdc", "contextMap", "faas", "log", "record", "context"])
def test_a_text_under_the_name_of_an_object_is_an_attribute(name: str) -> None:
    """What loggers tell inside of that object is not there."""
    record = read({"level": "INFO", "message": "paid", name: "a text"})
    assert (record.body, record.severity, record.request_id) == ("paid", 9, "")
    assert (record.time_ns, record.attributes) == (ns(0), {name: "a text"})


def test_an_object_in_the_text_is_read_and_none_inside_of_it() -> None:
    """A logger wraps a line once."""
    inner = json.dumps({"message": json.dumps({"message": "x"})})
    for line in ({"message": {"message": {"message": "x"}}}, {"message": inner}):
        assert read(line).body == '{"message": "x"}'
        assert read(json.dumps(line)).body == '{"message": "x"}'


@pytest.mark.parametrize("line", ["2026/01/01 12:00:00 %s", "INFO: %s"])
def test_a_trace_context_behind_a_prefix(line: str) -> None:
    """The logger behind it knows the span."""
    trace = read(line % json.dumps({"msg": "x", "trace_id": TRACE, "span_id": SPAN})).trace
    assert trace == LineTrace(int(TRACE, 16), int(SPAN, 16), keys=("trace_id", "span_id"))


def test_an_exception_of_php() -> None:
    """The place where it was thrown stands for a stack that is not written."""
    told = "[object] (Shop\\OrderException(code: 7): no at /app/a.php:3)"
    for stack, expected in (
        ("", "/app/a.php:3"),
        ("\n[stacktrace]\n#0 b.php(9): f()", "#0 b.php(9): f()"),
    ):
        record = read({"level": "ERROR", "message": "failed", "exception": told + stack})
        assert record.error == HandlerError(
            type="Shop\\OrderException", message="no", stack=expected
        )


def test_what_the_line_around_tells_counts_where_the_one_inside_tells_nothing() -> None:
    """Time, level and trace are those of the function's own logger, if it has any."""
    outer = {"timestamp": iso(0.5), "level": "WARN", "trace_id": TRACE, "span_id": SPAN}
    own = {"timestamp": AT, "level": "ERROR", "trace_id": TRACE[::-1], "span_id": SPAN[::-1]}
    for inner, at, severity, trace in (
        ({}, iso(0.5), 13, TRACE),
        (own, AT, 17, TRACE[::-1]),
    ):
        record = read({**outer, "message": json.dumps({"msg": "x", **inner})})
        assert (record.time_ns, record.severity) == (parse_time(at), severity)
        assert record.trace is not None
        assert record.trace.trace_id == int(trace, 16)
    assert read("2026/01/01 12:00:00 " + json.dumps({"msg": "x", **own})).time_ns == ns(0.25)


def test_of_several_empty_texts_the_first_is_used() -> None:
    """The others may mean something to the user."""
    assert read({"level": "INFO", "message": "", "msg": ""}).attributes == {"msg": ""}
