"""Which spans there are of what is finished."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.assembly.finished import CallSpan, Invocation, JoinedSpan, LooseRecords
from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.requests import SpanWithLines
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import PhaseSpan
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import SpanLink, TraceContext
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.tapped import Tapped
from extension.telemetry.tap.trace_context import RemoteSpan
from tests.doubles import SequentialIds

CONTEXT = TraceContext(trace_id=1, span_id=2)


def builder(*, name: str = "shop", **more: Any) -> SpanBuilder:
    """Return a builder for a function."""
    identity = ResourceIdentity(function_name=name, region="eu-west-1")
    return SpanBuilder(ids=SequentialIds(), identity=identity, **more)


def line(body: Any = "b", *, at_ns: int = 5, **more: Any) -> Record:
    """Return a line."""
    return Record(time_ns=at_ns, observed_ns=at_ns, stream="function", body=body, **more)


def invocation(**more: Any) -> Invocation:
    """Return one that went well."""
    return Invocation(
        **{
            "context": CONTEXT, "request_id": "r", "start_ns": 1, "end_ns": 9,
            "status": "success", **more,
        }
    )  # fmt: skip


def sdk(*, has_consumer: bool = False, links: tuple[SpanLink, ...] = ()) -> SdkSpan:
    """Return the span that the SDK made of it."""
    return SdkSpan(
        request_id="r", trace_id=7, span_id=8, body=b"", has_consumer=has_consumer, links=links
    )


QUEUE = Tapped(cause=Cause(source="sqs", trigger="pubsub", kind="consumer", name="orders process"))
PLAIN = Tapped(cause=Cause(source="", trigger="other"))


@pytest.mark.parametrize(
    ("function", "more", "name", "kind"),
    [
        ("shop", {}, "shop", SpanKind.SERVER),
        ("", {}, "invocation", SpanKind.SERVER),
        ("shop", {"tapped": QUEUE}, "orders process", SpanKind.CONSUMER),
        ("shop", {"tapped": PLAIN}, "shop", SpanKind.SERVER),
        ("shop", {"tapped": QUEUE, "sdk": sdk()}, "orders process", SpanKind.CONSUMER),
        ("shop", {"tapped": QUEUE, "sdk": sdk(has_consumer=True)}, "shop", SpanKind.SERVER),
    ],
)
def test_the_span_of_an_invocation(
    function: str, more: dict[str, Any], name: str, kind: SpanKind
) -> None:
    """By its source, else by the function; the SDK's span of the messages is the only one."""
    [span] = builder(name=function).build(invocation(**more))
    assert (span.name, span.kind) == (name, kind)
    assert (span.start_time, span.end_time) == (1, 9)


def test_links_are_there_once_and_bounded() -> None:
    """Those by the event before those by the SDK, at most as many as OpenTelemetry allows."""
    senders = tuple(RemoteSpan(trace_id=number, span_id=1) for number in range(100, 200))
    by_event = Tapped(cause=Cause(source="sqs", trigger="pubsub", links=senders))
    by_sdk = tuple(SpanLink(trace_id=number, span_id=1) for number in range(150, 250))
    [span] = builder().build(invocation(tapped=by_event, sdk=sdk(links=by_sdk)))
    traces = [each.context.trace_id for each in span.links]
    assert traces[:100] == list(range(100, 200))
    assert len(traces) == len(set(traces)) == 128
    assert builder().build(invocation())[0].links == ()


def test_a_joined_span_is_none_of_ours() -> None:
    """It is sent as the SDK wrote it."""
    assert builder().build(JoinedSpan(span=sdk())) == []


@pytest.mark.parametrize(
    ("with_records", "records", "part", "names"),
    [
        (True, [line()], 0, ["late logs"]),
        (True, [line(), line(), line()], 0, ["late logs", "late logs"]),
        (True, [line()], 3, ["more logs"]),
        (True, [], 0, []),
        (False, [line()], 0, []),
    ],
)
def test_lines_that_travel_alone(
    with_records: bool, records: list[Record], part: int, names: list[str]
) -> None:
    """As many as a span carries; where they are log records there is no span."""
    made = builder(with_records=with_records, part=PartSize(2))
    loose = LooseRecords(records=tuple(records), part=part, request_id="r", context=CONTEXT)
    spans = made.build(loose)
    assert [span.name for span in spans] == names
    assert [(span.attributes or {}).get("lambda_dispatch.part") for span in spans] == [
        part or None
    ] * len(spans)
    assert all(span.parent is not None and span.parent.span_id == 2 for span in spans)


def test_a_carrier_lasts_from_its_first_line_to_its_last() -> None:
    """Whichever came first."""
    [span] = builder().build(LooseRecords(records=(line(at_ns=7), line(at_ns=3), line(at_ns=5))))
    assert (span.start_time, span.end_time) == (3, 7)


