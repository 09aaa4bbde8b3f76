"""Whole traces as they are exported, each a literal to be read as the specification."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.records import read_record
from extension.telemetry.reading.xray import TraceParent
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent
from tests.span_text import as_text

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:shop:live"


def exported(
    *deliveries: Sequence[JsonEvent],
    trace_parent: TraceParent = "xray",
    concurrent: bool = False,
    shutdown: str = "",
    lines: int = 128,
) -> str:
    """Return the spans that deliveries, and at last SHUTDOWN, give."""
    ids = SequentialIds()
    identity = ResourceIdentity(function_name="shop", account_id="123456789012")
    builder = SpanBuilder(ids=ids, identity=identity, part=PartSize(lines))
    into = Assembler(
        ids=ids, trace_parent=trace_parent, concurrent=concurrent, part=PartSize(lines)
    )
    if not concurrent:
        into.invoke("r", tracing="", invoked_arn=ARN, now_ns=given.ns(1))
    finished = assemble(into, deliveries, concurrent=concurrent)
    if shutdown:
        finished += into.end(reason=shutdown, now_ns=given.ns(60))
    return as_text(span for each in finished for span in builder.build(each))


def phase(name: str, begin: float, seconds: float) -> JsonEvent:
    """Return one of the parts that the platform measures."""
    return {"name": name, "start": given.iso(begin), "durationMs": seconds * 1000}


def test_a_cold_start() -> None:
    """Init and invocation are siblings under X-Ray's segment; the report adds the overhead."""
    done = given.done(
        "r",
        2,
        metrics={"durationMs": 1000, "producedBytes": 50},
        spans=[phase("responseLatency", 1, 0.9), phase("responseDuration", 1.9, 0.1)],
    )
    costs: dict[str, Any] = {"billedDurationMs": 1100, "memorySizeMB": 128, "maxMemoryUsedMB": 75}
    assert (
        exported(
            [*given.init(0, 1), given.line("loading\n", 0.5)],
            [given.start("r", 1), given.line({"level": "INFO", "message": "paid", "n": 2}, 1.5)],
            [done],
            [given.report("r", 2.1, **costs, initDurationMs=1000.5)],
        )
        == """\
init  0 to 1  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 1 under 53995c3f42cd8ad8
  lambda_dispatch.init.type = 'on-demand'
  lambda_dispatch.init.phase = 'init'
  lambda_dispatch.status = 'success'
  * 0.5 log log.message='loading'
shop  1 to 2  SERVER UNSET
  5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0 under 53995c3f42cd8ad8
  faas.invocation_id = 'r'
  faas.coldstart = True
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'success'
  lambda_dispatch.duration_ms = 1000
  lambda_dispatch.produced_bytes = 50
  * 1.5 log log.message='paid' log.severity='INFO' n=2
responseLatency  1 to 1.9  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 2 under 24cd7d670fa455f0
responseDuration  1.9 to 2  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 3 under 24cd7d670fa455f0
extension overhead  2 to 2.1  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 4 under 24cd7d670fa455f0
  faas.invocation_id = 'r'
  lambda_dispatch.billed_duration_ms = 1100
  lambda_dispatch.max_memory_used_bytes = 78643200
  lambda_dispatch.init_duration_ms = 1000.5
"""
    )


def test_a_timeout() -> None:
    """The platform says so in runtimeDone; what the function wrote until then is there."""
    done = given.done("r", 4, status="timeout", metrics={"durationMs": 3000})
    assert (
        exported([given.start("r", 1), given.line("working", 2), done])
        == """\
shop  1 to 4  SERVER ERROR 'timeout'
  5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0 under 53995c3f42cd8ad8
  faas.invocation_id = 'r'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'timeout'
  error.type = 'timeout'
  lambda_dispatch.duration_ms = 3000
  * 2 log log.message='working'
"""
    )


def test_a_timeout_of_which_nobody_told() -> None:
    """RuntimeDone never came: SHUTDOWN's reason is the verdict, its time the end."""
    assert (
        exported([given.start("r", 1, traced=False)], shutdown="timeout")
        == """\
shop  1 to 60  SERVER ERROR 'timeout'
  00000000000000000000000000000001 1
  faas.invocation_id = 'r'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'timeout'
  error.type = 'timeout'
"""
    )


