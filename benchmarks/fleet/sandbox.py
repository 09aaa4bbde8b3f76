"""One sandbox of a fleet: the real life cycle, cache and telemetry on a simulated clock.

Only the platform, AWS and the endpoint are doubles; they record each request and its time. Between
two invocations the sandbox is frozen: the wall clock moves on, the monotonic one and all timers
stand still.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from benchmarks.cache_in_time import CountingSource
from benchmarks.fleet.simulated import SimulatedLoop
from benchmarks.traffic import request_id
from extension.aws.call import Call
from extension.lifecycle import run
from extension.parameters.parameters import Parameters
from extension.platform.events import Invoke, Job, LambdaEvent, Shutdown
from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.process.ids import RandomIds
from extension.process.log import Log
from extension.process.waits import Budget
from extension.redaction.redactor import Redactor
from extension.settings.config import Config, read_config
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer, Signal
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import FlushPolicy
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry
from tests.doubles import NOON_NS, ManualClock
from tests.received import received

MIDNIGHT_NS = NOON_NS - 12 * 3600 * NS_PER_S
INIT_S = 0.3
RUN_S = 0.1
"""What an invocation of the function takes."""

DELIVERED_S = 0.025
"""How long the platform gathers events before it delivers them."""

POST_S = 0.05
TIMEOUT_S = 3.0
IDENTITY = ResourceIdentity(function_name="shop", region="eu-central-1")
ENDPOINT = "POST to the endpoint"

Calls = Counter[tuple[str, int]]
"""How often each operation was called in each second of the day."""


class Sandbox:
    """One sandbox, from its start to its end; `environ` are the settings of both jobs.

    `references` are asked for in each invocation, such as `ssm:/app/name`.
    """

    def __init__(
        self, environ: Mapping[str, str], *, references: Sequence[str], calls: Calls
    ) -> None:
        self._config, problems = read_config(environ)
        if problems:
            raise ValueError(problems)
        self._environ = environ
        self._references = references
        self._calls = calls

    def live(self, invocations: Sequence[float]) -> None:
        """Run it; `invocations` are seconds of the day, ascending."""
        clock = ManualClock(wall_ns=MIDNIGHT_NS + round((invocations[0] - INIT_S) * NS_PER_S))
        with asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
            runner.run(self._live(clock, invocations))

    async def _live(self, clock: ManualClock, invocations: Sequence[float]) -> None:
        log = Log(clock=clock, level="NONE")
        jobs: list[Job] = []
        platform = _Platform(clock, invocations)
        if self._references:
            jobs.append(cache := self._cache(clock, log))
            await cache.open()
            platform.ask = lambda: self._ask(cache)
        if self._config.telemetry.post_uri:
            jobs.append(telemetry := self._telemetry(clock, log))
            platform.deliver = partial(received, telemetry.reader)
        await run(platform, jobs=jobs, clock=clock, log=log)

    async def _ask(self, cache: Parameters) -> None:
        await asyncio.gather(*(cache.resolve(each, fresh=False) for each in self._references))

    def _cache(self, clock: ManualClock, log: Log) -> Parameters:
        return Parameters(
            self._config.parameters,
            sandbox=self._config.sandbox,
            environ=self._environ,
            clock=clock,
            log=log,
            sockets=[],
            open_source=lambda: _Aws(clock, self._calls),
        )

    def _telemetry(self, clock: ManualClock, log: Log) -> Telemetry:
        return _telemetry(self._config, clock, log, _Endpoint(clock, self._calls))


class _Aws(CountingSource):
    """Answers at once, and counts by the clock, too."""

    def __init__(self, clock: ManualClock, counted: Calls) -> None:
        super().__init__()
        self._clock = clock
        self._counted = counted

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer with whatever was asked for."""
        _count(self._counted, call.operation, self._clock)
        if call.operation == "GetSecretValue":
            return {"ARN": "arn", "Name": call.name, "SecretString": "value"}
        return super().call(call)


