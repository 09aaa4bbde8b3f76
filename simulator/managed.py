"""Invocations on Managed Instances: many at once, never frozen, no runtimeDone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.answers import Answer, build_answer
from simulator.clock import PlatformClock, monotonic_ns
from simulator.errors import SandboxLostError
from simulator.sandbox.managed_runtime import ManagedRuntime
from simulator.telemetry import records
from simulator.telemetry.platform_report import TIMED_OUT, managed_report_record, timed_out

if TYPE_CHECKING:
    from simulator.errors import Failure
    from simulator.invocation import Invocation
    from simulator.lifecycle import Lifecycle
    from simulator.sandbox.sandbox import Sandbox
    from simulator.settings import FunctionSettings


class ManagedRunner:
    """Runs invocations side by side; a timeout costs one of them, a crash all."""

    def __init__(
        self, settings: FunctionSettings, lifecycle: Lifecycle, *, clock: PlatformClock
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._clock = clock
        self._timeout_s = settings.timeout_s / settings.time_compression
        self._resetting = asyncio.Lock()

    async def run(self, invocation: Invocation) -> Answer:
        """Return the answer as soon as the function has given it."""
        failure = await self._prepare()
        self._lifecycle.take_init_ns()
        sandbox = self._lifecycle.sandbox
        assert sandbox is not None
        sandbox.emit("start", records.start(self._settings, invocation))
        if failure is None:
            failure = await self._invoke_within(sandbox, invocation)
        ended_ns = monotonic_ns()
        record = managed_report_record(
            invocation,
            failure=failure,
            duration_ns=ended_ns - invocation.started_ns,
            clock=self._clock,
        )
        sandbox.emit("report", record)
        sandbox.hub.end_invocation()
        if failure is not None and failure.error_type != TIMED_OUT:
            await self._reset(sandbox, failure)
        return build_answer(
            invocation, failure, init_error=sandbox.runtime.init_error, ended_ns=ended_ns
        )

    async def _prepare(self) -> Failure | None:
        async with self._resetting:
            if self._lifecycle.sandbox is not None:
                return None
            return await self._lifecycle.init(phase="init", limit_s=self._settings.init_limit_s)

    async def _reset(self, sandbox: Sandbox, failure: Failure) -> None:
        async with self._resetting:
            if self._lifecycle.sandbox is sandbox:  # another invocation may have been faster
                await self._lifecycle.reset(failure)

    async def _invoke_within(self, sandbox: Sandbox, invocation: Invocation) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await sandbox.invoke_concurrently(invocation)
        except TimeoutError:
            assert isinstance(sandbox.runtime, ManagedRuntime)
            sandbox.runtime.abandon(invocation)
            return timed_out(self._settings)
        except SandboxLostError as error:
            return error.failure
        return None
