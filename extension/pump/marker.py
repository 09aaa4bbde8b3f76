"""The marker in /tmp from which the wrapper learns where the pump of its sandbox listens.

One line: address for `AWS_LAMBDA_RUNTIME_API`, process id and start time of the pump. A process
with this id and this start time is the pump, and listens while it lives; so the line of a pump that
is gone, from before a reset or of another sandbox, is recognised as such. The name holds the
address of the Runtime API, because on a developer's machine many sandboxes share one /tmp.
Built-in modules only.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os

FOLDER = "/tmp"  # noqa: S108  # the only folder that is writable in Lambda
NAME = ".lambda_dispatch_tap-"
PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-")
"""What the wrapper accepts in an address, too."""

LONGEST_NAME = 100
STARTED = 19
"""Place of the start time after the command's name in /proc/PID/stat; it counts from the state."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Marker:
    """The marker of one sandbox."""

    __slots__ = ("_path",)

    def __init__(self, api: str) -> None:
        """Take `AWS_LAMBDA_RUNTIME_API`; raises ValueError if no file can be named after it."""
        if not api or len(api) > LONGEST_NAME or not PLAIN.issuperset(api):
            raise ValueError("AWS_LAMBDA_RUNTIME_API is not host:port")
        self._path = f"{FOLDER}/{NAME}{api}"

    def remove(self) -> None:
        """Remove what an earlier start has left; raises OSError if another user owns it."""
        try:
            os.unlink(self._path)  # noqa: PTH108  # pathlib is not built in
        except FileNotFoundError:
            return

    def write(self, address: str, *, pid: int) -> None:
        """Announce a pump; raises OSError or ValueError."""
        line = f"{address} {pid} {start_time(pid)}\n"
        new = f"{self._path}.{pid}"
        descriptor = os.open(new, _NEW, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.rename(new, self._path)  # noqa: PTH104  # the wrapper sees all of it, or nothing
        except OSError:
            os.unlink(new)  # noqa: PTH108  # or it would be in the way of the next start
            raise
        finally:
            os.close(descriptor)

    def names(self, pid: int) -> bool:
        """Return whether it announces this process."""
        try:
            return _read(self._path).split(b" ")[1:2] == [b"%d" % pid]
        except OSError:
            return False


def start_time(pid: int) -> int:
    """Return when a process started, in ticks since boot; raises OSError or ValueError."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[STARTED]) if len(fields) > STARTED else 0


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
