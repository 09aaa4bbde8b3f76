"""OTLP requests, from nearly right to nothing like it, in both encodings."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.posted_requests import as_json, points, records, spans

SECRET = "tr0ub4dor&3-correct-horse"
KEYS = [
    "resourceSpans", "resourceLogs", "resourceMetrics", "scopeSpans", "scopeLogs", "scopeMetrics",
    "spans", "logRecords", "metrics", "resource", "scope", "attributes", "key", "value", "name",
    "traceId", "spanId", "parentSpanId", "kind", "startTimeUnixNano", "status", "code", "message",
    "events", "links", "body", "stringValue", "intValue", "doubleValue", "boolValue", "bytesValue",
    "arrayValue", "kvlistValue", "values", "sum", "gauge", "histogram", "dataPoints", "asInt",
    "asDouble", "bucketCounts", "explicitBounds", "exemplars", "severityNumber", "flags",
]  # fmt: skip
LIKELY = st.sampled_from(
    ["", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "1", "-1", "NaN", "AP8=",
     SECRET, f"x{SECRET}%20", SECRET.encode().hex(), "SPAN_KIND_SERVER", "\\ud800"]
)  # fmt: skip
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63, 2**64, -(2**63) - 1, 1e308])
)
texts = st.one_of(st.text(max_size=20), LIKELY)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    ),
    max_leaves=12,
)


def _wrapped(value: Any, keys: list[str]) -> Any:
    for key in reversed(keys):
        value = {key: [value] if key != "resource" else value}
    return value


near = st.builds(
    _wrapped,
    st.dictionaries(st.sampled_from(KEYS), values, max_size=8),
    st.sampled_from(
        [
            ["resourceSpans", "scopeSpans", "spans"],
            ["resourceLogs", "scopeLogs", "logRecords"],
            ["resourceMetrics", "scopeMetrics", "metrics"],
            ["resourceSpans", "resource", "attributes"],
            ["resourceSpans"],
        ]
    ),
)
GOOD = [
    spans("a", SECRET, scopes=("x", "y"), key=f"v {SECRET}"),
    records("a", SECRET),
    points("a", SECRET, each=2),
]


def _changed(body: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(body)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    return bytes(changed[: len(changed) - cut])


changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6)
protobuf = st.one_of(
    st.binary(max_size=200),
    st.builds(
        _changed,
        st.sampled_from([request.SerializeToString() for request in GOOD]),
        changes,
        st.integers(0, 3),
    ),
)
in_json = st.one_of(
    st.one_of(values, near).map(lambda value: json.dumps(value).encode()),
    st.builds(_changed, st.sampled_from([as_json(each) for each in GOOD]), changes, st.just(0)),
)
signals = st.sampled_from(["traces", "logs", "metrics"])
posts = st.one_of(
    st.tuples(signals, st.just("protobuf"), protobuf),
    st.tuples(signals, st.just("json"), in_json),
)
