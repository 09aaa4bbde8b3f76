"""Small lines that real runtimes wrote, and the log record that each must become.

Times are near noon, the request is the same in all of them, and long stacks are cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from extension.telemetry.assembly.invocations import Assembler
from simulator.aws.endpoints.stored_event import plain
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.log_records import leaving
from tests.runtimes.cases import REQUEST, TIME

MILLISECONDS = 1_000_000
TOOK_NS = given.ns(1.51)
"""When the platform took the line, ten milliseconds after the runtime wrote it."""


class Line(NamedTuple):
    """A line and what its record says; `early_ms` is how long before the platform's time."""

    runtime: str
    written: Any
    severity: int
    level: str
    body: str
    attributes: Mapping[str, Any] = MappingProxyType({})
    early_ms: int = 0


def error(kind: str, message: str, stack: str = "") -> dict[str, Any]:
    """Return the attributes of an exception."""
    told = {"type": kind, "message": message, "stacktrace": stack}
    return {f"exception.{name}": value for name, value in told.items() if value}


WRAPPED = {"timestamp": TIME, "level": "INFO", "requestId": REQUEST}
"""What the platform puts around what is printed, where logs are JSON."""

RUST_SPAN = f'Lambda runtime invoke{{requestId="{REQUEST}" xrayTraceId="Root=1-a"}}: '
RUST_FIELDS = {"requestId": REQUEST, "name": "Lambda runtime invoke"}
RUST = {"level": "ERROR", "span": RUST_FIELDS, "spans": [RUST_FIELDS]}
OWN = '{"level":"warn","msg":"own json","order":7}'
PYTHON_STACK = 'Traceback (most recent call last):\n  File "/var/task/app.py", line 12, in handler'
JAVA_STACK = "example.OrderException: no such order\n\tat example.Handler.handleRequest(H.java:27)"
JAVA_REPORT = f"no such order: example.OrderException\n{JAVA_STACK}\n\n"
FRAME = {"class": "example.Handler", "method": "handleRequest", "file": "H.java", "line": 22}
NODE_STACK = "OrderError: no\n    at Runtime.handler (file:///var/task/app.mjs:15:25)"
NODE_ERROR = {
    "errorType": "OrderError", "errorMessage": "no", "stackTrace": NODE_STACK.split("\n"),
}  # fmt: skip
RUBY = json.dumps(
    {"errorMessage": "no", "errorType": "Function<OrderError>", "stackTrace": ["app.rb:18"]},
    indent=2,
)
GO_FRAME = '{"path":"main.go","line":9,"label":"f"}'
GO_PANIC = f'{{"errorMessage":"no","errorType":"plainError","stackTrace":[{GO_FRAME}]}}'
DOTNET = "Shop.OrderException: no\n   at Shop.Function.Handler() in /src/F.cs:line 9"

