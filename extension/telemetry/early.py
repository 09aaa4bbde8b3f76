"""Telemetry until it is open: takes what the platform delivers, and keeps it as bytes.

A repeated start asks for /next before telemetry is open, and after it only runs while an invocation
does. So an invocation lends some of its time: the function has answered meanwhile or goes on beside
it, and at half of its timeout it is let go.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable
from typing import Protocol

from extension.platform.events import Invoke, Job, Shutdown, plausible_shutdown_s
from extension.platform.start_mark import StartMark, lent_s
from extension.process.clock import NS_PER_S, Clock
from extension.process.log import Log
from extension.telemetry.listener import Listener

MAX_KEPT_BYTES = 8 * 1_048_576
"""Deliveries that wait for telemetry to open; those beyond it are lost, and reported."""

MAX_KEPT_INVOCATIONS = 100

LAST_SHARE = 0.5
"""Of the time that SHUTDOWN leaves; the rest is for exporting."""


async def listen(
    listening: socket.socket, *, mark: StartMark | None, clock: Clock, log: Log
) -> EarlyTelemetry:
    """Accept deliveries from now on, and keep them."""
    early = EarlyTelemetry(mark=mark, clock=clock, log=log)
    listener = Listener(
        listening, take=early.take, on_fault=early.count_fault, on_lost=early.count_lost
    )
    await listener.start()
    return early


class Intake(Protocol):
    """What takes deliveries once telemetry is open."""

    def take(self, body: bytes) -> Awaitable[None] | None:
        """Take one; return what to wait for, if there is no room for it yet."""

    def count_fault(self, error: Exception) -> None:
        """Count an exception that taking one has raised."""

    def count_lost(self, count: int) -> None:
        """Count those that were lost before they could be taken."""


class Open(Protocol):
    """What the life cycle sees of telemetry once it is open."""

    async def invoked(self, invoke: Invoke) -> None:
        """Take part in an invocation."""

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Export everything."""

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn of an invocation that began at `at_ns`, before this was open."""

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn when /next was called for an invocation, before this was open."""


class EarlyTelemetry(Job):
    """What the life cycle and the listener see of telemetry from the first moment on."""

    def __init__(self, *, mark: StartMark | None, clock: Clock, log: Log) -> None:
        self._mark = mark
        self._clock = clock
        self._log = log
        self._bodies: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0
        self.has_heard = False
        """Whether anything was delivered: then the subscription is in force."""
        self._invokes: deque[tuple[Invoke, int]] = deque(maxlen=MAX_KEPT_INVOCATIONS)
        self._let_go: deque[tuple[Invoke, int]] = deque(maxlen=MAX_KEPT_INVOCATIONS)
        self._settled = asyncio.Event()
        """Open, or given up."""
        self._open: Open | None = None
        self._intake: Intake | None = None

    def take(self, body: bytes) -> Awaitable[None] | None:
        """Take one delivery; return what to wait for, if there is no room for it yet."""
        self.has_heard = True
        if self._intake is not None:
            return self._intake.take(body)
        if self._settled.is_set():
            return None  # telemetry is switched off
        if self._bytes + len(body) > MAX_KEPT_BYTES:
            self.count_lost()
        else:
            self._bodies.append(body)
            self._bytes += len(body)
        return None

    def count_fault(self, error: Exception) -> None:
        """Count an exception of our own; each is a bug."""
        if self._intake is not None:
            self._intake.count_fault(error)
        else:
            self.count_lost()

    def count_lost(self) -> None:
        """Count a delivery that is lost."""
        if self._intake is not None:
            self._intake.count_lost(1)
        else:
            self._lost += 1

    async def opened(self, telemetry: Open, intake: Intake) -> None:
        """Hand over all that was kept, in order, and everything that comes."""
        self._hand_over_invocations(telemetry)
        while self._bodies:  # grows meanwhile, if the platform is quick
            try:
                if (waiting := intake.take(self._bodies.popleft())) is not None:
                    await waiting
            except Exception as error:  # noqa: BLE001  # a bug costs the delivery alone
                intake.count_fault(error)
        self._hand_over_invocations(telemetry)  # those that were let go meanwhile
        self._intake, self._open = intake, telemetry
        self._settled.set()
        if self._lost:
            intake.count_lost(self._lost)
            self._log.warning("deliveries lost before telemetry was open", count=self._lost)

    def given_up(self) -> None:
        """Forget what was kept: telemetry is switched off."""
        for kept in (self._bodies, self._invokes, self._let_go):
            kept.clear()
        self._settled.set()

    async def invoked(self, invoke: Invoke) -> None:
        """Lend some of an invocation to opening; then telemetry takes it, or it is let go."""
        now_ns = self._clock.now().wall_ns
        began_ns = invoke.received_ns or now_ns
        if not self._settled.is_set():
            timeout_ms = self._mark.timeout_ms if self._mark else 0
            left_s = invoke.deadline_ms / 1000 - began_ns / NS_PER_S
            lent_already_s = (now_ns - began_ns) / NS_PER_S
            await self._wait(lent_s(left_s, timeout_ms=timeout_ms) - lent_already_s)
        if self._open is not None:
            await self._open.invoked(invoke)
        elif not self._settled.is_set():
            self.invoked_before(invoke, at_ns=began_ns)

    def next_called(self, invoke: Invoke) -> None:
        """Note when an invocation was let go: what it was held for is counted later."""
        if not self._settled.is_set():
            self.let_go_before(invoke, at_ns=self._clock.now().wall_ns)

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Keep an invocation for telemetry."""
        self._invokes.append((invoke, at_ns))

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Keep when it was let go."""
        self._let_go.append((invoke, at_ns))

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Let opening come to its end if it can, because what was taken is lost otherwise."""
        left_s = plausible_shutdown_s(self._clock.now().until_ms(shutdown.deadline_ms))
        await self._wait(left_s * LAST_SHARE)
        if self._open is not None:
            await self._open.shut_down(shutdown)
        elif not self._settled.is_set():
            lost = self._lost + len(self._bodies)
            self._log.error("the sandbox ended before telemetry was open", deliveries_lost=lost)

    def _hand_over_invocations(self, telemetry: Open) -> None:
        while self._invokes:
            invoke, at_ns = self._invokes.popleft()
            telemetry.invoked_before(invoke, at_ns=at_ns)
        while self._let_go:
            invoke, at_ns = self._let_go.popleft()
            telemetry.let_go_before(invoke, at_ns=at_ns)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            return
