"""Real processes: started in groups of their own, read, stopped, continued and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simulator.sandbox.output import FrameDecoder, LineDecoder, OutputLine, OutputPipe

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

    from simulator.sandbox.micro_vm import MicroVm

_RECORD_OVERHEAD_BYTES = 26  # what CloudWatch Logs counts for each event besides its text

_LAST_LINES = 20  # as many as a traceback of some depth has

Kind = Literal["function", "extension"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExit:
    """How a process ended.

    Attributes:
        name: File name of the extension; "runtime" for the function's runtime.
        sandbox: Which sandbox it belonged to, counted from 1.
        returncode: Exit status, or minus the signal's number.
        killed: Whether the simulator had to kill it.
    """

    name: str
    kind: Kind
    pid: int
    sandbox: int
    returncode: int
    killed: bool

    def __str__(self) -> str:
        if self.returncode < 0:
            return f"signal: {signal.strsignal(-self.returncode) or -self.returncode}".lower()
        return f"exit {'code' if self.returncode == 0 else 'status'} {self.returncode}"


class SandboxProcess:
    """One running process of a sandbox and its output."""

    def __init__(self, name: str, *, kind: Kind, on_line: Callable[[OutputLine], None]) -> None:
        self.name = name
        self.kind = kind
        self.was_killed = False
        self.printed_bytes = 0
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._on_line = on_line
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pipes = [OutputPipe(LineDecoder(), self._record) for _ in ("stdout", "stderr")]
        self._frames = OutputPipe(FrameDecoder(), self._record) if kind == "function" else None

    @property
    def log_fd(self) -> int:
        """The descriptor for framed log records, under the number the process knows it by."""
        return self._frames.write_fd if self._frames else -1

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def returncode(self) -> int | None:
        """Exit status or minus the signal's number; None while it runs."""
        return self._process.returncode if self._process else None

    def start(
        self, command: tuple[str, ...], *, vm: MicroVm, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Start it; raises OSError when the file cannot be executed."""
        stdout, stderr = self._pipes
        try:
            self._process = vm.start(
                command,
                environment=environment,
                folder=folder,
                stdout=stdout.write_fd,
                stderr=stderr.write_fd,
                pass_fds=(self.log_fd,) if self._frames else (),
            )
        except BaseException:
            self.close()
            raise
        for pipe in self._all_pipes():
            pipe.close_write_end()
        wait = partial(_wait, self._process, asyncio.get_running_loop(), self._ended)
        threading.Thread(target=wait, name=f"wait for {self.name}", daemon=True).start()

    async def wait(self) -> int:
        """Return the exit status once it has ended; its children may live on."""
        return await asyncio.shield(self._ended)

    def drain(self) -> None:
        """Take what it has printed by now."""
        for pipe in self._all_pipes():
            pipe.drain()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and all children that stayed in its group."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def kill(self) -> None:
        """End the whole group with SIGKILL and reap the process."""
        if self._process is None:
            return
        self.was_killed = self.was_killed or self.returncode is None
        self.signal_group(signal.SIGKILL)
        await self.wait()

    def close(self) -> None:
        """Take the last output and close the pipes."""
        for pipe in self._all_pipes():
            pipe.close()

    def _all_pipes(self) -> list[OutputPipe]:
        return [*self._pipes, self._frames] if self._frames else self._pipes

    def _record(self, text: str, time_ns: int | None) -> None:
        self.printed_bytes += len(text) + _RECORD_OVERHEAD_BYTES
        self.last_lines.append(text.rstrip())
        line = OutputLine(source=self.kind, name=self.name, text=text, time_ns=time_ns)
        self._on_line(line)


def _wait(
    process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, ended: asyncio.Future[int]
) -> None:
    """Wait in a thread of its own: asyncio only waits for processes that it has started."""
    returncode = process.wait()
    with suppress(RuntimeError):  # the loop has ended, and all that waited with it
        loop.call_soon_threadsafe(ended.set_result, returncode)


def peak_memory_mb(pids: list[int]) -> int:
    """Return the most memory these processes have held, summed, in MB; 0 where unknown."""
    kilobytes = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return kilobytes // 1024


def with_descendants(pids: list[int]) -> list[int]:
    """Return these processes and all that they have started and that still run; needs /proc."""
    found = list(pids)
    for pid in found:  # grows meanwhile
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found
