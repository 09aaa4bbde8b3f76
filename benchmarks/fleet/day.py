"""A fleet's day: when its sandboxes are started and invoked, and AWS's quotas.

PURE. Traffic is least at night and most in the afternoon. Sandboxes are ranked: one of rank 0.3 is
busy while traffic is at least 30 % of its peak, and gone while it is less. At noon a deployment
replaces all that are busy: their successors start, cold, within a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from math import cos, pi

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
NOON_S = 12 * HOUR_S
PEAK_S = 15 * HOUR_S
NIGHT = 0.2
"""The least traffic as a share of the most."""

DEPLOYED_WITHIN_S = 1.0
BEGUN_WITHIN_S = 900.0
GAP_S = 10.0
"""Mean time between two invocations of a busy sandbox. More of them mean no more calls to AWS, only
more hits, and with `DISPATCH_FLUSH=end` more exports."""

LEAST_GAP_S = 0.5
"""An invocation takes its time."""

GOLDEN = 0.618033988749895
"""Multiples of it, modulo one, are spread evenly."""

PARAMETER_STORE = 40
"""Calls a second of GetParameter, GetParameters and GetParametersByPath together, by default.

Source: https://docs.aws.amazon.com/general/latest/gr/ssm.html
"""

HIGHER_GET_PARAMETER = 10_000
HIGHER_GET_PARAMETERS = 1_000
"""Calls a second of each with higher throughput, which is switched on and paid for. A call for ten
names counts ten times for the bill.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
"""

SECRETS_MANAGER = 10_000
"""Calls a second of GetSecretValue and DescribeSecret together; it cannot be raised.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""


def traffic(at_s: float) -> float:
    """Return the traffic at a time of the day as a share of the peak's."""
    return NIGHT + (1 - NIGHT) * (1 + cos(2 * pi * (at_s - PEAK_S) / DAY_S)) / 2


def ranks(sampled: int) -> Sequence[float]:
    """Return the ranks of sandboxes that stand for all of a fleet, spread evenly."""
    return [(number + 0.5) / sampled for number in range(sampled)]


def lives(
    rank: float, *, seed: int, gap_s: float = GAP_S, begin_s: float = 0.0, end_s: float = DAY_S
) -> list[list[float]]:
    """Return the sandboxes of one rank, each as the times at which it is invoked.

    Those that are busy at `begin_s` began at different times within `BEGUN_WITHIN_S` after it.
    """
    draws = random.Random(seed)
    deployed_s = NOON_S + DEPLOYED_WITHIN_S * (seed * GOLDEN % 1)
    found: list[list[float]] = []
    for first_s, last_s in _busy(rank, begin_s, end_s):
        later_s = BEGUN_WITHIN_S * (seed * GOLDEN % 1) if first_s == begin_s else 0.0
        for began_s, ended_s in _parted(first_s + later_s, last_s, deployed_s):
            # A sandbox comes into being because of a request.
            found.append(list(_invocations(began_s, ended_s, gap_s, draws)))
    return found


def _busy(rank: float, begin_s: float, end_s: float) -> Iterator[tuple[float, float]]:
    """Yield the times between which a sandbox of this rank is needed."""
    step_s, since_s = 60.0, None
    at_s = begin_s
    while at_s < end_s:
        is_busy = traffic(at_s) >= rank
        if is_busy and since_s is None:
            since_s = at_s
        if not is_busy and since_s is not None:
            yield since_s, at_s
            since_s = None
        at_s += step_s
    if since_s is not None:
        yield since_s, end_s


def _parted(first_s: float, last_s: float, at_s: float) -> list[tuple[float, float]]:
    return [(first_s, NOON_S), (at_s, last_s)] if first_s < NOON_S < last_s else [(first_s, last_s)]


def _invocations(
    began_s: float, ended_s: float, gap_s: float, draws: random.Random
) -> Iterator[float]:
    """Yield times with gaps as of requests that know nothing of each other."""
    at_s = began_s
    while at_s < ended_s:
        yield at_s
        at_s += LEAST_GAP_S + draws.expovariate(1 / (gap_s - LEAST_GAP_S))