def test_out_of_memory() -> None:
    """An exit with all memory used is called by its name, once, on the invocation."""
    report = given.report("r", 2.1, status="error", memorySizeMB=128, maxMemoryUsedMB=128)
    assert (
        exported([given.start("r", 1), given.exited("r", 2)], [report])
        == """\
shop  1 to 2  SERVER ERROR 'Runtime.OutOfMemory'
  5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0 under 53995c3f42cd8ad8
  faas.invocation_id = 'r'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'error'
  error.type = 'Runtime.OutOfMemory'
extension overhead  2 to 2.1  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 1 under 24cd7d670fa455f0
  faas.invocation_id = 'r'
  lambda_dispatch.max_memory_used_bytes = 134217728
"""
    )


def test_a_handler_that_raised() -> None:
    """The platform calls it a success; the runtime's own report in the log decides."""
    text = "[ERROR] KeyError: 'user'\nTraceback (most recent call last):\n  File a\n"
    assert (
        exported([given.start("r", 1), given.line(text, 1.5), given.done("r", 2)])
        == """\
shop  1 to 2  SERVER ERROR "'user'"
  5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0 under 53995c3f42cd8ad8
  faas.invocation_id = 'r'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'success'
  error.type = 'KeyError'
  lambda_dispatch.error.inferred_from_log = True
  * 1.5 exception exception.type='KeyError' exception.message="'user'" \
exception.stacktrace='Traceback (most recent call last):\\n  File a'
  * 1.5 log log.message="[ERROR] KeyError: 'user'\\nTraceback (most recent call last):\\n  File a" \
log.severity='ERROR'
"""
    )


def report_of_error(*, followed: bool) -> list[JsonEvent]:
    """Return an invocation in which Node logs an error as JSON, and perhaps goes on."""
    error = {"errorType": "OrderError", "errorMessage": "no", "stackTrace": ["OrderError: no"]}
    lines = [given.line({"level": "ERROR", "message": error}, 1.5)]
    lines += [given.line({"level": "INFO", "message": "retried"}, 1.6)] * followed
    return [given.start("r", 1), *lines, given.done("r", 2)]


def test_a_handled_error_in_the_json_of_node() -> None:
    """It looks like the runtime's report, but the function went on."""
    text = exported(report_of_error(followed=True))
    assert "SERVER UNSET" in text
    assert "error.type" not in text
    assert "SERVER ERROR 'no'" in exported(report_of_error(followed=False))


def test_the_cut_of_deliveries_does_not_change_the_verdict() -> None:
    """What follows an error decides whether it comes with it or later."""
    for followed in (True, False):
        events = report_of_error(followed=followed)
        whole = exported(events)
        assert all(exported(events[:cut], events[cut:]) == whole for cut in range(1, len(events)))


def test_a_handled_error_on_a_managed_instance() -> None:
    """The platform says that the handler succeeded, so it did."""
    request_id = "aaaaaaaa-1111-4111-8111-111111111111"
    error = {"errorType": "OrderError", "errorMessage": "no", "stackTrace": ["a"]}
    line = given.line({"level": "ERROR", "requestId": request_id, "message": error}, 1.5)
    for status, expected in (("success", "UNSET"), ("error", "ERROR 'no'")):
        fields = {"errorType": "Runtime.Unknown"} if status == "error" else {}
        end = given.platform("report", 2, requestId=request_id, status=status, **fields)
        text = exported([given.start(request_id, 1, traced=False), line, end], concurrent=True)
        assert f"SERVER {expected}" in text
        assert ("error.type = 'OrderError'" in text) is (status == "error")
        assert ("* 1.5 exception" in text) is (status == "error")


def test_an_exit_is_explained_by_the_runtimes_report() -> None:
    """The platform knows only that the process ended."""
    request = "8286a188-ba32-4475-8077-530cd35c09a9"
    mark = "ERROR\tUncaught Exception \t"
    line = f'{given.iso(1.5)}\t{request}\t{mark}{{"errorType":"OrderError","errorMessage":"no"}}'
    text = exported(
        [given.start("r", 1), given.line(line, 1.5), given.exited("r", 2)],
        [given.report("r", 2.1, status="error")],
    )
    assert "SERVER ERROR 'no'" in text
    assert "error.type = 'OrderError'" in text


def test_a_handled_exception_is_no_event_of_its_own() -> None:
    """Its type, message and stack are on the event of its line."""
    fields = {
        "level": "ERROR",
        "message": "x",
        "logger": "a",
        "errorType": "E",
        "errorMessage": "m",
    }
    text = exported([given.start("r", 1), given.line(fields, 1.5), given.done("r", 2)])
    assert "* 1.5 exception" not in text
    assert "exception.type='E' exception.message='m'" in text


