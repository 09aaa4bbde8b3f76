"""What the sandbox used while an invocation ran: CPU, network, descriptors, threads and /tmp.

Read from /proc and statvfs, of the whole sandbox, this extension included, once when an invocation
begins and once when its end is known. What cannot be read is left out. Where invocations overlap,
nothing is measured, because nothing says whose it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

TICKS_PER_S = 100
"""Of /proc/stat on Linux, whatever the kernel's own: a hundredth of a second is the finest."""

BUSY = slice(1, 4)
"""User, nice and system; what follows is idle, waiting, or counted in these."""

RECEIVED, SENT = 0, 8
"""Columns of /proc/net/dev."""


class SandboxUsage:
    """Measures each invocation; `on_measured(metric, value)` takes the figures."""

    def __init__(
        self,
        on_measured: Callable[[str, float], None],
        *,
        proc: Path = Path("/proc"),
        temporary: Path = Path("/tmp"),  # noqa: S108  # Lambda's own
    ) -> None:
        self._on_measured = on_measured
        self._proc = proc
        self._temporary = temporary
        self._request_id = ""
        self._before: dict[str, float] = {}

    def begin(self, request_id: str) -> None:
        """Note where the counters stand."""
        self._request_id, self._before = request_id, self._counters()

    def end(self, request_id: str) -> None:
        """Return what was used since the same invocation began."""
        if request_id != self._request_id:
            return
        self._request_id = ""
        for name, value in self._counters().items():
            if name in self._before and value >= self._before[name]:
                self._on_measured(name, value - self._before[name])
        for name, level in self._levels().items():
            self._on_measured(name, level)

    def _counters(self) -> dict[str, float]:
        return _known({"faas.cpu_usage": self._cpu_s, "faas.net_io": self._network_bytes})

    def _levels(self) -> dict[str, float]:
        return _known(
            {
                "lambda_dispatch.file_descriptors": self._descriptors,
                "lambda_dispatch.threads": self._threads,
                "lambda_dispatch.tmp_usage": self._temporary_bytes,
            }
        )

    def _cpu_s(self) -> float:
        first = self._read("stat").partition("\n")[0].split()
        return sum(map(int, first[BUSY])) / TICKS_PER_S

    def _network_bytes(self) -> float:
        interfaces = (each.partition(":") for each in self._read("net/dev").splitlines()[2:])
        columns = [rest.split() for name, _, rest in interfaces if name.strip() != "lo"]
        return sum(int(each[RECEIVED]) + int(each[SENT]) for each in columns)

    def _descriptors(self) -> float:
        return int(self._read("sys/fs/file-nr").split()[0])

    def _threads(self) -> float:
        return int(self._read("loadavg").split()[3].partition("/")[2])

    def _temporary_bytes(self) -> float:
        file_system = os.statvfs(self._temporary)
        return (file_system.f_blocks - file_system.f_bfree) * file_system.f_frsize

    def _read(self, name: str) -> str:
        return (self._proc / name).read_text()


def _known(figures: dict[str, Callable[[], float]]) -> dict[str, float]:
    known: dict[str, float] = {}
    for name, read in figures.items():
        try:
            known[name] = read()
        except (OSError, ValueError, IndexError):
            continue
    return known
