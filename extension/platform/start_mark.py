"""The mark in /tmp by which a start recognises that it is not the first one in its sandbox.

After a timeout, a crash or an out-of-memory end Lambda starts extension and runtime again, within
the next invocation; /tmp survives that, memory does not. The mark is an empty file until the first
invocation shows the function's timeout, which is all that a repeated start needs to know.

A forged or missing mark changes when /next is requested, and nothing else. Its name identifies the
sandbox, because on a developer's machine many share one /tmp; when a sandbox ends for good, the
mark is removed. Built-in modules only.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/tmp"  # noqa: S108  # the only folder that is writable in Lambda
BOOT_ID = "/proc/sys/kernel/random/boot_id"
IDENTITY = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_RUNTIME_API")
LONGEST_PART = 48
LONGEST_TIMEOUT_MS = 900_000

MOST_LENT_S = 2.0
"""Most that an invocation is held for what is still to be opened, as for an export."""

_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK


class StartMark:
    """The mark of one sandbox; none of its methods raises."""

    __slots__ = ("_path", "is_repeated", "timeout_ms")

    def __init__(self, environ: Mapping[str, str], *, extension_name: str) -> None:
        """Find the mark that an earlier start has left."""
        self._path = _path(environ, extension_name)
        self.is_repeated = self._is_ours()
        self.timeout_ms = self._read() if self.is_repeated else 0
        """The function's timeout, 0 where no earlier start has seen an invocation."""

    def leave(self) -> None:
        """Create it for the next start, if /tmp is writable."""
        if not self.is_repeated:
            self._write(b"", os.O_CREAT | os.O_EXCL)

    def note_timeout(self, milliseconds: int) -> None:
        """Write down the function's timeout for the next start; it hardly ever changes."""
        if self.timeout_ms == 0 and 0 < milliseconds <= LONGEST_TIMEOUT_MS and self._is_ours():
            self.timeout_ms = milliseconds
            self._write(b"%d" % milliseconds, os.O_TRUNC)

    def remove(self) -> None:
        """Remove it: this sandbox ends, and the next start is a first one."""
        try:
            if self._is_ours():
                os.unlink(self._path)  # noqa: PTH108  # pathlib is not built in
        except OSError:
            return

    def _is_ours(self) -> bool:
        """Return whether there is a regular file of our own user."""
        try:
            status = os.lstat(self._path)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()

    def _read(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | _SAFE)
        except OSError:
            return 0
        try:
            text = os.read(descriptor, 16)
        except OSError:
            return 0
        finally:
            os.close(descriptor)
        milliseconds = int(text) if text.isdigit() else 0
        return milliseconds if milliseconds <= LONGEST_TIMEOUT_MS else 0

    def _write(self, text: bytes, flags: int) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | _SAFE | flags, 0o600)
        except OSError:
            return
        try:
            os.write(descriptor, text)
        except OSError:
            return
        finally:
            os.close(descriptor)


def lent_s(left_s: float, *, timeout_ms: int) -> float:
    """Return how long an invocation may be held for what is still to be opened.

    It is let go at half of the function's timeout, or of what is left of it if that is not known.
    """
    reserve_s = timeout_ms / 2000 if timeout_ms else left_s / 2
    return min(max(left_s - reserve_s, 0.0), MOST_LENT_S)


def _path(environ: Mapping[str, str], extension_name: str) -> str:
    identity = (environ.get(each, "") for each in IDENTITY)
    parts = [extension_name, *identity, str(os.getuid()), _boot_id()]
    return f"{FOLDER}/.{'-'.join(map(_plain, parts))}"


def _plain(text: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "_" for each in text)[
        :LONGEST_PART
    ]


def _boot_id() -> str:
    try:
        descriptor = os.open(BOOT_ID, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 36).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
