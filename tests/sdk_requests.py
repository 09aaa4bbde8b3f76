"""Requests as SDKs in functions send them, and what leaves the pipeline, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.process.ids import Ids
from extension.redaction.redactor import Redactor
from extension.settings.sharing import Share
from extension.telemetry.assembly.details import Details
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.sampling import Sampler
from extension.telemetry.export.buffer import Buffer, PendingItem
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.xray import TraceParent
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import ManualClock, SequentialIds
from tests.platform_events import JsonEvent

PYTHON = "opentelemetry.instrumentation.aws_lambda"
JAVA = "io.opentelemetry.aws-lambda-events-2.2"
SDK_TRACE = 0xAAAA
CALLER = 0xCA11
"""The span that called the function."""

INVOCATION = 0x51
PRICE = 0x52
BATCH = 0x53


def sdk_span(
    name: str,
    span_id: int,
    *,
    parent: int = 0,
    kind: str = "INTERNAL",
    trace: int = SDK_TRACE,
    at: float = 1.2,
    links: Sequence[tuple[int, int]] = (),
    flags: int = 0x101,
    **attributes: str,
) -> Any:
    """Return one span; attributes with two underscores for the dot."""
    span = Span(
        name=name,
        trace_id=trace.to_bytes(16),
        span_id=span_id.to_bytes(8),
        parent_span_id=parent.to_bytes(8) if parent else b"",
        kind=Span.SpanKind.Value(f"SPAN_KIND_{kind}"),
        start_time_unix_nano=given.ns(at),
        end_time_unix_nano=given.ns(at + 0.1),
        flags=flags,
    )
    for key, value in attributes.items():
        span.attributes.add(key=key.replace("__", ".")).value.string_value = value
    for trace_id, linked in links:
        span.links.add(trace_id=trace_id.to_bytes(16), span_id=linked.to_bytes(8))
    return span


def invocation_span(
    request_id: str, span_id: int = INVOCATION, *, kind: str = "SERVER", **more: Any
) -> Any:
    """Return the span that an instrumentation makes of an invocation."""
    return sdk_span("handler", span_id, kind=kind, faas__invocation_id=request_id, **more)


def request(*spans: Any, scope: str = PYTHON, work: Sequence[Any] = ()) -> bytes:
    """Return a request with spans of the instrumentation, and others of the user's `work`."""
    sent = ExportTraceServiceRequest()
    of = sent.resource_spans.add()
    of.resource.attributes.add(key="service.name").value.string_value = "shop"
    if work:
        of.scope_spans.add(spans=work).scope.name = "shop"
    if spans:
        of.scope_spans.add(spans=spans).scope.name = scope
    encoded: bytes = sent.SerializeToString()
    return encoded


class Stage:
    """A pipeline whose platform and SDK the test plays; `ids` count from 1."""

    def __init__(
        self,
        *,
        trace_parent: TraceParent = "sdk",
        concurrent: bool = False,
        signals: Sequence[str] = ("traces",),
        logs_from: str = "both",
        ids: Ids | None = None,
        stream_records: bool = False,
        ratio: float | Share = 1.0,
        detail_below: int = 0,
        slow_ms: int = 0,
        meter: Meter | None = None,
        buffer_bytes: int = 4 * 1_048_576,
    ) -> None:
        self.health = Health()
        self.buffer = Buffer(max_bytes=buffer_bytes, dropped=self.health.dropped)
        filtered, dropped = self.health.filtered, self.health.dropped
        details = Details(below=detail_below, slow_ms=slow_ms, filtered=filtered)
        share = ratio if isinstance(ratio, Share) else Share(ratio)
        self.sampler = Sampler(
            share=share, slow_ms=slow_ms, concurrent=concurrent, filtered=filtered, dropped=dropped
        )
        drawn = ids or SequentialIds()
        self.pipeline = Pipeline(
            assembler=Assembler(
                ids=drawn,
                trace_parent=trace_parent,
                concurrent=concurrent,
                stream_records=stream_records,
                details=details if detail_below else None,
            ),
            encoder=OtlpEncoder(
                ids=drawn,
                identity=ResourceIdentity(function_name="shop"),
                signals=signals,
                part=FULL_SIZE,
                meter=meter,
                health=self.health,
                with_sdk=True,
            ),
            buffer=self.buffer,
            record_filter=RecordFilter(),
            redaction=Redactor(),
            health=self.health,
            clock=ManualClock(),
            joins_sdk=True,
            logs_from=logs_from,
            sampler=self.sampler if not share.is_whole or detail_below else None,
            detail_below=detail_below,
        )

    def platform(self, *events: JsonEvent) -> Stage:
        """Deliver events of the platform."""
        self.pipeline.feed(parse(given.delivery(*events)).events)
        return self

    def sdk(self, body: bytes) -> Stage:
        """Hand over a request with spans of the SDK."""
        return self.sdk_bytes(body, len(spans_of(body)))

    def sdk_bytes(self, body: bytes, count: int) -> Stage:
        """Hand over what may be no readable request."""
        self.pipeline.take_sdk("traces", body, count)
        assert not self.health.faults
        return self

    def end(self, reason: str = "spindown") -> Stage:
        """End the sandbox."""
        self.pipeline.end(reason=reason, now_ns=given.ns(60))
        assert not self.health.faults
        return self

    @property
    def items(self) -> list[PendingItem]:
        """What waits for export, in its order."""
        return [
            entry.item
            for signal in self.buffer.signals
            for entry in self.buffer.batch(signal, max_bytes=10**9)
        ]

    @property
    def spans(self) -> list[Any]:
        """The spans of it."""
        return [
            span for item in self.items if item.signal == "traces" for span in spans_of(item.body)
        ]

    @property
    def records(self) -> list[Any]:
        """The log records of it."""
        return [
            record
            for item in self.items
            if item.signal == "logs"
            for of in ExportLogsServiceRequest.FromString(item.body).resource_logs
            for scope in of.scope_logs
            for record in scope.log_records
        ]


def spans_of(body: bytes) -> list[Any]:
    """Return the spans of a request."""
    return [
        span
        for of in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


def as_text(spans: Iterable[Any]) -> str:
    """Return a line a span: the end of its trace id, name, kind, parent and links."""
    spans = list(spans)
    names: dict[tuple[bytes, bytes], str] = {
        (span.trace_id, span.span_id): span.name for span in spans
    }

    def name(trace_id: bytes, span_id: bytes) -> str:
        return names.get((trace_id, span_id), span_id.lstrip(b"\0").hex())

    return "".join(
        f"{span.trace_id[-2:].hex()} {span.name} {Span.SpanKind.Name(span.kind)[10:]}"
        + (f" under {name(span.trace_id, span.parent_span_id)}" if span.parent_span_id else "")
        + "".join(
            f" -> {link.trace_id[-2:].hex()} {name(link.trace_id, link.span_id)}"
            for link in span.links
        )
        + "\n"
        for span in spans
    )
