"""Our own log lines: one JSON object a line on standard output, rate-limited, never a secret.

Lambda collects an extension's output, charges for it, and delivers it to subscribers of the
`extension` stream; so each line carries the product's name, by which the decoder drops it again.
Fields are names, codes, counts and durations. Values, tokens, headers and query strings are never
passed here: an exception is logged by its type and AWS's error code, not by its message.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from typing import Any, Literal

from extension import NAME
from extension.process.clock import Clock, Instant

Level = Literal["DEBUG", "INFO", "WARN", "ERROR"]

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "NONE")

BURST = 10
"""Lines with the same message within `WINDOW_S`: a fault in each request must not flood the log."""
WINDOW_S = 60.0

PIPE_BYTES = 4096
"""Bytes that a writable pipe takes at once without blocking (PIPE_BUF of Linux)."""


def write_to_stdout(line: str) -> None:
    """Write one line and flush it; the line is lost if standard output is closed or full.

    It never blocks: the event loop would be blocked too, and the function waits for the loop.
    """
    text = line + "\n"
    try:
        for at in range(0, len(text), PIPE_BYTES):
            if not _is_writable():
                return
            sys.stdout.write(text[at : at + PIPE_BYTES])
            sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # full, or closed, or None
        return


def _is_writable() -> bool:
    """Return whether standard output can be written to without blocking."""
    try:
        return bool(select.select([], [sys.stdout], [], 0)[1])
    except (OSError, ValueError, TypeError):
        return True  # no descriptor, or one too large for select


def describe(error: BaseException) -> str:
    """Describe an error: by type, and by its text where the exception class is our own.

    The text of a library's exception may contain a URL, a header or a secret.
    """
    detail = None
    if type(error).__module__.startswith("extension."):
        detail = str(error)
    elif isinstance(error, ImportError):
        detail = error.name
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__


def silence_libraries() -> None:
    """Disable logging of libraries: their lines may contain values, and would become telemetry."""
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
        """Applied to every text in a line; set when the redactor exists."""
        self._windows: dict[str, _Window] = {}

    def debug(self, message: str, **fields: object) -> None:
        """Log at DEBUG level: for debugging only."""
        self._write("DEBUG", message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Log at INFO level: worth knowing, nothing to do."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Log at WARN level: the user should correct something."""
        self._write("WARN", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Log at ERROR level: data was lost, or a part is switched off."""
        self._write("ERROR", message, fields)

    def _write(self, level: Level, message: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._threshold:
            return
        suppressed = self._suppressed(message)
        if suppressed is None:
            return
        if suppressed:
            fields = {**fields, "suppressed": suppressed}
        # Redacted before it is encoded: no secret, whatever its form, can break the JSON.
        content = self._redacted({"message": message, **fields})
        # In ASCII: a control character in a name cannot forge a line, or reach a terminal.
        self._sink(json.dumps({"extension": NAME, "level": level, **content}))

    def _redacted(self, value: Any) -> Any:
        """Return a value as JSON types, without secrets."""
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {
                    self._redacted(str(key)): self._redacted(each) for key, each in value.items()
                }
            case list() | tuple():
                return [self._redacted(each) for each in value]
        return self.redact(str(value))

    def _suppressed(self, message: str) -> int | None:
        """Return how many such lines were suppressed before this one, None to suppress it too."""
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
