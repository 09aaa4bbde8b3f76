"""PURE: what the parameters cache did for an invocation, as telemetry sees it.

`bridge` hands these across, because the two jobs do not know each other.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from extension.aws.call import CompletedCall
from extension.telemetry.reading.xray import TraceContext

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
"""W3C Trace Context; a later version may be followed by more."""

MAX_CALLS = 256
"""Calls held for one invocation, or for the init: of a flood the first ones say enough, and
metrics count them all."""


CacheCall = CompletedCall
"""One call of the cache to AWS, with all its attempts."""


class CacheAnswer(NamedTuple):
    """How one GET was answered: HIT, MISS, STALE, REFRESH, BYPASS or ERROR."""

    result: str
    age_s: float
    waited_s: float


class CacheUse:
    """What the GETs of one invocation came to."""

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.stale = 0
        self.waited_s = 0.0

    def count(self, answer: CacheAnswer) -> None:
        """Count one GET; whatever went to AWS is a miss, whether it was answered or not."""
        match answer.result:
            case "HIT":
                self.hits += 1
            case "STALE":
                self.stale += 1
            case _:
                self.misses += 1
        self.waited_s += answer.waited_s


def parse_traceparent(text: str) -> TraceContext | None:
    """Return the caller's span as a parent, None if the header is none."""
    match = TRACEPARENT.fullmatch(text.strip().lower())
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return TraceContext(trace_id=int(match[1], 16), span_id=int(match[2], 16))