LINES = [
    Line("Python", "plain print\n", 0, "", "plain print"),
    Line("Python", f"[WARNING]\t{TIME}\t{REQUEST}\tlogger warn\n", 13, "WARNING", "logger warn",
         early_ms=10),
    Line("Python", f"[ERROR]\t{TIME}\t{REQUEST}\thandled\n{PYTHON_STACK}", 17, "ERROR",
         f"handled\n{PYTHON_STACK}", early_ms=10),
    Line("Python", f"{OWN}\n", 13, "warn", "own json", {"order": 7}),
    Line("Python", f"[ERROR] OrderError: no\nmore\n{PYTHON_STACK}", 17, "ERROR",
         f"[ERROR] OrderError: no\nmore\n{PYTHON_STACK}",
         error("OrderError", "no\nmore", PYTHON_STACK)),
    Line("Python, JSON", {**WRAPPED, "message": "plain print"}, 9, "INFO", "plain print",
         early_ms=10),
    Line("Python, JSON", {**WRAPPED, "level": "ERROR", "message": "handled", "logger": "root",
                          "errorType": "ZeroDivisionError", "errorMessage": "division by zero",
                          "stackTrace": ["  File a.py\n"], "location": "a.py:f:13"},
         17, "ERROR", "handled",
         {**error("ZeroDivisionError", "division by zero", "  File a.py"), "logger": "root",
          "location": "a.py:f:13"}, early_ms=10),
    Line("Python, JSON", {**WRAPPED, "level": "ERROR", "errorType": "OrderError",
                          "errorMessage": "no", "stackTrace": ["  File a.py\n"]},
         17, "ERROR", "OrderError: no", error("OrderError", "no", "  File a.py"), early_ms=10),
    Line("Node.js", f"{TIME}\t{REQUEST}\tINFO\tmulti\nline\n  print\n", 9, "INFO",
         "multi\nline\n  print", early_ms=10),
    Line("Node.js", f"{TIME}\t{REQUEST}\tINFO\t{OWN}\n", 13, "warn", "own json", {"order": 7},
         early_ms=10),
    Line("Node.js", f"{TIME}\tundefined\tERROR\t{NODE_STACK}\n", 17, "ERROR", NODE_STACK,
         early_ms=10),
    Line("Node.js", "raw stdout\n", 0, "", "raw stdout"),
    Line("Node.js", f'{TIME}\t{REQUEST}\tERROR\tInvoke Error \t{{"errorType":"OrderError",'
                    '"errorMessage":"no","stack":["OrderError: no"]}\n',
         17, "ERROR", 'Invoke Error \t{"errorType":"OrderError","errorMessage":"no",'
         '"stack":["OrderError: no"]}', error("OrderError", "no", "OrderError: no"), early_ms=10),
    Line("Node.js, JSON", {**WRAPPED, "level": "TRACE", "message": "a trace"}, 1, "TRACE",
         "a trace", early_ms=10),
    Line("Node.js, JSON", {**WRAPPED, "message": {"order": 7, "nested": {"a": [1, 2]}}}, 9, "INFO",
         '{"order": 7, "nested": {"a": [1, 2]}}', {"order": 7, "nested": {"a": [1, 2]}},
         early_ms=10),
    Line("Node.js, JSON", {**WRAPPED, "level": "ERROR", "message": NODE_ERROR}, 17, "ERROR",
         "OrderError: no", error("OrderError", "no", NODE_STACK), early_ms=10),
    Line("Node.js, JSON", {**WRAPPED, "level": "ERROR", "message": f"failed: {NODE_STACK}",
                           **NODE_ERROR},
         17, "ERROR", f"failed: {NODE_STACK}", error("OrderError", "no", NODE_STACK), early_ms=10),
    Line("Java", f"2026-01-01 12:00:01 {REQUEST} INFO  Handler - log4j info\n", 9, "INFO",
         "log4j info", {"logger": "Handler"}),
    Line("Java", "[WARN] context logger warn", 13, "WARN", "context logger warn"),
    Line("Java", "context logger line", 0, "", "context logger line"),
    Line("Java", JAVA_REPORT, 17, "ERROR", JAVA_REPORT.rstrip(),
         error("example.OrderException", "no such order", JAVA_STACK)),
    Line("Java, JSON", {"timestamp": TIME, "level": "ERROR", "message": "log4j error",
                        "logger": "example.Handler", "errorType": "java.lang.IllegalStateException",
                        "errorMessage": "handled", "stackTrace": [FRAME], "AWSRequestId": REQUEST},
         17, "ERROR", "log4j error",
         {**error("java.lang.IllegalStateException", "handled",
                  "\tat example.Handler.handleRequest(H.java:22)"), "logger": "example.Handler"},
         early_ms=10),
    Line("Java, JSON", {"timestamp": TIME, "message": "context logger line", "level": "UNDEFINED",
                        "AWSRequestId": REQUEST},
         0, "", "context logger line", {"level": "UNDEFINED"}, early_ms=10),
    Line("Java, JSON", {"timestamp": TIME, "message": JAVA_REPORT, "level": "ERROR",
                        "AWSRequestId": REQUEST},
         17, "ERROR", JAVA_REPORT, error("example.OrderException", "no such order", JAVA_STACK),
         early_ms=10),
    Line("Ruby", f"W, [2026-01-01T12:00:01.500000 #8330]  WARN {REQUEST} -- : logger warn", 13,
         "WARN", "logger warn", early_ms=10),
    Line("Ruby", "multi\nline\n", 0, "", "multi\nline"),
    Line("Ruby", f"{RUBY}\n", 17, "ERROR", "OrderError: no",
         error("OrderError", "no", "app.rb:18")),
    Line("Go", "2026/01/01 12:00:01 plain go log\n", 0, "", "plain go log"),
    Line("Go", f'{{"time":"2026-01-01T12:00:01.5000000Z","level":"WARN","msg":"slog warn",'
               f'"requestId":"{REQUEST}","order":8}}\n',
         13, "WARN", "slog warn", {"order": 8}, early_ms=10),
    Line("Go", '2026/01/01 12:00:01 {"errorMessage":"no","errorType":"OrderError"}\n', 17, "ERROR",
         "OrderError: no", error("OrderError", "no")),
    Line("Go", f"2026/01/01 12:00:01 {GO_PANIC}\n", 17, "ERROR", "plainError: no",
         error("plainError", "no", "f\n\tmain.go:9")),
    Line("Rust", f" INFO {RUST_SPAN}tracing info order=7\n", 9, "INFO", "tracing info order=7"),
    Line("Rust", f'ERROR {RUST_SPAN}OrderError("42")\n', 17, "ERROR", 'OrderError("42")',
         error("OrderError", 'OrderError("42")')),
    Line("Rust, JSON", {**RUST, "level": "WARN", "fields": {"message": "low", "order": 8}}, 13,
         "WARN", "low",
         {"fields": {"order": 8}, "span": RUST_FIELDS, "spans": [RUST_FIELDS]}),
    Line("Rust, JSON", {**RUST, "fields": {"message": 'OrderError("42")'}}, 17, "ERROR",
         'OrderError("42")', {**error("OrderError", 'OrderError("42")'), "span": RUST_FIELDS,
                              "spans": [RUST_FIELDS]}),
    Line(".NET", f"{TIME}\t{REQUEST}\twarn\tlow\n", 13, "warn", "low", early_ms=10),
    Line(".NET", f"{TIME}\t{REQUEST}\tfail\t{DOTNET}\n", 17, "fail", DOTNET,
         error("Shop.OrderException", "no", DOTNET.partition("\n")[2]), early_ms=10),
    Line(".NET, JSON", {**WRAPPED, "level": "Error", "message": "failed 7", "traceId": "Root=1-a",
                        "order": 7, "errorType": "Shop.OrderException", "errorMessage": "no",
                        "stackTrace": ["at Shop.F()"]},
         17, "Error", "failed 7", {**error("Shop.OrderException", "no", "at Shop.F()"),
                                   "traceId": "Root=1-a", "order": 7}, early_ms=10),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.runtime}: {line.body[:30]}")
def test_record(line: Line) -> None:
    """Body, severity, time, the fields that nothing used, and the exception."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    took = given.event("function", 1.51, line.written)
    finished = assemble(into, [[given.start(REQUEST, 1), took, given.done(REQUEST, 2)]])
    [record] = [record for each in finished for record in leaving(each)]
    assert (record.severity_number, record.severity_text) == (line.severity, line.level)
    assert record.body.string_value == line.body
    assert record.observed_time_unix_nano == TOOK_NS
    assert (TOOK_NS - record.time_unix_nano) // MILLISECONDS == line.early_ms
    seen = {each.key: plain(each.value) for each in record.attributes}
    assert seen == {"faas.invocation_id": REQUEST, **line.attributes}
