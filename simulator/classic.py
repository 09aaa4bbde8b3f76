"""Invocations one at a time: init or restore if need be, run, report, freeze or reset."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.answers import Answer, build_answer
from simulator.clock import SECOND_NS, monotonic_ns
from simulator.errors import SandboxLostError
from simulator.sandbox.processes import peak_memory_mb
from simulator.telemetry import records
from simulator.telemetry.platform_report import (
    TIMED_OUT,
    platform_error_type,
    platform_status,
    report_record,
    timed_out,
)

if TYPE_CHECKING:
    from simulator.errors import Failure
    from simulator.invocation import Invocation
    from simulator.lifecycle import Lifecycle
    from simulator.sandbox.sandbox import Sandbox
    from simulator.settings import FunctionSettings


class ClassicRunner:
    """Runs invocations in whatever sandbox the life cycle holds; the caller keeps the turns."""

    def __init__(self, settings: FunctionSettings, lifecycle: Lifecycle) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._timeout_s = settings.timeout_s / settings.time_compression

    async def run(self, invocation: Invocation) -> Answer:
        """Return the answer, once all processes have asked for the next event."""
        asked_ns = monotonic_ns()
        is_init_suppressed = self._lifecycle.sandbox is None
        failure = await self._prepare()
        began_ns = asked_ns if is_init_suppressed else monotonic_ns()
        sandbox = self._lifecycle.sandbox
        assert sandbox is not None
        sandbox.emit("start", records.start(self._settings, invocation))
        if failure is None:
            failure = await self._invoke_within(sandbox, invocation, began_ns)
        ended_ns = self._report(sandbox, invocation, failure, began_ns)
        if failure is None:
            self._lifecycle.freeze()
        else:
            await self._lifecycle.reset(failure)
        return build_answer(
            invocation, failure, init_error=sandbox.runtime.init_error, ended_ns=ended_ns
        )

    async def _prepare(self) -> Failure | None:
        """Get a sandbox that is ready, within the invocation if it comes to that."""
        if self._lifecycle.sandbox is None:
            failure = await self._lifecycle.init(phase="invoke", limit_s=self._timeout_s)
            if failure is not None:
                return timed_out(self._settings) if failure.error_type == TIMED_OUT else failure
        return await self._lifecycle.thaw()

    async def _invoke_within(
        self, sandbox: Sandbox, invocation: Invocation, began_ns: int
    ) -> Failure | None:
        spent_s = (monotonic_ns() - began_ns) / SECOND_NS
        try:
            async with asyncio.timeout(self._timeout_s - spent_s):
                await sandbox.invoke(invocation)
        except TimeoutError:
            return timed_out(self._settings)
        except SandboxLostError as error:
            return error.failure
        return None

    def _report(
        self, sandbox: Sandbox, invocation: Invocation, failure: Failure | None, began_ns: int
    ) -> int:
        """Emit what the platform says in the end; returns the end, a monotonic time in ns."""
        if failure is not None:
            sandbox.finish_runtime(
                invocation,
                status=platform_status(failure),
                error_type=platform_error_type(failure),
            )
        ended_ns = monotonic_ns()
        record = report_record(
            self._settings,
            invocation,
            failure=failure,
            duration_ns=min(ended_ns - began_ns, int(self._timeout_s * SECOND_NS)),
            init_ns=self._lifecycle.take_init_ns(),
            peak_memory_mb=peak_memory_mb(sandbox.fleet.pids),
        )
        sandbox.emit("report", record)
        sandbox.hub.end_invocation()
        return ended_ns
