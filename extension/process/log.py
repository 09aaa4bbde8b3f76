"""Our own log lines: one JSON object a line on standard output, rate-limited, never a secret.

Lambda collects an extension's output, charges for it, and hands it back to whoever subscribes
to the `extension` stream; so every line carries `MARKER`, by which the decoder drops it again.
Fields are names, codes, counts and durations. Values, tokens, header and query texts are never
passed here: an exception is told by its type and by AWS's error code, not by its message.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from typing import Any, Literal

from extension.process.clock import Clock, Instant

Level = Literal["DEBUG", "INFO", "WARN", "ERROR"]

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "NONE")
MARKER = "lambda-dispatch"
"""Value of the key `extension` in each of our lines."""

BURST = 10
"""Lines of one message within `WINDOW_S`; a fault that repeats with every request stays small."""
WINDOW_S = 60.0


PIPE_BYTES = 4096
"""What a pipe that can be written to takes at once without blocking (PIPE_BUF of Linux)."""


def write_to_stdout(line: str) -> None:
    """Write one line and flush it; standard output that is closed or full loses it.

    It never waits: the event loop would wait with it, and the function for the event loop.
    """
    text = line + "\n"
    try:
        for at in range(0, len(text), PIPE_BYTES):
            if not _takes_more():
                return
            sys.stdout.write(text[at : at + PIPE_BYTES])
            sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # it is full, or closed, or None
        return


def _takes_more() -> bool:
    """Tell whether standard output can be written to without waiting."""
    try:
        return bool(select.select([], [sys.stdout], [], 0)[1])
    except (OSError, ValueError, TypeError):
        return True  # no descriptor, or one beyond what select knows


def describe(error: BaseException) -> str:
    """Name an error for a line; the text of ours is safe, that of a library may hold anything."""
    detail = None
    if type(error).__module__.startswith("extension."):
        detail = str(error)
    elif isinstance(error, ImportError):
        detail = error.name
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__


def silence_libraries() -> None:
    """Let no library write lines of its own: they would hold values, and come back as telemetry."""
    import logging  # noqa: PLC0415  # every library has imported it

    logging.disable(logging.CRITICAL)


class _Window:
    def __init__(self, *, opened: Instant) -> None:
        self.opened = opened
        self.written = 1
        self.suppressed = 0


class Log:
    """Writes lines at or above a level to a sink."""

    def __init__(
        self, *, clock: Clock, level: str = "INFO", sink: Callable[[str], None] = write_to_stdout
    ) -> None:
        self._clock = clock
        self._threshold = LEVELS.index(level)
        self._sink = sink
        self.redact: Callable[[str], str] = str
        """Applied to every text in a line; set once there is something that knows secrets."""
        self._windows: dict[str, _Window] = {}

    def debug(self, message: str, **fields: object) -> None:
        """Write what only somebody who debugs wants to read."""
        self._write("DEBUG", message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Write what every user may read."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Write what somebody should mend."""
        self._write("WARN", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Write what was lost or switched off."""
        self._write("ERROR", message, fields)

    def _write(self, level: Level, message: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._threshold:
            return
        suppressed = self._suppressed(message)
        if suppressed is None:
            return
        if suppressed:
            fields = {**fields, "suppressed": suppressed}
        # Redacted before it is JSON: whatever a secret looks like, the form of the line stays.
        told = self._clean({"message": message, **fields})
        # In ASCII: no control character of a name forges a line, or reaches a terminal.
        self._sink(json.dumps({"extension": MARKER, "level": level, **told}))

    def _clean(self, value: Any) -> Any:
        """Return a value as JSON has it, without secrets."""
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {self._clean(str(key)): self._clean(each) for key, each in value.items()}
            case list() | tuple():
                return [self._clean(each) for each in value]
        return self.redact(str(value))

    def _suppressed(self, message: str) -> int | None:
        """Return how many lines like it were held back before this one, None to hold it back."""
        now = self._clock.now()
        window = self._windows.get(message)
        if window is None or now.since(window.opened) >= WINDOW_S:
            self._windows[message] = _Window(opened=now)
            return window.suppressed if window else 0
        if window.written >= BURST:
            window.suppressed += 1
            return None
        window.written += 1
        return 0
