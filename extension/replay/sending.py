"""Sends one dead letter to the endpoint: with patience, and in parts if it is too large at once."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from functools import partial

from extension.process.clock import Clock
from extension.process.waits import Budget
from extension.replay.retries import Sleep, patiently
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.envelopes import Piece, split
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.otlp.exporter import CONTENT_TYPE, read_answer

TIMEOUT_S = 30.0
"""For one POST; OTEL_EXPORTER_OTLP_TIMEOUT may allow less."""

REFUSED_PART = "the endpoint refuses {refused} of {count} items"


class Sender:
    """Posts requests to the endpoint of their signal."""

    def __init__(
        self,
        post: Post,
        *,
        signals: Container[Signal],
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.signals = signals
        """Those that have an endpoint."""
        self._post = post
        self._clock = clock
        self._sleep = sleep

    async def send(self, signal: Signal, body: bytes, count: int) -> Outcome:
        """Return what became of a request of `count` items: accepted only if all of them were."""
        outcome = await patiently(
            partial(self._send_once, signal, body),
            wished_s=lambda result: result.retry_after_s if result.kind == "kept" else None,
            sleep=self._sleep,
        )
        if outcome.kind == "too_large" and count > 1:
            return await self._send_parts(signal, divide(signal, body, count), whole=outcome)
        if outcome.rejected_items:  # of what was accepted
            cause = REFUSED_PART.format(refused=min(outcome.rejected_items, count), count=count)
            return Outcome(kind="rejected", cause=cause, said=outcome.said)
        return outcome

    async def _send_parts(self, signal: Signal, parts: list[Piece], *, whole: Outcome) -> Outcome:
        """Send parts until one is not accepted; without any, the outcome of the whole counts."""
        outcome = whole
        for part, count in parts:
            outcome = await self.send(signal, part, count)
            if outcome.kind != "accepted":
                break
        return outcome

    async def _send_once(self, signal: Signal, body: bytes) -> Outcome:
        return await self._post.send(
            signal,
            [body],
            content_type=CONTENT_TYPE,
            budget=Budget(TIMEOUT_S, clock=self._clock),
            read=read_answer,
        )


def divide(signal: Signal, body: bytes, count: int) -> list[Piece]:
    """Return smaller requests that a request of `count` items consists of; none if it is one item.

    A metric is one item, however many points are counted in it. What is said of all items goes with
    each part, so half of the items are not always half of the bytes.
    """
    for max_items in (count // 2, 1):
        pieces = split(signal, body, max_bytes=len(body) // 2, max_items=max_items)
        parts = [piece for piece in pieces if piece[0]]
        if all(len(part) < len(body) for part, _ in parts):
            return parts
    return []
