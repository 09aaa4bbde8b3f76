"""What it costs to send: bytes of an invocation by settings, as the README shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.platform_events import JsonEvent
from tests.sdk_requests import Stage
from tests.unit.telemetry.test_sampling import FAILED, begin, trace_id

README = Path(__file__).parents[3] / "README.md"
INVOCATIONS = 400
DETAILS = {"detail_below": SEVERITIES["INFO"]}
LOGS = {"signals": ("traces", "logs"), "stream_records": True}


class Row(NamedTuple):
    """Settings as the README names them, and what they mean here."""

    settings: str
    options: dict[str, Any]


ROWS = [
    Row("the defaults", {}),
    Row("`DISPATCH_SIGNALS=traces,logs`", LOGS),
    Row("`DISPATCH_DETAIL_LEVEL_MIN=INFO`", DETAILS),
    Row("`DISPATCH_SAMPLE_RATIO=0.1`", {"ratio": 0.1}),
    Row("both of these", {"ratio": 0.1, **DETAILS}),
    Row("both, and `DISPATCH_SIGNALS=traces,logs`", {"ratio": 0.1, **DETAILS, **LOGS}),
]


def invocation(number: int) -> list[JsonEvent]:
    """Return a warm invocation with 20 DEBUG lines and 5 INFO lines; every fiftieth fails."""
    request_id, at = f"faf564a4-2384-4b6e-a41d-{number:012d}", 10.0 * number
    levels = ["DEBUG", "DEBUG", "INFO", "DEBUG", "DEBUG"] * 5
    lines = [
        given.line({"level": level, "message": f"step {place} of the order {'x' * 40}"}, at + 1)
        for place, level in enumerate(levels)
    ]
    end = FAILED if number % 50 == 0 else {}
    return [
        begin(request_id, at, trace=trace_id(number)),
        *lines,
        given.done(request_id, at + 2, **end),
        given.report(request_id, at + 2.1, billedDurationMs=2000, maxMemoryUsedMB=90),
    ]


def bytes_of(options: dict[str, Any]) -> int:
    """Return the bytes of a request body an invocation, to two digits."""
    stage = Stage(buffer_bytes=10**9, **options)
    for number in range(INVOCATIONS):
        stage.platform(*invocation(number))
    sent = sum(len(item.body) for item in stage.items) / INVOCATIONS
    return int(float(f"{sent:.2g}"))


def bytes_of_metrics() -> int:
    """Return the bytes of one export of metrics after one invocation, its resource included."""
    meter = Meter(temporality="delta", now_ns=given.ns(0))
    stage = Stage(buffer_bytes=10**9, signals=("metrics",), meter=meter)
    resource = build_resource(ResourceIdentity(function_name="shop", region="eu-central-1"))
    sizes = []
    for number in range(1, 50):
        stage.platform(*invocation(number))
        meter.record_added(0.02)
        collected = meter.collect(stage.health, resource=resource, now_ns=given.ns(10 * number))
        sizes += [len(each.body) for each in collected]
    assert len(sizes) == 49
    return int(float(f"{sum(sizes) / len(sizes):.2g}"))


def test_the_readme_shows_what_metrics_add() -> None:
    """Exported after each invocation; where exports are rarer, they add less."""
    [shown] = re.findall(r"^\| `metrics` add, [^|]* \| ([\d,]+) ", README.read_text(), re.M)
    assert int(shown.replace(",", "")) == bytes_of_metrics()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.settings)
def test_the_readme_shows_what_is_sent(row: Row) -> None:
    """Measured with the same lines, warm, before compression."""
    [shown] = re.findall(rf"^\| {re.escape(row.settings)} \| ([\d,]+) ", README.read_text(), re.M)
    assert int(shown.replace(",", "")) == bytes_of(row.options)