def exported_exceptions(*, repeat: bool, keep: bool = True) -> int:
    """Return how many exceptions the span tells where lines are log records."""
    builder = SpanBuilder(
        ids=SequentialIds(), identity=ResourceIdentity(function_name="shop", account_id=""),
        with_records=False, repeat_exceptions=repeat,
    )  # fmt: skip
    into = Assembler(ids=SequentialIds(), stream_records=True)
    assemble(into, [[given.start("r", 1)]])
    text = "[ERROR] KeyError: 'user'\nTraceback (most recent call last):\n  File a\n"
    line = LogLine(time_ns=given.ns(1.5), stream="function", record=text)
    into.feed_record(read_record(line), keep=keep)
    [invocation] = assemble(into, [[given.done("r", 2)]])
    [span] = builder.build(invocation)
    assert span.status.description == "'user'"
    return len(span.events)


def test_a_long_message_is_cut_in_the_status_as_in_attributes() -> None:
    """Back ends refuse spans of hundreds of kilobytes, and what was cut is counted."""
    cut: Counter[str] = Counter()
    ids = SequentialIds()
    text = f"[ERROR] KeyError: {'user' * 100}\nTraceback (most recent call last):\n  File a\n"
    events = [given.start("r", 1), given.line(text, 1.5), given.done("r", 2)]
    builder = SpanBuilder(ids=ids, identity=ResourceIdentity(), limits=Limits(length=100, cut=cut))
    [invocation] = assemble(Assembler(ids=ids), [events])
    [span, *_] = builder.build(invocation)
    assert span.status.description is not None
    assert len(span.status.description) <= 100
    assert "characters cut" in span.status.description
    assert cut["values"] >= 1


def test_an_exception_is_told_once() -> None:
    """By its log record, where there is one; the user may ask for both."""
    assert exported_exceptions(repeat=False) == 0
    assert exported_exceptions(repeat=True) == 1
    assert exported_exceptions(repeat=False, keep=False) == 1


def test_a_restore_from_a_snapshot() -> None:
    """The restore stands where the init would; the snapshot's own init, a month old, is no span."""
    restore = [
        given.platform("restoreStart", 0.5, functionName="shop", instanceId="stream"),
        given.platform("restoreRuntimeDone", 0.9, status="success"),
        given.platform("restoreReport", 1, status="success", metrics={"durationMs": 500}),
    ]
    old = given.init(-2_592_000, 4, kind="snap-start")
    assert (
        exported([*old, *restore, given.start("r", 1)], [given.done("r", 2)])
        == """\
restore  0.5 to 1  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 1 under 53995c3f42cd8ad8
  lambda_dispatch.init.type = 'snap-start'
  lambda_dispatch.status = 'success'
shop  1 to 2  SERVER UNSET
  5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0 under 53995c3f42cd8ad8
  faas.invocation_id = 'r'
  faas.coldstart = True
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  lambda_dispatch.status = 'success'
"""
    )


def test_a_minute_on_a_managed_instance() -> None:
    """Requests run at once and know no runtimeDone; lines belong by request id alone."""
    a, b = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-1111-4111-8111-111111111111"
    assert (
        exported(
            given.init(-300, 2, kind="lambda-managed-instances"),
            [given.start(a, 1, traced=False), given.start(b, 2, traced=False)],
            [
                given.line({"requestId": b, "level": "ERROR", "message": "no stock"}, 2.5),
                given.line({"requestId": a, "message": "paid"}, 3),
                given.report(b, 4, status="error", durationMs=1500),
            ],
            [
                given.platform(
                    "report",
                    6,
                    requestId=a,
                    status="success",
                    tenantId="blue",
                    metrics={"durationMs": 4000},
                    spans=[phase("responseLatency", 1, 3.5)],
                )
            ],
            concurrent=True,
        )
        == """\
init  -300 to -298  INTERNAL UNSET
  00000000000000000000000000000002 2
  lambda_dispatch.init.type = 'lambda-managed-instances'
  lambda_dispatch.init.phase = 'init'
  lambda_dispatch.status = 'success'
  -> 00000000000000000000000000000001 1
shop  2 to 3.5  SERVER ERROR 'error'
  00000000000000000000000000000001 1
  faas.invocation_id = 'bbbbbbbb-1111-4111-8111-111111111111'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.account.id = '123456789012'
  lambda_dispatch.status = 'error'
  error.type = 'error'
  * 2.5 log log.message='no stock' log.severity='ERROR'
shop  1 to 5  SERVER UNSET
  00000000000000000000000000000003 3
  faas.invocation_id = 'aaaaaaaa-1111-4111-8111-111111111111'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.account.id = '123456789012'
  lambda_dispatch.status = 'success'
  lambda_dispatch.tenant_id = 'blue'
  * 3 log log.message='paid'
responseLatency  1 to 4.5  INTERNAL UNSET
  00000000000000000000000000000003 4 under 3
"""
    )


