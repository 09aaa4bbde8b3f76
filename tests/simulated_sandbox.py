"""Telemetry as a whole in a sandbox whose time the test decides, before an endpoint of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from extension.platform.events import Shutdown
from extension.process.log import Log
from extension.process.waits import Budget
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import FlushMode, FlushPolicy
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry
from tests.doubles import LogLines, ManualClock, SequentialIds
from tests.received import received
from tests.simulated_time import SimulatedLoop

Weather = Literal["takes", "slow", "refuses", "loses the answer", "hangs"]

MS = 1_000_000
LAST_MS = 2_000
"""What Lambda gives an extension at SHUTDOWN."""


@dataclass
class Endpoint:
    """Takes what comes as the weather allows; `in_vain` is what the sender cannot know of."""

    weather: Weather = "takes"
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    in_vain: int = 0

    async def export(self, signal: str, bodies: list[bytes], *, budget: Budget) -> Outcome:
        """Answer a batch within the budget."""
        seconds = {"slow": 0.8, "hangs": 3600.0}.get(self.weather, 0.01)
        try:
            await budget.wait(asyncio.sleep(seconds))
        except TimeoutError:
            return Outcome(kind="kept", cause="timeout", timed_out=True)
        if self.weather == "refuses":
            return Outcome(kind="kept", cause="status 503")
        self.taken.append((signal, b"".join(bodies)))
        if self.weather == "loses the answer":
            self.in_vain += 1
            return Outcome(kind="kept", cause="timeout")
        return Outcome(kind="accepted")


class SimulatedSandbox:
    """The parts, and a loop that runs them; whoever makes one closes it."""

    def __init__(self, mode: FlushMode) -> None:
        self.clock = ManualClock()
        self.loop = SimulatedLoop(self.clock)
        self.endpoint = Endpoint()
        self.health = Health()
        self.telemetry = self._telemetry(mode)

    def run(self, step: Coroutine[Any, Any, Any]) -> None:
        """Run the loop until a step is done, however much time that takes."""
        self.loop.run_until_complete(step)

    async def deliver(self, body: bytes) -> None:
        """Post a delivery, and let it be read."""
        await received(self.telemetry.reader, body)
        await asyncio.sleep(0.03)

    def shut_down(self, *, reason: str = "spindown") -> None:
        """End the sandbox."""
        deadline_ms = self.clock.now().wall_ns // MS + LAST_MS
        self.run(self.telemetry.shut_down(Shutdown(reason=reason, deadline_ms=deadline_ms)))

    def close(self) -> None:
        """End the loop."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.run(asyncio.sleep(0))
        self.loop.close()

    def _telemetry(self, mode: FlushMode) -> Telemetry:
        ids, health = SequentialIds(), self.health
        log = Log(clock=self.clock, sink=LogLines())
        buffer = Buffer(max_bytes=4_194_304, dropped=health.dropped)
        assembler = Assembler(ids=ids, stream_records=True)
        pipeline = Pipeline(
            assembler=assembler,
            encoder=OtlpEncoder(
                ids=ids, identity=ResourceIdentity(function_name="shop"),
                signals=("traces", "logs"), part=PartSize(128), meter=None, health=health,
            ),
            buffer=buffer, record_filter=RecordFilter(), redaction=Redactor(), health=health,
            clock=self.clock,
        )  # fmt: skip
        endpoint: Any = self.endpoint
        return Telemetry(
            pipeline=pipeline,
            reader=DeliveryReader(pipeline, buffer=buffer, health=health, clock=self.clock),
            assembler=assembler,
            buffer=buffer,
            delivery=Delivery(
                exporter=endpoint, buffer=buffer, health=health, clock=self.clock, log=log,
                draw=lambda: 0.5,
            ),
            policy=FlushPolicy(mode),
            health=health, clock=self.clock, log=log, timeout_s=10.0,
            prepare=_at_once, close=_at_once,
        )  # fmt: skip


async def _at_once() -> None:
    """Do nothing."""
