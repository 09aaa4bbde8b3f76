"""What exports to AWS itself cost: signing at the start, and the limits for each request.

The endpoint is the same in both, over plain HTTP: TLS is another endpoint's cost as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.api import Api
from benchmarks.contenders import BOTH, TELEMETRY, modes
from benchmarks.letters import FIGURES, TURNS
from benchmarks.process import NS_PER_MS, live
from benchmarks.rows import Row, compare, take_turns
from extension.process.clock import SystemClock
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp.fitting import Fitting

ELSEWHERE, TO_AWS = "to another endpoint", "to AWS"
ITEMS, TIMES = 100, 100
BUILDING = "building them with protobuf"


def rows() -> Iterator[Row]:
    """Measure starts with and without, in turns, and what fits a request."""
    for mode in (TELEMETRY, BOTH):
        yield from _starts(mode)
    yield _fitting("logs", "log records", build=_logs)
    yield _fitting("traces", "spans", build=_spans)


def _starts(mode: str) -> Iterator[Row]:
    with Api() as api:
        off = modes(api)[mode]
        on = replace(off, environ={**off.environ, "DISPATCH_SIGV4": "xray/eu-central-1"})
        lives = take_turns(
            {name: partial(live, each, api) for name, each in ((ELSEWHERE, off), (TO_AWS, on))},
            turns=TURNS,
        )
    for what, (name, unit) in FIGURES.items():
        yield compare(
            f"CloudWatch, {mode}: {what}",
            [getattr(life, name) for life in lives[TO_AWS]],
            [getattr(life, name) for life in lives[ELSEWHERE]],
            unit=unit,
            reference=ELSEWHERE,
        )


def _fitting(signal: Signal, what: str, *, build: Callable[[], Any]) -> Row:
    item = PendingItem(signal=signal, body=build().SerializeToString(), count=ITEMS)
    fitting = Fitting((item.signal,), health=Health(), clock=SystemClock())
    taken = take_turns(
        {
            "ours": partial(_ms, lambda: list(fitting.fit(item))),
            BUILDING: partial(_ms, build),
        },
        turns=TURNS,
    )
    return compare(
        f"CloudWatch: CPU of {ITEMS} {what} held against the limits",
        taken["ours"],
        taken[BUILDING],
        unit="ms",
        reference=BUILDING,
    )


def _ms(step: Callable[[], object]) -> float:
    began_ns = time.process_time_ns()
    for _ in range(TIMES):
        step()
    return (time.process_time_ns() - began_ns) / NS_PER_MS / TIMES


def _logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    records = group.scope_logs.add().log_records
    for number in range(ITEMS):
        record = records.add(time_unix_nano=time.time_ns(), trace_id=bytes(16), span_id=bytes(8))
        record.body.string_value = f"order {number} of a customer was taken and will be delivered"
        record.attributes.add(key="order").value.int_value = number
    return request


def _spans() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = group.scope_spans.add().spans
    for number in range(ITEMS):
        now_ns = time.time_ns()
        span = spans.add(
            trace_id=b"\1" * 16,
            span_id=(number + 1).to_bytes(8),
            name="price",
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns,
        )
        span.attributes.add(key="url.full").value.string_value = "https://shop.example/price"
    return request
