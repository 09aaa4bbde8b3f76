"""One sandbox: its processes, what the platform knows of them, and the work it does.

How it begins and ends is in `initialization` and `shutdown`.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from simulator.clock import monotonic_ns
from simulator.errors import Failure, SandboxLostError
from simulator.sandbox.changes import Changes
from simulator.sandbox.fleet import Fleet
from simulator.sandbox.managed_runtime import ManagedRuntime
from simulator.sandbox.registry import Registry
from simulator.sandbox.runtime import Runtime
from simulator.telemetry import events, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.clock import PlatformClock
    from simulator.invocation import Invocation, Shutdown
    from simulator.sandbox.environment import Host
    from simulator.sandbox.micro_vm import MicroVm
    from simulator.sandbox.output import OutputLine
    from simulator.sandbox.processes import ProcessExit
    from simulator.settings import FunctionSettings
    from simulator.telemetry.hub import TelemetryHub

RESTORE_HOOK_LIMIT_S = 10.0


class Sandbox:
    """One execution environment."""

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        number: int,
        host: Host,
        vm: MicroVm,
        clock: PlatformClock,
        hub: TelemetryHub,
        on_exit: Callable[[ProcessExit], None],
        on_line: Callable[[OutputLine], None],
    ) -> None:
        self.settings = settings
        self.host = host
        self.vm = vm
        self.hub = hub
        self.clock = clock
        self.changes = Changes()
        self.registry = Registry(self.changes, is_managed=settings.is_managed)
        self.runtime = (ManagedRuntime if settings.is_managed else Runtime)(self.changes)
        self.fleet = Fleet(
            settings,
            number=number,
            host=host,
            vm=vm,
            on_line=self._note_line,
            on_exit=self._note_exit,
        )
        self.invocation: Invocation | None = None
        self.shutdown_event: Shutdown | None = None
        self.first_fatal_error = ""  # reported by an extension before its process ends
        self.is_shutting_down = False
        self._failure: Failure | None = None
        self._on_exit = on_exit
        self._on_line = on_line

    async def invoke(self, invocation: Invocation) -> None:
        """Hand one invocation to all, and return when all have asked for the next one.

        Raises SandboxLostError when a process ends meanwhile.
        """
        self.invocation = invocation
        self.fleet.begin_count()
        subscribed = self.registry.subscribed("INVOKE")
        invocation.started_ns = monotonic_ns()
        for extension in subscribed:
            extension.release()
        self.runtime.release(invocation)
        await self.reach(lambda: invocation.response is not None)
        await self.reach(lambda: self.runtime.state == "Ready")
        self.finish_runtime(invocation, status="success")
        await self.reach(lambda: all(extension.is_waiting for extension in subscribed))
        self.fleet.drain()

    async def invoke_concurrently(self, invocation: Invocation) -> None:
        """Hand one invocation to a free worker, and return when it is answered."""
        invocation.started_ns = monotonic_ns()
        self.runtime.release(invocation)
        await self.reach(lambda: invocation.response is not None)
        self.fleet.drain()

    async def restore(self) -> None:
        """Continue from the snapshot: let the runtime run its hooks, if it waits for that.

        Raises SandboxLostError when a hook fails or takes too long.
        """
        runtime = self.runtime
        if not runtime.waits_for_restore:
            return
        runtime.release(None)
        try:
            async with asyncio.timeout(RESTORE_HOOK_LIMIT_S):
                await self.reach(lambda: bool(runtime.restore_error) or runtime.state == "Ready")
        except TimeoutError:
            message = f"the restore hooks did not end within {RESTORE_HOOK_LIMIT_S:g} s"
            failure = Failure(error_type="Runtime.RestoreHookUserTimeout", message=message)
            raise SandboxLostError(failure) from None
        if runtime.restore_error:
            failure = Failure(
                error_type="Runtime.RestoreHookUserError", message=runtime.restore_error
            )
            raise SandboxLostError(failure)

    def finish_runtime(self, invocation: Invocation, *, status: str, error_type: str = "") -> None:
        """Emit platform.runtimeDone, once an invocation, after all the function printed."""
        if invocation.runtime_done_ns:
            return
        self.fleet.drain()
        invocation.runtime_done_ns = monotonic_ns()
        spans = records.runtime_spans(invocation, clock=self.clock)
        record = records.runtime_done(invocation, status=status, spans=spans, error_type=error_type)
        self.emit("runtimeDone", record)

    def freeze(self) -> None:
        """Stop all processes and all delivery."""
        self.fleet.drain()
        self.hub.freeze()
        self.vm.freeze()
        self.fleet.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all processes and the delivery go on."""
        self.vm.thaw()
        self.fleet.signal_all(signal.SIGCONT)
        self.hub.thaw()

    def emit(self, kind: str, record: events.Record) -> None:
        """Emit a platform event."""
        self.hub.emit(f"platform.{kind}", record)

    async def reach(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; raises SandboxLostError when it can no longer come true."""

        def is_reached() -> bool:
            if self._failure is not None:
                raise SandboxLostError(self._failure)
            return condition()

        await self.changes.wait_for(is_reached)

    def fail(self, failure: Failure) -> None:
        """Note why the sandbox is lost; the first reason counts."""
        if self._failure is None and not self.is_shutting_down:
            self._failure = failure
        self.changes.notify()

    def _note_exit(self, ended: ProcessExit) -> None:
        self._on_exit(ended)
        if ended.kind == "extension" and self.is_shutting_down:
            extension = self.registry.external(ended.name)
            extension.enter("Exited" if ended.returncode == 0 else "ShutdownFailed")
        self.fail(self._exit_failure(ended))

    def _exit_failure(self, ended: ProcessExit) -> Failure:
        if ended.kind == "extension":
            error_type = self.first_fatal_error or "Extension.Crash"
            return Failure(error_type=error_type, message=str(ended), culprit=ended.name)
        message = "Runtime exited without providing a reason"
        if ended.returncode:
            message = f"Runtime exited with error: {ended}"
        return Failure(error_type="Runtime.ExitError", message=message, culprit=ended.name)

    def _note_line(self, line: OutputLine) -> None:
        if self.fleet.printed_bytes(line.name) > self.settings.output_limit_bytes:
            self._fail_for_output(line.name)
            return
        self._on_line(line)
        time_ns = self.clock.now_ns() if line.time_ns is None else line.time_ns
        one_at_a_time = self.invocation if line.source == "function" else None
        record = events.log_record(
            line.text,
            log_format="JSON" if self.settings.is_managed else self.settings.log_format,
            time_ns=time_ns,
            request_id=one_at_a_time.request_id if one_at_a_time else "",
        )
        self.hub.emit(line.source, record, time_ns=time_ns, text=line.text)

    def _fail_for_output(self, name: str) -> None:
        limit = self.settings.output_limit_bytes
        message = f"{name}: printed more than {limit} bytes in one init or invocation"
        self.fail(
            Failure(error_type="Sandbox.Failure", message=message, culprit=name, is_hopeless=True)
        )
