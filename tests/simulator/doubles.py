"""Doubles with behaviour for the simulator's seams."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from simulator.telemetry.senders import DeliveryError
from tests.waiting import until


@dataclass
class RecordingSender:
    """A listener that notes every batch; it refuses as often as it is set to, or hangs."""

    refusals: int = 0
    attempts: list[list[Any]] = field(default_factory=list)
    accepted: list[list[Any]] = field(default_factory=list)
    opens: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    def __post_init__(self) -> None:
        self.opens.set()

    async def send(self, batch: list[bytes]) -> None:
        """Note the batch; refuse it while refusals are left."""
        events = [json.loads(event) for event in batch]
        self.attempts.append(events)
        await self.opens.wait()
        if self.refusals:
            self.refusals -= 1
            raise DeliveryError("refused")
        self.accepted.append(events)

    def close(self) -> None:
        """Note that it was let go."""
        self.is_closed = True

    async def has(self, count: int) -> list[Any]:
        """Return all accepted events once there are that many."""
        await until(lambda: len(self.events) >= count)
        return self.events

    @property
    def events(self) -> list[Any]:
        """All accepted events, batch after batch."""
        return [event for batch in self.accepted for event in batch]
