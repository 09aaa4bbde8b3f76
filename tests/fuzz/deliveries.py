"""Deliveries of the Telemetry API, from nearly right to no JSON at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests import platform_events as given

KINDS = [
    "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
    "platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport",
    "platform.runtimeDone", "platform.report", "platform.extension", "platform.logsDropped",
    "platform.telemetrySubscription", "platform.fault", "function", "extension", "", "platform",
]  # fmt: skip
KEYS = [
    "requestId", "status", "errorType", "metrics", "durationMs", "spans", "tracing", "value",
    "spanId",
    "start", "name", "time", "timestamp", "level", "message", "msg", "errorMessage", "stackTrace",
    "initializationType", "phase", "instanceId", "instanceMaxMemory", "droppedRecords", "reason",
    "logger", "AWSRequestId", "billedDurationMs", "maxMemoryUsedMB", "memorySizeMB", "tenantId",
]  # fmt: skip
TIMES = [
    given.iso(0), given.iso(1), "0001-01-01T00:00:00.0Z", "9999-12-31T23:59:59.9-23:59", "",
    "2026-01-01", "2026-01-01T12:00:00.000+24:00", "0001-01-01T00:00:00.0+23:59",
]  # fmt: skip
LINES = [
    "[ERROR] X: m\rTraceback (most recent call last):\r\u00a0at", ": A\nA: m\n\tat b",
    "AException: m\n   at b", "[INFO]\t2026-01-01T12:00:00.000Z\tx\tbody", '{"level":"ERROR"',
    "2026-01-01T12:00:00.000Z\tundefined\tERROR\tInvoke Error \t{}", "[" * 500 + "]" * 500,
    '{"n":' + "9" * 5000 + "}", '{"a":' + "[" * 400 + "]" * 400 + "}", "\\ud800", "REPORT",
]  # fmt: skip
REQUESTS = ["a", "b", "c", ""]

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**53, 2**63, -(2**63), 10**400, 1e308]),
)
texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), max_size=10),  # half characters too
    st.sampled_from([*TIMES, *LINES, *REQUESTS, given.HEADER, "success", "timeout", "init"]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), texts), inner, max_size=6),
    ),
    max_leaves=12,
)
records = st.one_of(
    values,
    st.dictionaries(st.sampled_from(KEYS), values, max_size=8),
    st.fixed_dictionaries({"requestId": st.sampled_from(REQUESTS)}, optional={"metrics": values}),
)
events = st.one_of(
    st.fixed_dictionaries(
        {"time": st.sampled_from(TIMES), "type": st.sampled_from(KINDS), "record": records}
    ),
    st.fixed_dictionaries({}, optional={"time": values, "type": values, "record": values}),
    values,
)
sane = st.sampled_from(
    [
        *given.init(0, 1), given.start("a", 2), given.line("of a", 2.5), given.done("a", 3),
        given.report("a", 4, durationMs=1.0), given.start("b", 5), given.exited("b", 6),
    ]
)  # fmt: skip


@st.composite
def deliveries(draw: st.DrawFn) -> bytes:
    """Draw a delivery; every second one is then cut, doubled or overwritten somewhere."""
    drawn: list[Any] = draw(st.lists(st.one_of(events, sane), max_size=8))
    body = json.dumps(drawn).encode()
    if draw(st.booleans()):
        return body
    at = draw(st.integers(0, len(body)))
    length = draw(st.integers(0, 8))
    middle = draw(st.one_of(st.binary(max_size=8), st.just(body[at : at + length] * 3)))
    return body[:at] + middle + body[at + length :]
