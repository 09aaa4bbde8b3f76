"""Exports 50 spans again and again with Python's SDK; prints how long each force_flush took."""

from __future__ import annotations

import json
import sys
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SPANS, TIMES, WARM, REST_S = 50, 50, 5, 0.03

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("shop")
taken_ms = []
for _ in range(WARM + TIMES):
    for number in range(SPANS):
        tracer.start_span("GET /stock", attributes={"order.id": number, "shop": "berlin"}).end()
    began_s = time.perf_counter()
    provider.force_flush()
    taken_ms.append((time.perf_counter() - began_s) * 1000)
    time.sleep(REST_S)
sys.stdout.write(json.dumps(taken_ms[WARM:]))
