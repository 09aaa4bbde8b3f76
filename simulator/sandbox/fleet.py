"""The processes of one sandbox: launched, watched, and treated as one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.sandbox.environment import extension_environment, runtime_environment
from simulator.sandbox.processes import ProcessExit, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.sandbox.environment import Host
    from simulator.sandbox.micro_vm import MicroVm
    from simulator.sandbox.output import OutputLine
    from simulator.settings import FunctionSettings


_BOOTSTRAP = """
[ -f "$1" ] || { echo "$1: does not exist"; exit 127; }
[ -x "$1" ] || { echo "$1: is not an executable"; exit 126; }
exec "$@"
"""
"""What /var/runtime/bootstrap does with a wrapper: the image of a managed runtime has it."""

_START_TIME = 19  # of the fields in /proc/PID/stat after the name; see proc(5), starttime


class Fleet:
    """All processes that were started for one sandbox."""

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        number: int,
        host: Host,
        vm: MicroVm,
        on_line: Callable[[OutputLine], None],
        on_exit: Callable[[ProcessExit], None],
    ) -> None:
        self.processes: list[SandboxProcess] = []
        self._settings = settings
        self._number = number
        self._host = host
        self._vm = vm
        self._on_line = on_line
        self._on_exit = on_exit
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> list[int]:
        """The ids of all processes that were started."""
        return [process.pid for process in self.processes if process.pid]

    @property
    def functions(self) -> list[SandboxProcess]:
        """The runtime, if it was started."""
        return [process for process in self.processes if process.kind == "function"]

    @property
    def extensions(self) -> list[SandboxProcess]:
        """The external extensions that were started."""
        return [process for process in self.processes if process.kind == "extension"]

    def launch_extension(self, path: Path) -> None:
        """Start an external extension; raises OSError when the file cannot be executed."""
        process = SandboxProcess(path.name, kind="extension", on_line=self._on_line)
        environment = extension_environment(self._settings, self._host)
        process.start((str(path),), vm=self._vm, environment=environment, folder=path.parent)
        self._watch(process)

    def launch_runtime(self) -> None:
        """Start the function's runtime; raises OSError when the command cannot be executed."""
        process = SandboxProcess("runtime", kind="function", on_line=self._on_line)
        environment = runtime_environment(self._settings, self._host, log_fd=process.log_fd)
        command = runtime_command(self._settings)
        process.start(command, vm=self._vm, environment=environment, folder=self._settings.code)
        self._watch(process)

    def drain(self) -> None:
        """Take everything printed by now."""
        for process in self.processes:
            process.drain()

    def begin_count(self) -> None:
        """Reset the count of what each process prints."""
        for process in self.processes:
            process.printed_bytes = 0

    def printed_bytes(self, name: str) -> int:
        """Return how much a process has printed since the count began."""
        return next((each.printed_bytes for each in self.processes if each.name == name), 0)

    def last_lines(self, name: str) -> list[str]:
        """Return the end of what a process has printed."""
        return next((list(each.last_lines) for each in self.processes if each.name == name), [])

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to every process group."""
        for process in self.processes:
            process.signal_group(number)

    async def destroy(self) -> None:
        """Leave nothing behind: no process, no task, no descriptor."""
        for process in self.processes:
            await process.kill()
        await asyncio.gather(*self._watchers)
        for process in self.processes:
            process.close()
        kill_strays(self._host.address)

    def _watch(self, process: SandboxProcess) -> None:
        self.processes.append(process)
        self._watchers.append(asyncio.create_task(self._await_exit(process)))

    async def _await_exit(self, process: SandboxProcess) -> None:
        returncode = await process.wait()
        process.drain()
        self._on_exit(
            ProcessExit(
                name=process.name,
                kind=process.kind,
                pid=process.pid,
                sandbox=self._number,
                returncode=returncode,
                killed=process.was_killed,
            )
        )


def runtime_command(settings: FunctionSettings) -> tuple[str, ...]:
    """Return the command of the runtime: the configured one, or AWS's client for Python.

    A wrapper gets it as its arguments, as in Lambda's managed runtimes ("Modifying the runtime
    environment" in the developer guide); OS-only runtimes ignore the variable, which is not copied.
    """
    command = settings.runtime or (sys.executable, "-m", "awslambdaric", settings.handler)
    wrapper = settings.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    return ("/bin/sh", "-c", _BOOTSTRAP, "bootstrap", wrapper, *command) if wrapper else command


def list_extensions(folder: Path | None) -> list[Path]:
    """Return what Lambda would launch: every entry that is not a folder, by name."""
    if folder is None:
        return []
    return sorted(path.absolute() for path in folder.iterdir() if not path.is_dir())


def kill_strays(address: str) -> None:
    """Kill processes that left their group, known by the Runtime API address only we hand out.

    A virtual machine takes them with it when it goes. Needs /proc; elsewhere they stay.
    """
    mark = f"AWS_LAMBDA_RUNTIME_API={address}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            is_ours = mark in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and pid != os.getpid() and _could_be_a_child(folder):
                os.kill(pid, signal.SIGKILL)


def _could_be_a_child(folder: Path) -> bool:
    """Return whether it is younger than we are, and the address means our port to it, too."""
    own = Path("/proc/self")
    shares_network = (folder / "ns/net").stat().st_ino == (own / "ns/net").stat().st_ino
    return shares_network and _started_at(folder) >= _started_at(own)


def _started_at(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[_START_TIME])