class _Endpoint:
    """Takes every export within `POST_S`, and counts."""

    def __init__(self, clock: ManualClock, calls: Calls) -> None:
        self._clock = clock
        self._calls = calls

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Accept one POST."""
        del signal, bodies
        _count(self._calls, ENDPOINT, self._clock)
        await budget.wait(asyncio.sleep(POST_S))
        return Outcome(kind="accepted")


def _count(calls: Calls, operation: str, clock: ManualClock) -> None:
    calls[operation, (clock.wall_ns - MIDNIGHT_NS) // NS_PER_S] += 1


class _Platform:
    """Lambda: answers /next, runs the function, freezes, delivers what happened."""

    def __init__(self, clock: ManualClock, invocations: Sequence[float]) -> None:
        self._clock = clock
        self._times = iter(invocations)
        self._number = 0
        self._function: asyncio.Task[None] | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        self.ask = _nothing
        self.deliver = _ignore

    async def next_event(self) -> LambdaEvent:
        """Wait until the function has responded, freeze, and return the next event."""
        if self._function:
            await self._function
        at_s = next(self._times, None)
        if at_s is None:
            return Shutdown(reason="spindown", deadline_ms=self._in_ms(2.0))
        left_ns = MIDNIGHT_NS + round(at_s * NS_PER_S) - self._clock.wall_ns
        self._clock.freeze(max(left_ns, 0) / NS_PER_S)
        self._number += 1
        self._function = asyncio.create_task(self._invocation(self._number))
        request = request_id(self._number)
        return Invoke(request_id=request, deadline_ms=self._in_ms(TIMEOUT_S))

    async def _invocation(self, number: int) -> None:
        began = self._event("platform.start", number, version="1")
        await self.ask()
        await asyncio.sleep(RUN_S)
        done = self._event("platform.runtimeDone", number, status="success")
        delivery = asyncio.create_task(self._deliver([began, done]))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, events: Sequence[Mapping[str, Any]]) -> None:
        await asyncio.sleep(DELIVERED_S)
        await self.deliver(json.dumps(events).encode())

    def _event(self, kind: str, number: int, **record: str) -> Mapping[str, Any]:
        at = datetime.fromtimestamp(self._clock.wall_ns / NS_PER_S, UTC)
        return {
            "time": f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "type": kind,
            "record": {"requestId": request_id(number), **record},
        }

    def _in_ms(self, seconds: float) -> int:
        return (self._clock.wall_ns + round(seconds * NS_PER_S)) // NS_PER_MS


async def _nothing() -> None:
    pass


async def _ignore(body: bytes) -> None:
    del body


def _telemetry(config: Config, clock: ManualClock, log: Log, endpoint: _Endpoint) -> Telemetry:
    ids, health = RandomIds(), Health()
    assembler = Assembler(ids=ids)
    buffer = Buffer(max_bytes=config.telemetry.buffer_max_bytes, dropped=health.dropped)
    pipeline = Pipeline(
        assembler=assembler,
        encoder=OtlpEncoder(
            ids=ids,
            identity=IDENTITY,
            signals=config.telemetry.posted,
            part=FULL_SIZE,
            meter=None,
            health=health,
        ),
        buffer=buffer,
        record_filter=RecordFilter(),
        redaction=Redactor(),
        health=health,
        clock=clock,
    )
    reader = DeliveryReader(pipeline, buffer=buffer, health=health, clock=clock)
    delivery = Delivery(
        exporter=endpoint,
        buffer=buffer,
        health=health,
        clock=clock,
        log=log,
        on_settled=reader.congestion.export_settled,
    )
    return Telemetry(
        pipeline=pipeline,
        reader=reader,
        assembler=assembler,
        buffer=buffer,
        delivery=delivery,
        policy=FlushPolicy(config.telemetry.flush),  # type: ignore[arg-type]  # one of its choices
        health=health,
        clock=clock,
        log=log,
        timeout_s=10.0,
        prepare=_nothing,
        close=_nothing,
        min_batch_size=config.telemetry.min_batch_size,
    )
