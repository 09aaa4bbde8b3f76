"""Events a second through job 1, as CPU of the real process: from the delivery to the export.

Everything is in it that an event costs but compression, which is the user's choice: taking the
delivery, parse, assemble, build, encode, post. Beside it is the CPU of json.loads alone for
the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import traffic
from benchmarks.api import Api
from benchmarks.contenders import TELEMETRY, modes
from benchmarks.process import Contender, Process
from benchmarks.rows import Row, bounded, take_turns

TURNS = 7
INVOCATIONS = 100
"""In one delivery: about the thousand events that the platform puts into one at most."""

AT_LEAST_PER_S = 20_000


def rows() -> Iterator[Row]:
    """Measure one delivery of many invocations."""
    deliveries = [
        traffic.whole(range(first, first + INVOCATIONS))
        for first in range(1000, 1000 + INVOCATIONS * (TURNS + 1), INVOCATIONS)
    ]
    delivery = deliveries[0]
    events = len(json.loads(delivery))
    with Api() as api, Process(_uncompressed(modes(api)[TELEMETRY]), api) as process:
        before = iter(range(1, 1000))
        # Each is new: one that the extension has seen before costs it next to nothing.
        unseen = iter(deliveries)

        def export_per_s() -> float:
            """Let an invocation bring a whole delivery; what it costs by itself is little."""
            return events / (process.invoke(next(before), also=[next(unseen)]).cpu_ms / 1000)

        turns = take_turns(
            {"ours": export_per_s, "json": lambda: events / _loading_s(delivery)}, turns=TURNS
        )
        process.end()
    yield bounded(
        f"events of {len(delivery) // events} bytes, delivery to export",
        turns["ours"],
        turns["json"],
        unit="/s",
        reference="json.loads alone",
        at_least=AT_LEAST_PER_S,
    )


def _uncompressed(contender: Contender) -> Contender:
    return replace(
        contender, environ={**contender.environ, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    )


def _loading_s(delivery: bytes) -> float:
    began_s = time.thread_time()
    json.loads(delivery)
    return time.thread_time() - began_s
