"""Records as OTLP log records."""

from __future__ import annotations

from typing import Any

from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.otlp.logs import build_logs
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds


def logs(*events: given.JsonEvent) -> list[dict[str, Any]]:
    """Return what the log records of one delivery say."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    built = [record.log_record for each in assemble(into, [events]) for record in build_logs(each)]
    return [
        {
            "at": record.timestamp,
            "body": record.body,
            "severity": record.severity_number.value if record.severity_number else 0,
            "trace": record.trace_id,
            "span": record.span_id,
            "attributes": dict(record.attributes or {}),
        }
        for record in built
    ]


def test_a_line_has_the_ids_of_its_invocation() -> None:
    """Body, severity, time and structured fields, with trace and span to jump to."""
    told = {"level": "WARN", "message": "low", "timestamp": given.iso(1.25), "stock": {"a": 1}}
    assert logs(given.start("r", 1), given.line(told, 1.5)) == [
        {
            "at": given.ns(1.25),
            "body": "low",
            "severity": 13,
            "trace": given.TRACE_ID,
            "span": int(given.RESERVED, 16),
            "attributes": {
                "stock": '{"a": 1}',
                "faas.invocation_id": "r",
                "log.iostream": "function",
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


def test_a_line_of_nobody_has_no_ids() -> None:
    """Without an invocation there is no trace to name."""
    into = Assembler(ids=SequentialIds(), concurrent=True, stream_records=True)
    finished = assemble(
        into, [[given.start("r", 1), given.report("r", 2), given.line("anonymous", 3)]]
    )
    [record] = build_logs(finished[-1])
    assert (record.log_record.trace_id, record.log_record.span_id) == (0, 0)
