"""The table of AWS's blog: how many calls a cache saves, with time on a clock that is set.

The blog ramps from 10 to 40 requests a second in a minute, which brought 18 sandboxes into being,
and counts calls to Parameter Store. Sandboxes come into being as in Lambda: a request goes to the
one that was free last, a new one is made when none is free, and the first second of requests
finds none that has ended its init.

Source: https://aws.amazon.com/blogs/compute/using-the-aws-parameter-and-secrets-lambda-extension-to-cache-parameters-and-secrets/
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.cache_in_time import CountingSource, Sandbox
from benchmarks.rows import Row, compare
from extension.process.frozen import replace
from extension.settings.parameters import ParametersConfig
from tests.doubles import ManualClock

SECONDS = 60
FROM_PER_S = 10
TO_PER_S = 40

INIT_S = 1.65
"""Of a cold start, so that as many sandboxes come into being as in the blog."""

RUN_S = 0.02
THEIR_SANDBOXES = 18
THEIR_CALLS = {0: 1650, 1: 106, 300: 18}
"""By TTL in seconds."""

SANDBOXES = 1000
PARAMETERS = 12
AT_ONCE = 50
"""Sandboxes of the burst that are played at a time; they share nothing but the count."""

LIMIT_PER_S = 40
"""Parameter Store's calls a second for a whole account, unless more is paid for.

Source: https://docs.aws.amazon.com/general/latest/gr/ssm.html
"""


def rows() -> Iterator[Row]:
    """Count the calls of the ramp for each TTL, then those of the burst."""
    arrivals = arrival_times()
    used = assign(arrivals)
    sandboxes, requests = max(used) + 1, len(arrivals)
    for ttl_s, theirs in THEIR_CALLS.items():
        calls = asyncio.run(_ramp(arrivals, used, ttl_s=ttl_s))
        yield compare(
            f"ramp, TTL {ttl_s} s: GetParameter calls of {requests} GETs, {sandboxes} sandboxes",
            [calls],
            [theirs],
            unit="calls",
            reference=f"AWS's blog, {THEIR_CALLS[0]} GETs, {THEIR_SANDBOXES} sandboxes",
        )
    single, batched = asyncio.run(_burst(batch=False)), asyncio.run(_burst(batch=True))
    yield compare(
        f"burst of {SANDBOXES} sandboxes × {PARAMETERS} parameters, batched",
        [batched],
        [single],
        unit="calls",
        reference="without batching",
    )
    yield compare(
        f"the same at Parameter Store's {LIMIT_PER_S} calls a second",
        [batched / LIMIT_PER_S],
        [single / LIMIT_PER_S],
        unit="s",
        reference="without batching",
    )


def arrival_times() -> list[float]:
    """Return when requests arrive, in seconds: the rate grows evenly over the ramp."""
    times, owed = [], 0.0
    steps = 1000
    for step in range(SECONDS * steps):
        now_s = step / steps
        owed += (FROM_PER_S + (TO_PER_S - FROM_PER_S) * now_s / SECONDS) / steps
        if owed >= 1:
            times.append(now_s)
            owed -= 1
    return times


def assign(arrivals: list[float]) -> list[int]:
    """Return the number of the sandbox for each request: that which was free last, or a new one."""
    free_at: list[float] = []
    assigned = []
    for now_s in arrivals:
        free = [number for number, at_s in enumerate(free_at) if at_s <= now_s]
        if free:
            number = max(free, key=lambda each: free_at[each])
            free_at[number] = now_s + RUN_S
        else:
            number = len(free_at)
            free_at.append(now_s + INIT_S + RUN_S)
        assigned.append(number)
    return assigned


async def _ramp(arrivals: list[float], used: list[int], *, ttl_s: int) -> int:
    source, clock = CountingSource(), ManualClock()
    config = replace(ParametersConfig(), ssm_ttl_s=ttl_s)
    sandboxes = [Sandbox(source, clock, config) for _ in range(max(used) + 1)]
    passed_s = 0.0
    for now_s, number in zip(arrivals, used, strict=True):
        clock.advance(now_s - passed_s)
        passed_s = now_s
        await sandboxes[number].get("/app/name")
    return source.calls.total()


async def _burst(*, batch: bool) -> int:
    source, clock = CountingSource(), ManualClock()
    config = replace(ParametersConfig(), batch=batch)
    for _ in range(0, SANDBOXES, AT_ONCE):
        sandboxes = [Sandbox(source, clock, config) for _ in range(AT_ONCE)]
        await asyncio.gather(
            *(each.get(f"/app/{name}") for each in sandboxes for name in range(PARAMETERS))
        )
    return source.calls.total()
