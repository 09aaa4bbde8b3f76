"""A function as its callers see it: invoke it, and sandboxes come and go behind it."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Self

from simulator.answers import Answer
from simulator.api.server import ApiServer
from simulator.classic import ClassicRunner
from simulator.clock import SECOND_NS, PlatformClock
from simulator.invocation import Invocation
from simulator.lifecycle import Lifecycle
from simulator.managed import ManagedRunner
from simulator.preflight import check_settings
from simulator.tracing import begin_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from simulator.sandbox.output import OutputLine
    from simulator.sandbox.processes import ProcessExit
    from simulator.settings import FunctionSettings
    from simulator.telemetry.events import Event

__all__ = ["Answer", "LocalLambda"]


class LocalLambda:
    """One function with at most one sandbox at a time; an async context manager.

    Attributes:
        events: Every Telemetry API event in order of emission, whatever was subscribed to.
        exits: How each process of each sandbox ended, in that order.
    """

    def __init__(
        self, settings: FunctionSettings, *, on_line: Callable[[OutputLine], None] | None = None
    ) -> None:
        self.settings = settings
        self.events: list[Event] = []
        self.exits: list[ProcessExit] = []
        self._clock = PlatformClock()
        self._lifecycle = Lifecycle(
            settings,
            clock=self._clock,
            address=lambda: self.address,
            on_event=self.events.append,
            on_exit=self.exits.append,
            on_line=on_line or (lambda _line: None),
        )
        self._server = ApiServer(
            lambda: self._lifecycle.sandbox, host=settings.host, port=settings.port
        )
        self._classic = ClassicRunner(settings, self._lifecycle)
        self._managed = ManagedRunner(settings, self._lifecycle, clock=self._clock)
        self._is_serving = False
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.shutdown()

    @property
    def address(self) -> str:
        """host:port of the Runtime API."""
        return self._server.address

    @property
    def pids(self) -> list[int]:
        """The processes of the current sandbox."""
        return self._lifecycle.sandbox.fleet.pids if self._lifecycle.sandbox else []

    async def start(self) -> None:
        """Init now, as Lambda does when it expects invocations; otherwise the first one does it.

        An init that fails is repeated by the first invocation; raises SimulatorError when it can
        never succeed.
        """
        await self._open()
        async with self._turn:
            await self._first_init()
            if self._lifecycle.is_cold:
                self._lifecycle.freeze()

    async def invoke(
        self,
        payload: object = None,
        *,
        trace_header: str | None = None,
        client_context: str = "",
        tenant_id: str = "",
    ) -> Answer:
        """Run the function once; returns when all processes have asked for the next event.

        On Managed Instances invocations run side by side and return with the function's answer.

        Args:
            payload: What the handler gets as its event: any JSON value, or bytes as they are.
            trace_header: The caller's X-Amzn-Trace-Id.
            client_context: JSON text of the client context.
            tenant_id: For functions with tenant isolation.
        """
        await self._open()
        async with self._turn:
            await self._first_init()
            invocation = self._new_invocation(payload, trace_header, client_context, tenant_id)
            if not self.settings.is_managed:
                return await self._classic.run(invocation)
        return await self._managed.run(invocation)

    async def idle(self, seconds: float) -> None:
        """Let time pass between invocations, compressed as the settings say."""
        await asyncio.sleep(seconds / self.settings.time_compression)

    async def shutdown(self) -> None:
        """End the sandbox as Lambda does after a while without invocations; idempotent."""
        try:
            await self._lifecycle.close()
        finally:
            if self._is_serving:
                self._is_serving = False
                await self._server.close()

    async def _open(self) -> None:
        if not self._is_serving:
            check_settings(self.settings)
            await self._server.start()
            self._is_serving = True

    async def _first_init(self) -> None:
        if self._lifecycle.sandboxes:
            return
        failure = await self._lifecycle.init(phase="init", limit_s=self.settings.init_limit_s)
        if failure is not None:
            await self._lifecycle.reset(failure)

    def _new_invocation(
        self, payload: object, trace_header: str | None, client_context: str, tenant_id: str
    ) -> Invocation:
        now_ns = self._clock.now_ns()
        timeout_s = self.settings.timeout_s / self.settings.time_compression
        return Invocation(
            request_id=str(uuid.uuid4()),
            invocation_id=str(uuid.uuid4()) if self.settings.is_managed else "",
            payload=payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
            deadline_ns=now_ns + int(timeout_s * SECOND_NS),
            trace=begin_trace(self.settings.tracing, incoming=trace_header, now_ns=now_ns),
            cold_start=self._lifecycle.is_cold,
            client_context=client_context,
            tenant_id=tenant_id,
        )