def call(**more: Any) -> CacheCall:
    """Return a call of the cache to AWS."""
    return CacheCall(
        **{
            "service": "SSM", "operation": "GetParameter", "name": "/a", "start_ns": 5,
            "end_ns": 8, **more,
        }
    )  # fmt: skip


TRACEPARENT = f"00-{1:032x}-{2:016x}-01"


@pytest.mark.parametrize(
    ("traceparent", "under", "is_remote"),
    [(TRACEPARENT, CONTEXT, True), ("", CONTEXT, False), (TRACEPARENT, None, None)],
)
def test_the_span_of_a_call(
    traceparent: str, under: TraceContext | None, is_remote: bool | None
) -> None:
    """Its parent is of another process where the GET has named it."""
    [span] = builder().build(CallSpan(call=call(traceparent=traceparent), context=under))
    assert (span.name, span.kind) == ("SSM.GetParameter", SpanKind.CLIENT)
    assert (span.parent.is_remote if span.parent else None) is is_remote


@pytest.mark.parametrize(("end_ns", "ended_ns"), [(8, 8), (3, 5)])
def test_a_call_does_not_end_before_it_began(end_ns: int, ended_ns: int) -> None:
    """The clock may have been set back."""
    [span] = builder().build(CallSpan(call=call(end_ns=end_ns)))
    assert (span.start_time, span.end_time) == (5, ended_ns)


def test_attributes_of_application_signals() -> None:
    """On invocations and calls, where they are wanted."""
    wanted = builder(local={"aws.local.service": "shop"})
    [of_invocation] = wanted.build(invocation())
    [of_call] = wanted.build(CallSpan(call=call()))
    kinds = [(of.attributes or {}).get("aws.span.kind") for of in (of_invocation, of_call)]
    assert kinds == ["LOCAL_ROOT", "CLIENT"]
    assert (of_call.attributes or {})["aws.remote.service"] == "AWS::SSM"
    [plain] = builder().build(invocation())
    assert "aws.span.kind" not in (plain.attributes or {})


REPORTED = HandlerError(type="E", message="m", stack="")
OTHER = HandlerError(type="F", message="n", stack="")


def initialization(**more: Any) -> Initialization:
    """Return an init."""
    return Initialization(
        **{
            "kind": "init", "context": TraceContext(trace_id=1, span_id=2, parent_span_id=3),
            "start_ns": 1, "end_ns": 9, "status": "success", **more,
        }
    )  # fmt: skip


def exceptions(span: SpanWithLines) -> list[tuple[str, int]]:
    """Return type and time of the exceptions of a span."""
    return [
        (str((event.attributes or {})["exception.type"]), event.timestamp) for event in span.events
    ]


LOGGED = line(error=REPORTED, evidence="runtime", at_ns=4)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, []),
        ({"records": (line(),)}, []),
        ({"records": (LOGGED,)}, [("E", 4)]),
        ({"reported": OTHER, "reported_ns": 6}, [("F", 6)]),
        ({"records": (LOGGED,), "reported": REPORTED, "reported_ns": 6}, [("E", 6)]),
    ],
)
def test_why_an_init_failed(more: dict[str, Any], found: list[tuple[str, int]]) -> None:
    """As the runtime has reported it, else as its line says."""
    [span] = builder().build(initialization(status="error", **more))
    assert exceptions(span) == found


@pytest.mark.parametrize(("reported", "repeated"), [(REPORTED, []), (OTHER, [("F", 6)])])
def test_an_exception_with_a_record_is_not_repeated(
    reported: HandlerError, repeated: list[tuple[str, int]]
) -> None:
    """One that no line tells stands on the span."""
    done = initialization(status="error", records=(LOGGED,), reported=reported, reported_ns=6)
    [span] = builder(with_records=False).build(done)
    assert exceptions(span) == repeated


def test_phases_are_children_and_the_init_is_not_ours() -> None:
    """Their durations are milliseconds; the platform began what is above."""
    phase = PhaseSpan(name="p", start_ns=10, duration_ms=1.5)
    span, child = builder().build(initialization(spans=(phase,)))
    assert span.parent is not None
    assert span.parent.is_remote
    assert (child.start_time, child.end_time) == (10, 1_500_010)
    assert child.parent is not None
    assert (child.parent.span_id, child.parent.is_remote) == (2, False)


def test_limits_and_counts_are_those_it_is_given() -> None:
    """Of attributes, and of lines that cannot be encoded."""
    health = Health()
    made = builder(limits=Limits(count=1), health=health)
    [span] = made.build(invocation(records=(line(object()),)))
    assert len(span.attributes or {}) == 1
    assert health.dropped == {"unencodable": 1}
