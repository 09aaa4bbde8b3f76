"""AWS's Runtime Interface Emulator as a child process, in mounts and process ids of its own.

The emulator looks at fixed paths (/opt/extensions, /var/task, /var/runtime). It gets them inside a
private mount namespace, so the machine stays as it was; with the namespace go all its processes.
Inside, the interpreter is /var/lang/bin/python3, as in Lambda, and this environment's packages are
in /var/site-packages. Needs Linux and the right to mount.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiohttp

from tests.fidelity.download import rie_binary
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S, POLL_S, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PYTHON = "/var/lang/bin/python3"
SITE_PACKAGES = "/var/site-packages"
ACCOUNT_ID = "012345678912"  # the emulator knows no other
MANAGED_ACCOUNT_ID = "123456789012"  # nor this mode of it
FUNCTION_NAME = "test_function"
REGION = "us-east-1"
_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 60.0
_TURNED_AWAY = b'"Runtime.Unavailable"'
_UNSHARE = (
    "unshare",
    "--mount",
    "--propagation=private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)


def why_not() -> str:
    """Return why the emulator cannot run here; empty when it can."""
    if sys.platform != "linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root to mount in a namespace of its own"
    probe = subprocess.run([*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/opt"], check=False)
    if probe.returncode:
        return "unshare or mount is not allowed here"
    if platform.machine() not in {"x86_64", "aarch64"}:
        return f"there is no emulator for {platform.machine()}"
    return rie_binary().problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the emulator's caller got for one invocation."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Emulator:
    """One emulator with one function; an async context manager.

    Attributes:
        function: Folder of the function, seen as /var/task.
        extensions: Folder of executables, seen as /opt/extensions.
        command: The runtime; by default awslambdaric runs `handler`.
        is_managed: Managed Instances instead of the classic life cycle: with a Telemetry API,
            without INVOKE for extensions.
        environment: The customer's variables.
        log_level: What the emulator says itself; "info" adds its init report.
        output: What the emulator and all its processes printed.
        api_port: Port of the Runtime API.
    """

    function: Path
    extensions: Path | None = None
    handler: str = "handler.handler"
    command: tuple[str, ...] | None = None
    is_managed: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: int = 10
    log_level: str = "warn"
    output: list[str] = field(default_factory=list)
    api_port: int = 0
    _address: str = ""
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        port, self.api_port = free_port(), free_port()
        self._address = f"127.0.0.1:{port}"
        script = "\n".join([*self._mounts(), self._start(self.api_port)])
        self._process = await asyncio.create_subprocess_exec(
            *_UNSHARE,
            "sh",
            "-ec",
            script,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read())
        try:
            await until(lambda: self._is_listening(port), deadline_s=_START_DEADLINE_S)
        except AssertionError:
            await self.stop()
            raise AssertionError(f"the emulator did not start: {self.output}") from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def invoke(self, payload: bytes = b"{}", **headers: str) -> Reply:
        """Invoke the function; header names are written with underscores.

        On Managed Instances an invocation is turned away when no worker has asked for one yet; then
        it is repeated, as a caller of Lambda would not have to.
        """
        async with asyncio.timeout(PATIENCE_S):
            while _TURNED_AWAY in (reply := await self._invoke(payload, headers)).body:  # noqa: ASYNC110  # another process's state
                await asyncio.sleep(POLL_S)
        return reply

    async def _invoke(self, payload: bytes, headers: Mapping[str, str]) -> Reply:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names.setdefault("Content-Type", "application/json")
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"http://{self._address}{_INVOCATIONS}", data=payload, headers=names
            ) as answer,
        ):
            body = await answer.read()
            return Reply(status=answer.status, headers=dict(answer.headers), body=body)

    async def stop(self) -> None:
        """Send SIGTERM, as when a sandbox spins down, and wait until everything has ended."""
        if self._process is None or self._reader is None:
            return
        process, self._process = self._process, None
        for pid in _children(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._reader

    def _mounts(self) -> list[str]:
        site = sysconfig.get_path("purelib")
        bound = {
            "/var/lang": Path(sys.base_prefix),
            SITE_PACKAGES: Path(site),
            "/var/task": self.function,
        }
        if self.extensions is not None:
            bound["/opt/extensions"] = self.extensions
        lines = ["mount -t tmpfs tmpfs /opt", "mount -t tmpfs tmpfs /var", "mkdir /var/runtime"]
        for target, source in bound.items():
            lines.append(f"mkdir -p {target}")
            lines.append(f"mount --bind {shlex.quote(str(source.resolve()))} {target}")
        return lines

    def _start(self, api_port: int) -> str:
        runtime = shlex.join(self.command or (PYTHON, "-m", "awslambdaric", self.handler))
        options = [
            "--log-level",
            self.log_level,
            "--runtime-api-address",
            f"127.0.0.1:{api_port}",
            "--runtime-interface-emulator-address",
            self._address,
        ]
        variables = [f"{name}={value}" for name, value in self._variables().items()]
        start = shlex.join(["exec", "env", "-i", *variables, str(rie_binary().path), *options])
        if not self.is_managed:
            return f"cd /var/task\n{start} {runtime}"
        bootstrap = shlex.quote(f"#!/bin/sh\nexec {runtime}\n")
        return (
            f"printf %s {bootstrap} > /var/runtime/bootstrap\n"
            f"chmod +x /var/runtime/bootstrap\n{start}"
        )

    def _variables(self) -> dict[str, str]:
        variables = {
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": SITE_PACKAGES,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_NAME,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout_s),
            "AWS_LAMBDA_FUNCTION_HANDLER": self.handler,
            "_HANDLER": self.handler,
        }
        if self.is_managed:
            variables |= {"AWS_LAMBDA_MAX_CONCURRENCY": "2", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
        return variables | dict(self.environment)

    def _is_listening(self, port: int) -> bool:
        if self._reader is not None and self._reader.done():
            raise AssertionError("it has ended")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output.append(line.decode(errors="replace").rstrip("\n"))


def _children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []
