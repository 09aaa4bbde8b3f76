"""The intake keeps what a collector would keep, and answers as it is set to."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import zlib
from typing import TYPE_CHECKING

import aiohttp
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from simulator.intake import Intake
from simulator.intake.replies import GARBAGE, RESET, RESET_IN_BODY, Hang, Raw, Reply
from tests.certificates import write_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from simulator.intake.replies import Answer

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
RESOURCE = Resource(attributes=[KeyValue(key="faas.name", value=AnyValue(string_value="greeter"))])
TRACES = ExportTraceServiceRequest(
    resource_spans=[
        ResourceSpans(
            resource=RESOURCE,
            scope_spans=[
                ScopeSpans(
                    spans=[
                        Span(
                            trace_id=bytes.fromhex("5759e988bd862e3fe1be46a994272793"),
                            span_id=bytes.fromhex("53995c3f42cd8ad8"),
                            name="greeter",
                            kind=Span.SPAN_KIND_SERVER,
                            start_time_unix_nano=1_000,
                            end_time_unix_nano=3_000,
                            status=Status(code=Status.STATUS_CODE_ERROR, message="it broke"),
                            attributes=[
                                KeyValue(key="faas.coldstart", value=AnyValue(bool_value=True)),
                                KeyValue(
                                    key="names",
                                    value=AnyValue(
                                        array_value=ArrayValue(values=[AnyValue(string_value="a")])
                                    ),
                                ),
                            ],
                            events=[Span.Event(name="log", time_unix_nano=2_000)],
                            dropped_events_count=7,
                        )
                    ]
                )
            ],
        )
    ]
).SerializeToString()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that is closed afterwards."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_span_is_decoded_with_its_resource(client: aiohttp.ClientSession) -> None:
    """A span comes out with hex ids, names for its enumerations, and Python values."""
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/traces", body=TRACES)
    (span,) = intake.spans
    assert (span.trace_id, span.span_id) == ("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert (span.name, span.kind, span.parent_span_id) == ("greeter", "SERVER", "")
    assert (span.status, span.status_message) == ("ERROR", "it broke")
    assert (span.start_ns, span.end_ns) == (1_000, 3_000)
    assert span.attributes == {"faas.coldstart": True, "names": ["a"]}
    assert [(event.name, event.time_ns) for event in span.events] == [("log", 2_000)]
    assert span.dropped_events_count == 7
    assert span.resource == {"faas.name": "greeter"}


async def test_json_is_what_it_is_in_protobuf(client: aiohttp.ClientSession) -> None:
    """Ids are hexadecimal, 64-bit numbers are strings or numbers, unknown fields are ignored."""
    span = {
        "traceId": "5759E988BD862E3FE1BE46A994272793",
        "spanId": "53995c3f42cd8ad8",
        "name": "greeter",
        "kind": 2,
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": 3000,
        "status": {"code": 2, "message": "it broke"},
        "attributes": [
            {"key": "faas.coldstart", "value": {"boolValue": True}},
            {"key": "names", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
        ],
        "events": [{"name": "log", "timeUnixNano": "2000"}],
        "droppedEventsCount": 7,
        "brandNew": 1,
    }
    group = {
        "resource": {"attributes": [{"key": "faas.name", "value": {"stringValue": "greeter"}}]},
        "scopeSpans": [{"spans": [span]}],
    }
    body = json.dumps({"resourceSpans": [group]}).encode()
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/traces", body=TRACES)
        answer = await client.post(f"{intake.url}/v1/traces", data=body, headers=JSON)
        assert (answer.content_type, await answer.read()) == ("application/json", b"{}")
    in_protobuf, in_json = intake.spans
    assert in_json == in_protobuf


async def test_log_record_is_decoded(client: aiohttp.ClientSession) -> None:
    """A log record comes out with its body, severity and the ids of its span."""
    record = LogRecord(
        time_unix_nano=5,
        severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        body=AnyValue(string_value="hello"),
        span_id=b"\x01" * 8,
    )
    scoped = ScopeLogs(log_records=[record])
    message = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=RESOURCE, scope_logs=[scoped])]
    )
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/logs", body=message.SerializeToString())
    (log,) = intake.logs
    assert (log.time_ns, log.severity_number, log.severity_text, log.body) == (
        5,
        9,
        "INFO",
        "hello",
    )
    assert (log.span_id, log.trace_id) == ("01" * 8, "")


async def test_metrics_of_each_type_are_decoded(client: aiohttp.ClientSession) -> None:
    """Histograms, sums and gauges come out with their points, units and temporality."""
    delta = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    buckets = HistogramDataPoint(
        count=2, sum=0.5, min=0.1, explicit_bounds=[0.2], bucket_counts=[1, 1]
    )
    metrics = [
        Metric(
            name="faas.invoke_duration",
            unit="s",
            histogram=Histogram(data_points=[buckets], aggregation_temporality=delta),
        ),
        Metric(
            name="faas.errors",
            sum=Sum(
                data_points=[NumberDataPoint(as_int=3)],
                aggregation_temporality=delta,
                is_monotonic=True,
            ),
        ),
        Metric(name="held", gauge=Gauge(data_points=[NumberDataPoint(as_double=1.5)])),
    ]
    scoped = ScopeMetrics(metrics=metrics)
    message = ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[scoped])]
    )
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/metrics", body=message.SerializeToString())
    histogram, total, gauge = intake.metrics
    assert (histogram.type, histogram.unit, histogram.temporality) == ("histogram", "s", "DELTA")
    (point,) = histogram.points
    assert (point.count, point.sum, point.min, point.max) == (2, 0.5, 0.1, None)
    assert (point.bounds, point.bucket_counts) == ((0.2,), (1, 1))
    assert (total.type, total.monotonic, total.points[0].value) == ("sum", True, 3)
    assert (gauge.type, gauge.points[0].value) == ("gauge", 1.5)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_compressed_body_is_kept_both_ways(
    client: aiohttp.ClientSession, encoding: str, compress: type
) -> None:
    """A compressed post is decoded, and kept as it was on the wire as well."""
    headers = PROTOBUF | {"Content-Encoding": encoding}
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/traces", body=compress(TRACES), headers=headers)
    (request,) = intake.requests
    assert request.body == TRACES
    assert request.raw != TRACES
    assert len(intake.spans) == 1


async def test_json_on_another_path_is_kept(client: aiohttp.ClientSession) -> None:
    """A JSON array posted elsewhere is in `requests`, with headers found in any case."""
    async with Intake() as intake:
        await _post(client, f"{intake.url}/my/events?a=1", body=b'[{"type": "x"}]', headers=JSON)
    (request,) = intake.requests
    assert (request.method, request.path) == ("POST", "/my/events?a=1")
    assert request.json() == [{"type": "x"}]
    assert request.headers["content-TYPE"] == "application/json"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"\xff\xff", PROTOBUF, 400, id="not protobuf"),
        pytest.param(TRACES, PROTOBUF | {"Content-Encoding": "gzip"}, 400, id="not gzip"),
        pytest.param(TRACES, PROTOBUF | {"Content-Encoding": "br"}, 400, id="unknown encoding"),
        pytest.param(b"<html>", {"Content-Type": "text/html"}, 415, id="HTML"),
        pytest.param(b"[", JSON, 400, id="broken JSON"),
        pytest.param(b'{"resourceSpans": 7}', JSON, 400, id="JSON that is not OTLP"),
    ],
)
async def test_malformed_post_is_refused(
    client: aiohttp.ClientSession, body: bytes, headers: dict[str, str], status: int
) -> None:
    """What is not OTLP protobuf gets a 4xx and is kept as a request only."""
    async with Intake() as intake:
        assert await _post(client, f"{intake.url}/v1/traces", body=body, headers=headers) == status
    assert (len(intake.requests), intake.spans) == (1, [])


async def test_get_is_refused(client: aiohttp.ClientSession) -> None:
    """Only POST is telemetry."""
    async with Intake() as intake, client.get(f"{intake.url}/v1/traces") as response:
        assert response.status == 405


async def test_answers_are_used_up_in_turn(client: aiohttp.ClientSession) -> None:
    """Listed answers go to one request each, then everything succeeds; only success keeps spans."""
    async with Intake(
        respond=[Reply(status=503, headers={"Retry-After": "7"}, body=b"busy")]
    ) as intake:
        async with client.post(f"{intake.url}/v1/traces", data=TRACES, headers=PROTOBUF) as busy:
            assert (busy.status, busy.headers["Retry-After"]) == (503, "7")
            assert await busy.read() == b"busy"
        assert intake.spans == []
        async with client.post(f"{intake.url}/v1/traces", data=TRACES, headers=PROTOBUF) as fine:
            assert (fine.status, await fine.read()) == (200, b"")
    assert len(intake.spans) == 1


async def test_answer_may_depend_on_the_request(client: aiohttp.ClientSession) -> None:
    """A callable sees the request and chooses its answer, every time."""
    async with Intake() as intake:
        intake.respond = lambda seen: Reply(status=500 if seen.path == "/v1/traces" else 204)
        assert await _post(client, f"{intake.url}/v1/traces", body=TRACES) == 500
        assert await _post(client, f"{intake.url}/v1/logs", body=b"") == 204


async def test_hanging_answer_comes_when_released(client: aiohttp.ClientSession) -> None:
    """A hang lasts until its event is set, then its reply is sent."""
    hang = Hang(then=Reply(status=418))
    async with Intake(respond=[hang]) as intake:
        posting = asyncio.create_task(_post(client, f"{intake.url}/v1/traces", body=TRACES))
        await intake.wait_for(lambda intake: len(intake.requests) == 1)
        assert not posting.done()
        hang.released.set()
        assert await posting == 418


async def test_hanging_answer_does_not_hold_up_the_end(client: aiohttp.ClientSession) -> None:
    """An intake that is left while an answer hangs drops that connection."""
    async with Intake(respond=[Hang()]) as intake:
        posting = asyncio.create_task(_post(client, f"{intake.url}/v1/traces", body=TRACES))
        await intake.wait_for(lambda intake: len(intake.requests) == 1)
    with pytest.raises(aiohttp.ClientError):
        await posting


async def test_delayed_answer_comes(client: aiohttp.ClientSession) -> None:
    """A delay is only a delay."""
    async with Intake(respond=[Reply(delay_s=0.01)]) as intake:
        assert await _post(client, f"{intake.url}/v1/traces", body=TRACES) == 200


@pytest.mark.parametrize("answer", [RESET, RESET_IN_BODY, GARBAGE, Raw()])
async def test_broken_answer_is_an_error_for_the_sender(
    client: aiohttp.ClientSession, answer: Answer
) -> None:
    """A reset, a reset in the body, garbage and a silent close all fail, and keep nothing."""
    async with Intake(respond=[answer]) as intake:
        with pytest.raises(aiohttp.ClientError):
            await _post(client, f"{intake.url}/v1/traces", body=TRACES)
        assert intake.spans == []
        assert await _post(client, f"{intake.url}/v1/traces", body=TRACES) == 200


async def test_lost_acknowledgement_keeps_the_batch(client: aiohttp.ClientSession) -> None:
    """A reset that accepts keeps what was posted, so that a resend is a duplicate."""
    async with Intake(respond=[Raw(reset=True, accepts=True)]) as intake:
        with pytest.raises(aiohttp.ClientError):
            await _post(client, f"{intake.url}/v1/traces", body=TRACES)
        await _post(client, f"{intake.url}/v1/traces", body=TRACES)
    assert intake.spans[0] == intake.spans[1]


async def test_wait_says_what_did_arrive(client: aiohttp.ClientSession) -> None:
    """A condition that does not come true raises TimeoutError naming the requests and spans."""
    async with Intake() as intake:
        await _post(client, f"{intake.url}/v1/traces", body=TRACES)
        with pytest.raises(TimeoutError, match=r"POST /v1/traces.*spans \[greeter\]"):
            await intake.wait_for(lambda intake: len(intake.spans) == 2, deadline_s=0.01)


async def test_tls_is_spoken_with_a_context(client: aiohttp.ClientSession, tmp_path: Path) -> None:
    """With a TLS context the URL is https, and a client that trusts the certificate is served."""
    certificate, server_context = write_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Intake(tls=server_context) as intake:
        assert intake.url.startswith("https://")
        async with client.post(
            f"{intake.url}/v1/traces", data=TRACES, headers=PROTOBUF, ssl=trusting
        ) as response:
            assert response.status == 200
    assert len(intake.spans) == 1


async def _post(
    client: aiohttp.ClientSession, url: str, *, body: bytes, headers: dict[str, str] = PROTOBUF
) -> int:
    async with client.post(url, data=body, headers=headers) as response:
        await response.read()
        return response.status
