"""The encoder of OTLP: which signals it writes, and what else it is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.settings.content import LimitsConfig
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Invocation, JoinedSpan, LooseRecords
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.one_trace import SpanChange
from extension.telemetry.assembly.undecided import SdkPart
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.otlp.opening import open_encoder
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import ManualClock, SequentialIds
from tests.sdk_requests import INVOCATION, PYTHON, request, sdk_span

COLLECTOR = "http://collector:4318"
RECORD = Record(time_ns=1, observed_ns=1, stream="function", body="b")
LINES = LooseRecords(records=(RECORD,), dropped_records=2)


def encoder(*signals: str, health: Health | None = None, **more: Any) -> OtlpEncoder:
    """Return an encoder of some signals."""
    meter = Meter(temporality="delta", now_ns=0) if "metrics" in signals else None
    return OtlpEncoder(
        ids=SequentialIds(), identity=ResourceIdentity(function_name="f"), signals=signals,
        part=FULL_SIZE, meter=meter, health=health or Health(), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signals", "sent", "lost"),
    [
        (("traces",), ["traces"], 2),
        (("logs",), ["logs"], 2),
        (("traces", "logs"), ["logs"], 2),
        (("metrics",), [], 0),
    ],
)
def test_lines_are_what_the_signals_make_of_them(
    signals: tuple[str, ...], sent: list[str], lost: int
) -> None:
    """Events of spans, or records; those that were held too long are lost where lines are sent."""
    health = Health()
    assert [each.signal for each in encoder(*signals, health=health).encode(LINES)] == sent
    assert health.dropped["held_lines"] == lost


def invocation() -> Invocation:
    """Return one without lines."""
    return Invocation(
        context=TraceContext(trace_id=1, span_id=2), request_id="r", start_ns=1, end_ns=2,
        status="success",
    )  # fmt: skip


def names(made: OtlpEncoder) -> set[str]:
    """Return the names of the metrics of a collection."""
    found = made.collect(Health(), now_ns=1)
    assert [each.signal for each in found] == ["metrics"] * len(found)
    requests = [ExportMetricsServiceRequest.FromString(each.body) for each in found]
    return {
        metric.name
        for each in requests
        for metric in each.resource_metrics[0].scope_metrics[0].metrics
    }


def test_what_is_measured() -> None:
    """Whether it is sent or not, and what the cache does."""
    made = encoder("metrics")
    assert made.encode(invocation()) == []
    assert "faas.invocations" in names(made)
    made.measure(invocation())
    assert "faas.invocations" in names(made)
    made.count_answer(CacheAnswer(result="MISS", age_s=0, waited_s=0))
    assert names(made) == {"lambda_dispatch.cache.requests"}
    made.count_call(CacheCall(service="SSM", operation="o", name="n", start_ns=0, end_ns=1))
    assert names(made) == {"lambda_dispatch.cache.upstream_duration"}


def test_without_metrics_nothing_is_measured() -> None:
    """And nothing is missed."""
    made = encoder("traces")
    made.measure(invocation())
    made.count_answer(CacheAnswer(result="MISS", age_s=0, waited_s=0))
    made.count_call(CacheCall(service="SSM", operation="o", name="n", start_ns=0, end_ns=1))
    assert made.collect(Health(), now_ns=1) == []


def test_items_name_the_sandbox_once_it_is_known() -> None:
    """Its log stream."""
    made = encoder("traces")
    [before] = made.encode(invocation())
    made.learn_instance("the-log-stream")
    [after] = made.encode(invocation())
    assert b"the-log-stream" not in before.body
    assert b"the-log-stream" in after.body


@pytest.mark.parametrize("for_xray", [True, False])
def test_attributes_of_application_signals_are_for_x_ray(for_xray: bool) -> None:
    """No other back end gets them."""
    [item] = encoder("traces", for_xray=for_xray).encode(invocation())
    assert (b"aws.local.service" in item.body) is for_xray


SPAN = sdk_span("shop", INVOCATION, kind="SERVER", faas__invocation_id="r")
BODY = request(SPAN)


def test_spans_of_invocations_are_found_where_an_sdk_is_heard() -> None:
    """Elsewhere none come in."""
    found = encoder("traces", with_sdk=True).read_sdk(BODY, 1, finds_orphans=False)
    assert [each.request_id for each in found.spans] == ["r"]
    with pytest.raises(NotImplementedError):
        encoder("traces").read_sdk(BODY, 1, finds_orphans=False)


def state(body: bytes) -> str:
    """Return the state of the only span."""
    [of] = ExportTraceServiceRequest.FromString(body).resource_spans
    return str(of.scope_spans[0].spans[0].trace_state)


JOINED = JoinedSpan(span=SdkSpan(request_id="r", trace_id=1, span_id=2, body=BODY))


def test_a_joined_span_is_sent_as_the_sdk_wrote_it() -> None:
    """Unless something has to be changed, or said of the share by which it was kept."""
    made = encoder("traces", with_sdk=True)
    [plain] = made.encode(JOINED)
    assert (plain.signal, plain.body) == ("traces", BODY)
    change = SpanChange(trace_id=7)
    [changed] = made.encode(JoinedSpan(span=JOINED.span, change=change, threshold=1 << 55))
    [of] = ExportTraceServiceRequest.FromString(changed.body).resource_spans
    assert int.from_bytes(of.scope_spans[0].spans[0].trace_id) == 7
    assert state(changed.body) == "ot=th:8"
    [kept] = encoder("traces").encode(JoinedSpan(span=JOINED.span, change=change))
    assert kept.body == BODY


@pytest.mark.parametrize(
    ("signal", "threshold", "marked"),
    [("traces", 1 << 55, "ot=th:8"), ("traces", 0, "ot=th:0"), ("traces", None, ""),
     ("logs", 1 << 55, "")],
)  # fmt: skip
def test_parts_of_an_sdk_are_marked(signal: Any, threshold: int | None, marked: str) -> None:
    """Spans alone, where the share has to be said."""
    part = SdkPart(signal=signal, body=BODY, count=1, threshold=threshold)
    assert state(encoder("traces").mark_sdk(part)) == marked


def opened(**given_: Any) -> tuple[OtlpEncoder, Health]:
    """Return the encoder of a configuration, and what it counts."""
    health = Health()
    made = open_encoder(
        TelemetryConfig(**{"post_uri": COLLECTOR, **given_}),
        identity=ResourceIdentity(function_name="f", trigger="http"),
        health=health,
        ids=SequentialIds(),
        clock=ManualClock(),
    )
    return made, health


@pytest.mark.parametrize(
    ("settings", "of_spans", "of_logs"),
    [
        ({}, (4095, 128), (4095, 128)),
        (
            {"attribute_length": 70, "attribute_count": 7}, (70, 7), (70, 7),
        ),
        (
            {"attribute_length": 70, "span_attribute_length": 80,
             "log_attribute_count": 5},
            (80, 128), (70, 5),
        ),
        (
            {"log_attribute_length": 90, "span_attribute_count": 6},
            (4095, 6), (90, 128),
        ),
    ],
)  # fmt: skip
def test_limits_of_each_signal(
    settings: dict[str, Any], of_spans: tuple[int, int], of_logs: tuple[int, int]
) -> None:
    """Its own, else those for all; what they cost is counted together."""
    made, health = opened(signals=("traces", "logs"), limits=LimitsConfig(**settings))
    assert made._logs is not None
    limits = made._spans._factory._limits, made._logs._limits
    assert [(each.length, each.count) for each in limits] == [of_spans, of_logs]
    for each in limits:
        each.count_left_out()
    assert health.cut == {"attributes": 2}


def test_metrics_are_opened_where_they_are_posted() -> None:
    """What is held or used is measured then, with the trigger of the function."""
    made, health = opened(signals=("metrics",))
    health.add_after_response(0.5)
    assert health.on_used is not None
    health.on_used("lambda_dispatch.threads", 3)
    assert names(made) == {"lambda_dispatch.added_after_response", "lambda_dispatch.threads"}
    made, health = opened(signals=("traces",))
    assert (health.on_added, health.on_used) == (None, None)
    assert made.collect(health, now_ns=given.ns(1)) == []


@pytest.mark.parametrize(("signal", "repeats"), [("logs", False), ("logs/dup", True)])
def test_exceptions_are_repeated_on_request(signal: str, repeats: bool) -> None:
    """On the span too, beside the record."""
    made, _ = opened(signals=("traces", "logs"), exception_signal=signal)
    assert made._spans._factory._repeat is repeats


def test_python_spans_are_of_a_known_scope() -> None:
    """The request above is one of an instrumentation for Lambda."""
    assert PYTHON.encode() in BODY


def test_what_is_not_asked_for_is_off() -> None:
    """Neither exceptions twice, nor an SDK's spans, nor attributes for X-Ray."""
    plain = encoder("traces", "logs")
    assert plain._spans._factory._repeat is False
    assert plain._spans._local is None
    assert plain._sdk is None
