"""Lines of an invocation, secrets known, concurrent requests: the way from delivery to bytes."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from functools import cache, partial

from benchmarks import log_lines
from benchmarks.api import Api
from benchmarks.contenders import TELEMETRY, modes
from benchmarks.growth.curve import Curve
from benchmarks.growth.measuring import decades, least
from benchmarks.lines import put_together, read_all_ms
from benchmarks.process import Process
from benchmarks.traffic import request_id
from extension.redaction.redactor import Redactor
from tests.received import received

MOST_LINES = 100_000
LINES_OF_SECRETS = 1_000
MOST_SECRETS = 10_000
MOST_REQUESTS = 64
LINES_OF_A_REQUEST = 20
A_DELIVERY = 1000


def curves() -> Iterator[Curve]:
    """Measure each."""
    lines = decades(100, MOST_LINES)
    for name, slug, signal in (
        ("CPU of the lines of an invocation, as log records", "lines-logs", "logs"),
        ("CPU of the lines of an invocation, as events of spans", "lines-traces", "traces"),
    ):
        points = least(partial(_lines_ms, signal), lines)
        yield Curve(name=name, slug=slug, work="lines", unit="ms", points=points)
    yield Curve(
        name="peak memory above the start's, by lines of an invocation",
        slug="lines-memory",
        work="lines",
        unit="MiB",
        points=[(each, _peak_mib(each)) for each in lines],
    )
    known = decades(10, MOST_SECRETS)
    yield Curve(
        name=f"CPU of {LINES_OF_SECRETS:,} lines, by secrets known",
        slug="secrets-lines",
        work="secrets",
        unit="ms",
        points=least(_known_ms, known),
    )
    yield Curve(
        name="CPU of learning secrets",
        slug="secrets-learned",
        work="secrets",
        unit="ms",
        points=least(_learning_ms, known),
    )
    yield Curve(
        name=f"CPU of concurrent requests of {LINES_OF_A_REQUEST} lines (Managed Instances)",
        slug="concurrent-requests",
        work="requests",
        unit="ms",
        points=least(_concurrent_ms, [1, 2, 4, 8, 16, 32, MOST_REQUESTS], turns=9),
    )


@cache
def _deliveries(lines: int) -> list[bytes]:
    write = log_lines.Writer()
    at_once = min(lines, A_DELIVERY)
    return list(log_lines.deliveries(write.text, lines=lines, a_delivery=at_once))


def _lines_ms(signal: str, lines: int) -> float:
    return read_all_ms(_deliveries(lines), signal)


def _known_ms(known: int) -> float:
    return read_all_ms(_deliveries(LINES_OF_SECRETS), "logs", known=known)


def _learning_ms(known: int) -> float:
    values = [secrets.token_urlsafe(24) for _ in range(known)]
    redactor = Redactor(most_loose=known)
    began_s = time.thread_time()
    for number, value in enumerate(values):
        redactor.learn(f"secret-{number}", value)
    return (time.thread_time() - began_s) * 1e3


def _peak_mib(lines: int) -> float:
    """Return by how much the peak of a real process, which exports meanwhile, rises."""
    with Api() as api, Process(modes(api)[TELEMETRY], api) as process:
        process.invoke(1)
        process.forget_peak()
        before_mib = process.rss_mib()
        process.invoke(2, also=_of_second_invocation(lines))
        return max(process.peak_mib() - before_mib, LEAST_MIB)


@cache
def _of_second_invocation(lines: int) -> tuple[bytes, ...]:
    first, second = log_lines.REQUEST.encode(), request_id(2).encode()
    return tuple(each.replace(first, second) for each in _deliveries(lines))


LEAST_MIB = 0.1
"""Nothing is not a figure that has a logarithm."""


def _concurrent_ms(requests: int) -> float:
    """Return the CPU of requests that run at once, their lines in turn in each delivery."""
    rounds = MOST_REQUESTS // requests
    return sum(asyncio.run(_concurrent(requests)) for _ in range(rounds)) * 1e3 / rounds


async def _concurrent(requests: int) -> float:
    reader, buffer, health = put_together("logs", known=0, concurrent=True)
    deliveries = list(_of_requests(requests))
    began_s = time.thread_time()
    for body in deliveries:
        await received(reader, body)
        reader.read_all()
    spent_s = time.thread_time() - began_s
    if health.dropped or health.faults or health.finished != requests or not buffer.count:
        raise RuntimeError(f"lost: {health.dropped} {health.faults}")
    return spent_s


@cache
def _of_requests(requests: int) -> tuple[bytes, ...]:
    ids = [request_id(number) for number in range(1, requests + 1)]
    steps = [
        [("platform.start", {"requestId": each, "version": "1"}) for each in ids],
        *(
            [("function", _line(each, index)) for each in ids]
            for index in range(LINES_OF_A_REQUEST)
        ),
        [("platform.runtimeDone", {"requestId": each, "status": "success"}) for each in ids],
    ]
    return tuple(
        json.dumps(
            [{"time": log_lines.iso(at), "type": kind, "record": record} for kind, record in step]
        ).encode()
        for at, step in enumerate(steps)
    )


def _line(request: str, index: int) -> dict[str, str]:
    return {
        "timestamp": log_lines.iso(index),
        "level": "INFO",
        "requestId": request,
        "message": f"step {index} of an order: 3 items, 42.50 EUR",
    }
