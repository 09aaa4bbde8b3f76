"""Runs one extension against the API of `benchmarks.api` and reads its clocks and its memory.

CPU is read from the process's own CPU clock (all threads, nanoseconds) at the moments that count,
so what happens later, such as the interpreter's end, is not in it.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from benchmarks import traffic
from benchmarks.api import DEADLINE_S, Api, Seen

NS_PER_MS = 1_000_000
KIB_PER_MIB = 1024

CPUCLOCK_SCHED = 2
"""The low bits of a process clock in the kernel: ~pid shifted by three, and this."""

FIRST_EXPORT_S = 5.0

RESET_PEAK = "5"
"""What proc's clear_refs takes for it."""

FREE_WITHIN_S = 20.0
"""How long a port may be somebody else's: tests that run beside the measurement give it back."""

Spawn = Callable[..., "subprocess.Popen[Any]"]

TROUBLE = ("switched off", '"ERROR"', "Traceback", "export failed")
"""What an extension prints when it does less than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A program and its environment; `exports`: it does, which each run verifies.

    `port` is the one that it binds: while somebody else has it, it would do less than it should.
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    exports: bool = False
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """From the answer of one /next to the next call of it, and from runtimeDone to that call."""

    wall_ms: float
    after_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one process showed, counted from its start; `rss_mib` after the first invocation."""

    register_ms: float
    next_ms: float
    cpu_ms: float
    rss_mib: float
    invocations: tuple[Invocation, ...]


def live(
    contender: Contender,
    api: Api,
    *,
    invocations: int = 1,
    initialized: Callable[[int], None] = lambda pid: None,
) -> Life:
    """Start the process, give it invocations, end it; `initialized` gets the pid before them."""
    with Process(contender, api) as process:
        initialized(process.pid)
        done = [process.invoke(1)]
        rss_mib = process.rss_mib()
        done += [process.invoke(number) for number in range(2, invocations + 1)]
        process.end()
    return Life(
        register_ms=process.register_ms,
        next_ms=process.next_ms,
        cpu_ms=process.init_cpu_ms,
        rss_mib=rss_mib,
        invocations=tuple(done),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What one process has used up to its first /next, counted from its start."""

    next_ms: float
    cpu_ms: float


def started(contender: Contender, api: Api) -> Started:
    """Start the process, and end it as soon as it asks for its first event."""
    with Process(contender, api) as process:
        return Started(next_ms=process.next_ms, cpu_ms=process.init_cpu_ms)


def register_ms(contender: Contender, api: Api) -> float:
    """Start the process and end it as soon as it has registered."""
    process = Process(contender, api)
    process.start()
    process.kill()
    return process.register_ms


class Process:
    """One extension, from its start to its first /next; killed on the way out, if need be."""

    def __init__(
        self,
        contender: Contender,
        api: Api,
        *,
        spawn: Spawn = subprocess.Popen,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """`spawn` starts the process, as `subprocess.Popen` does; no step takes `deadline_s`."""
        self._contender = contender
        self._api = api
        self._spawn = spawn
        self._deadline_s = deadline_s
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by kill

    def start(self) -> None:
        """Start it and wait until it registers."""
        _wait_until_free(self._contender.port)
        if self._spawn is subprocess.Popen:
            _forget_starts()
        began_ns = time.perf_counter_ns()
        self._child = self._spawn(
            self._contender.command,
            env=self._contender.environ,
            stdout=self._output,
            stderr=self._output,
        )
        self.pid = self._child.pid
        self._began_ns = began_ns
        self.register_ms = (self._wait_for(self._api.registered).at_ns - began_ns) / NS_PER_MS

    def __enter__(self) -> Process:
        try:
            self.start()
            asked_ns = self._wait_for(self._api.asked).at_ns
        except BaseException:
            self.kill()
            raise
        self.next_ms = (asked_ns - self._began_ns) / NS_PER_MS
        self.init_cpu_ms = self.cpu_ms()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once; nothing happens if it has ended."""
        self._child.kill()
        self._child.wait()
        self._api.forget()
        self._output.close()

    def invoke(
        self, number: int, *, also: Sequence[bytes] = (), timeout_s: float = DEADLINE_S
    ) -> Invocation:
        """Give it one invocation with its telemetry, up to its next /next.

        `also` are deliveries that come with it, `timeout_s` is the function's timeout.
        """
        api = self._api
        api.forget_exports()
        cpu_ms, began_ns = self.cpu_ms(), time.perf_counter_ns()
        api.invoke(traffic.request_id(number), timeout_s=timeout_s)
        api.deliver(traffic.during(number))
        for each in also:
            api.deliver(each)
        responded_ns = time.perf_counter_ns()
        api.deliver(traffic.after(number))
        asked_ns = self._wait_for(api.asked).at_ns
        if self._contender.exports:
            self._wait_for_export(is_first=number == 1)
        return Invocation(
            wall_ms=(asked_ns - began_ns) / NS_PER_MS,
            after_ms=(asked_ns - responded_ns) / NS_PER_MS,
            cpu_ms=self.cpu_ms() - cpu_ms,
        )

    def end(self) -> None:
        """Shut it down; what it printed must tell of no trouble, or the figures mean nothing."""
        self._api.shut_down()
        self._child.wait(self._deadline_s)
        printed = self.printed()
        if self._child.returncode or any(word in printed for word in TROUBLE):
            raise RuntimeError(f"{self._contender.command}: {printed}")

    def cpu_ms(self) -> float:
        """Return what it has used since its start."""
        return cpu_ms(self.pid)

    def rss_mib(self) -> float:
        """Return its resident memory."""
        return self._memory_mib("VmRSS:")

    def peak_mib(self) -> float:
        """Return the most that its resident memory was since `forget_peak`, or its start."""
        return self._memory_mib("VmHWM:")

    def forget_peak(self) -> None:
        """Let the peak begin at what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text(RESET_PEAK)

    def _memory_mib(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith(name))
        return int(kib) / KIB_PER_MIB

    def _wait_for_export(self, *, is_first: bool) -> None:
        """Wait until something was exported.

        On a busy machine a start takes longer than it has, and asks for the first event before
        telemetry is open; then the second invocation exports what the first one brought.
        """
        try:
            self._api.exported.get(timeout=FIRST_EXPORT_S if is_first else self._deadline_s)
        except Empty:
            if not is_first:
                raise RuntimeError(f"no export: {self.printed()}") from None

    def _wait_for(self, queue: SimpleQueue[Seen]) -> Seen:
        """Return the next request of a kind."""
        try:
            return queue.get(timeout=self._deadline_s)
        except Empty:
            raise RuntimeError(f"nothing within {self._deadline_s:g} s: {self.printed()}") from None

    def printed(self) -> str:
        """Return what it has written so far."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")


def cpu_ms(pid: int) -> float:
    """Return the CPU that a process has used since its start, all threads."""
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED) / NS_PER_MS


def _forget_starts() -> None:
    """Let the next start be a first one: one that was killed has left its mark."""
    for mark in Path("/tmp").glob(".lambda_dispatch-*"):
        mark.unlink(missing_ok=True)


def _wait_until_free(port: int) -> None:
    until = time.monotonic() + FREE_WITHIN_S
    while port and not _can_bind(port):
        if time.monotonic() > until:
            raise RuntimeError(f"port {port} is in use")
        time.sleep(0.1)


def _can_bind(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
