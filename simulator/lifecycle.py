"""Sandboxes come and go: the first init, the one inside an invocation, freeze, restore, reset.

The first sandbox is initialised for itself (phase "init"); every later one inside the invocation
that needs it (phase "invoke", the suppressed init), within the function's timeout.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.clock import SECOND_NS, monotonic_ns
from simulator.errors import SandboxLostError, SimulatorError
from simulator.preflight import setup_problem
from simulator.sandbox.environment import Host
from simulator.sandbox.initialization import Initialization
from simulator.sandbox.micro_vm import MicroVm
from simulator.sandbox.sandbox import Sandbox
from simulator.sandbox.shutdown import shut_down
from simulator.telemetry import records
from simulator.telemetry.hub import TelemetryHub
from simulator.telemetry.platform_report import TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.clock import PlatformClock
    from simulator.errors import Failure
    from simulator.invocation import Reason
    from simulator.sandbox.output import OutputLine
    from simulator.sandbox.processes import ProcessExit
    from simulator.settings import FunctionSettings
    from simulator.telemetry.events import Event, Phase


class Lifecycle:
    """Holds the current sandbox, if there is one."""

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        clock: PlatformClock,
        address: Callable[[], str],
        on_event: Callable[[Event], None],
        on_exit: Callable[[ProcessExit], None],
        on_line: Callable[[OutputLine], None],
    ) -> None:
        self.sandbox: Sandbox | None = None
        self.sandboxes = 0
        self._settings = settings
        self._clock = clock
        self._address = address
        self._on_event = on_event
        self._on_exit = on_exit
        self._on_line = on_line
        self._vm: MicroVm | None = None
        self._token = str(uuid.uuid4())
        self._init_ns = 0
        self._is_frozen = False
        self._is_unused = False

    @property
    def is_cold(self) -> bool:
        """Whether the next invocation is the first one of its sandbox."""
        return self.sandbox is None or self._is_unused

    def take_init_ns(self) -> int:
        """Return how long the init or restore took; only the first report has it."""
        init_ns, self._init_ns = self._init_ns, 0
        self._is_unused = False
        return init_ns

    async def init(self, *, phase: Phase, limit_s: float) -> Failure | None:
        """Make a new sandbox the current one and initialise it.

        Returns what went wrong; the sandbox must then be ended. Raises SimulatorError when the
        set-up can never work, with the sandbox gone.
        """
        began_ns = monotonic_ns()
        self.sandbox = self._new_sandbox()
        self._is_unused = True
        try:
            await Initialization(self.sandbox, phase=phase, limit_s=limit_s).run()
        except SandboxLostError as error:
            await self._refuse_broken_setup(self.sandbox, error.failure)
            return error.failure
        finally:
            if self._vm is not None:
                self._vm.end_boost()
        self._init_ns = monotonic_ns() - began_ns if phase == "init" else 0
        if self._settings.is_snap_start:
            self._freeze()
        return None

    async def end(self, reason: Reason) -> None:
        """End the processes of the current sandbox, if there is one; idempotent."""
        sandbox = self.sandbox
        if sandbox is not None:
            self._is_frozen = False
            try:
                await shut_down(sandbox, reason)
            finally:
                self.sandbox = None

    async def close(self) -> None:
        """End the current sandbox as Lambda does in the end, and what outlived its resets."""
        try:
            await self.end("spindown")
        finally:
            vm, self._vm = self._vm, None
            if vm is not None:
                await asyncio.shield(vm.close())

    async def reset(self, failure: Failure) -> None:
        """End a sandbox that is lost; raises SimulatorError when another would be lost, too."""
        await self.end("timeout" if failure.error_type == TIMED_OUT else "failure")
        if failure.is_hopeless and self._settings.strict_setup:
            raise SimulatorError(failure.message)

    def freeze(self) -> None:
        """Stop all processes until the next invocation; Managed Instances never freeze."""
        if self._settings.freeze and not self._settings.is_managed:
            self._freeze()

    async def thaw(self) -> Failure | None:
        """Let the processes go on; a sandbox that is still a snapshot is restored.

        Returns what went wrong with the restore.
        """
        if self.sandbox is None or not self._is_frozen:
            return None
        self._is_frozen = False
        self._clock.jump(self._settings.faults.clock_jump_s)
        if not (self._settings.is_snap_start and self._is_unused):
            self.sandbox.thaw()
            return None
        return await self._restore(self.sandbox)

    async def _restore(self, sandbox: Sandbox) -> Failure | None:
        log_stream = sandbox.host.log_stream
        sandbox.emit("restoreStart", records.restore_start(self._settings, log_stream=log_stream))
        began_ns = monotonic_ns()
        sandbox.thaw()
        failure = None
        try:
            await sandbox.restore()
        except SandboxLostError as error:
            failure = error.failure
        self._init_ns = monotonic_ns() - began_ns
        status, error_type = ("error", failure.error_type) if failure else ("success", "")
        done = records.restore_runtime_done(status=status, error_type=error_type)
        sandbox.emit("restoreRuntimeDone", done)
        report = records.restore_report(
            status=status, duration_ns=self._init_ns, error_type=error_type
        )
        sandbox.emit("restoreReport", report)
        return failure

    def _freeze(self) -> None:
        if self.sandbox is not None and not self._is_frozen:
            self._is_frozen = True
            self.sandbox.freeze()

    async def _refuse_broken_setup(self, sandbox: Sandbox, failure: Failure) -> None:
        problem = setup_problem(sandbox, failure) if self._settings.strict_setup else ""
        if problem:
            await self.reset(failure)
            raise SimulatorError(problem)

    def _new_sandbox(self) -> Sandbox:
        self.sandboxes += 1
        if self._vm is None:
            self._vm = MicroVm(self._settings)
        hub = TelemetryHub(self._settings, clock=self._clock, on_event=self._on_event)
        return Sandbox(
            self._settings,
            number=self.sandboxes,
            host=self._new_host(),
            vm=self._vm,
            clock=self._clock,
            hub=hub,
            on_exit=self._on_exit,
            on_line=self._on_line,
        )

    def _new_host(self) -> Host:
        day = datetime.fromtimestamp(self._clock.now_ns() / SECOND_NS, UTC).strftime("%Y/%m/%d")
        return Host(
            address=self._address(),
            log_group=f"/aws/lambda/{self._settings.name}",
            log_stream=f"{day}/[{self._settings.version}]{os.urandom(16).hex()}",
            token=self._token,
        )