def test_a_link_instead_of_a_parent() -> None:
    """For back ends that never see X-Ray's segments: a trace of our own that points at them."""
    assert (
        exported([given.start("r", 1), given.done("r", 2)], trace_parent="link")
        == """\
shop  1 to 2  SERVER UNSET
  00000000000000000000000000000001 1
  faas.invocation_id = 'r'
  faas.coldstart = False
  faas.trigger = 'other'
  faas.version = '$LATEST'
  cloud.resource_id = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:$LATEST'
  cloud.account.id = '123456789012'
  aws.lambda.invoked_arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop:live'
  aws.xray.trace_id = '1-5759e988-bd862e3fe1be46a994272793'
  lambda_dispatch.status = 'success'
  -> 5759e988bd862e3fe1be46a994272793 24cd7d670fa455f0
"""
    )


def test_more_lines_than_a_span_carries() -> None:
    """The first are on the span itself, the others on further ones below it, in their order."""
    lines = [given.line(f"line {number}", 1.5 + number / 10) for number in range(5)]
    text = exported([given.start("r", 1), *lines, given.done("r", 2)], lines=2)
    full, span, rest = re.split(r"^(?=shop|more logs  1.9)", text, flags=re.MULTILINE)
    assert (
        full
        == """\
more logs  1.7 to 1.8  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 1 under 24cd7d670fa455f0
  faas.invocation_id = 'r'
  lambda_dispatch.part = 2
  * 1.7 log log.message='line 2'
  * 1.8 log log.message='line 3'
"""
    )
    assert span.endswith("  * 1.5 log log.message='line 0'\n  * 1.6 log log.message='line 1'\n")
    assert (
        rest
        == """\
more logs  1.9 to 1.9  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 2 under 24cd7d670fa455f0
  faas.invocation_id = 'r'
  lambda_dispatch.part = 3
  * 1.9 log log.message='line 4'
"""
    )


def test_more_lines_of_an_init_than_a_span_carries() -> None:
    """They are below the span of the init."""
    lines = [given.line(f"line {number}", 0.5) for number in range(3)]
    events = [*given.init(0, 1), *lines, given.start("r", 1), given.done("r", 2)]
    text = exported(events, lines=2)
    assert text.startswith("init ")
    assert (
        """\
more logs  0.5 to 0.5  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 2 under 1
  lambda_dispatch.part = 2
  * 0.5 log log.message='line 2'
"""
        in text
    )


def test_the_exception_does_not_fall_to_the_limit() -> None:
    """However many lines came before it, what left the handler is on the span."""
    lines = [given.line(f"line {number}", 1.5) for number in range(5)]
    error = given.line("[ERROR] E: x\nTraceback (most recent call last):\n f", 1.6)
    text = exported([given.start("r", 1), *lines, error, given.done("r", 2)], lines=2)
    assert "* 1.6 exception exception.type='E'" in text


def test_a_line_later_than_its_span() -> None:
    """It follows on a span of its own under the invocation, and is not lost."""
    text = exported([given.start("r", 1), given.done("r", 2)], [given.line("late", 1.5)])
    assert text.endswith(
        """\
late logs  1.5 to 1.5  INTERNAL UNSET
  5759e988bd862e3fe1be46a994272793 1 under 24cd7d670fa455f0
  faas.invocation_id = 'r'
  * 1.5 log log.message='late'
"""
    )


def test_what_a_restore_took_and_cost_comes_with_the_report() -> None:
    """Restores of SnapStart are billed, too."""
    end = given.platform(
        "report",
        2.1,
        requestId="r",
        status="success",
        metrics={"durationMs": 1000, "restoreDurationMs": 9.5, "billedRestoreDurationMs": 10},
    )
    text = exported([given.start("r", 1), given.done("r", 2)], [end])
    assert "lambda_dispatch.restore_duration_ms = 9.5" in text
    assert "lambda_dispatch.billed_restore_duration_ms = 10" in text
