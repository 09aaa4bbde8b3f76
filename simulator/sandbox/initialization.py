"""The init of a sandbox.

The order is that of AWS's own sandbox: no runtime before every extension has registered, no
invocation before all of them have asked for one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.clock import monotonic_ns
from simulator.errors import Failure, SandboxLostError
from simulator.sandbox.fleet import list_extensions, runtime_command
from simulator.sandbox.registry import EXTENSION_LIMIT
from simulator.telemetry import records
from simulator.telemetry.platform_report import TIMED_OUT

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.sandbox.registry import RegisteredExtension
    from simulator.sandbox.sandbox import Sandbox
    from simulator.telemetry.events import Phase


class Initialization:
    """One init, from platform.initStart to platform.initReport."""

    def __init__(self, sandbox: Sandbox, *, phase: Phase, limit_s: float) -> None:
        self._sandbox = sandbox
        self._phase = phase
        self._limit_s = limit_s
        self._began_ns = monotonic_ns()
        self._is_runtime_done = False

    async def run(self) -> None:
        """Start everything and wait until all are ready for the first invocation.

        Raises SandboxLostError when something fails, with the type of a timeout when the time is
        up; the sandbox must then be shut down.
        """
        sandbox = self._sandbox
        log_stream = sandbox.host.log_stream
        sandbox.emit(
            "initStart",
            records.init_start(sandbox.settings, phase=self._phase, log_stream=log_stream),
        )
        try:
            async with asyncio.timeout(self._limit_s):
                await self._start_all()
        except TimeoutError:
            self._end(status="timeout", error_type="Runtime.Unknown")
            raise SandboxLostError(self._timeout()) from None
        except SandboxLostError as error:
            self._end(status="error", error_type=error.failure.error_type)
            raise
        self._end(status="success")
        sandbox.hub.close_subscriptions()

    async def _start_all(self) -> None:
        sandbox = self._sandbox
        extensions = sandbox.registry.extensions
        self._launch_extensions()
        await sandbox.reach(lambda: all(each.state != "Started" for each in extensions))
        self._launch_runtime()
        await sandbox.reach(lambda: sandbox.runtime.has_asked)
        sandbox.registry.is_open = False
        if sandbox.settings.is_managed:
            self._end_runtime(status="success")
        await sandbox.reach(lambda: all(each.is_waiting for each in extensions))

    def _end(self, *, status: str, error_type: str = "") -> None:
        sandbox = self._sandbox
        duration_ns = monotonic_ns() - self._began_ns
        if sandbox.fleet.functions:
            done_status = "success" if status == "success" else "error"
            self._end_runtime(status=done_status, error_type=error_type)
        for extension in sandbox.registry.extensions:
            sandbox.emit("extension", records.extension(extension))
        record = records.init_report(
            sandbox.settings,
            phase=self._phase,
            status=status,
            duration_ns=duration_ns,
            error_type="" if status == "timeout" else error_type,
        )
        sandbox.emit("initReport", record)

    def _end_runtime(self, *, status: str, error_type: str = "") -> None:
        if self._is_runtime_done:
            return
        self._is_runtime_done = True
        record = records.init_runtime_done(
            self._sandbox.settings, phase=self._phase, status=status, error_type=error_type
        )
        self._sandbox.emit("initRuntimeDone", record)

    def _timeout(self) -> Failure:
        extensions = self._sandbox.registry.extensions
        silent = next((each.name for each in extensions if each.state == "Started"), "")
        problem = "did not register" if silent else "the init did not end"
        message = f"{problem} within {self._limit_s:g} s"
        return Failure(error_type=TIMED_OUT, message=message, culprit=silent)

    def _launch_extensions(self) -> None:
        registry = self._sandbox.registry
        paths = list_extensions(self._sandbox.settings.extensions)
        expected = [(path, registry.launch(path.name)) for path in paths[: EXTENSION_LIMIT + 1]]
        if len(expected) > EXTENSION_LIMIT:
            _, surplus = expected[-1]
            message = f"more than {EXTENSION_LIMIT} extensions"
            raise _launch_error(surplus, "TooManyExtensions", message)
        for path, extension in expected:
            self._launch_extension(path, extension)

    def _launch_extension(self, path: Path, extension: RegisteredExtension) -> None:
        try:
            self._sandbox.fleet.launch_extension(path)
        except OSError as error:
            kind = "PermissionDenied" if isinstance(error, PermissionError) else "UnknownError"
            message = f"fork/exec /opt/extensions/{path.name}: {error.strerror}".lower()
            raise _launch_error(extension, kind, message) from None

    def _launch_runtime(self) -> None:
        try:
            self._sandbox.fleet.launch_runtime()
        except OSError as error:
            command = runtime_command(self._sandbox.settings)[0]
            message = f"fork/exec {command}: {error.strerror}".lower()
            failure = Failure(
                error_type="Runtime.InvalidEntrypoint", message=message, culprit="runtime"
            )
            raise SandboxLostError(failure) from None


def _launch_error(
    extension: RegisteredExtension, error_type: str, message: str
) -> SandboxLostError:
    extension.error_type = error_type
    extension.enter("LaunchError")
    return SandboxLostError(
        Failure(error_type="Extension.LaunchError", message=message, culprit=extension.name)
    )
