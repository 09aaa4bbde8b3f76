"""PURE: what the runtime clients of Go and Rust write of an error that left the handler.

Their runtimes are part of the function's own program and log as it does.
Sources: aws-lambda-go, lambda/invoke_loop.go; aws-lambda-rust-runtime, lambda-runtime/src/layers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.telemetry.reading.error_objects import FailureReport, HandlerError, error_object

RUST_DEBUG = re.compile(r'(?P<type>[A-Z]\w*)(?: ?[({].*[)}])?|"(?P<message>.*)"', re.DOTALL)
RUST_SPAN = "Lambda runtime invoke"
RUST_PANIC = "user handler panicked"
PANIC_WORD = "thread '"
PANIC = "panic"
"""The type of what Rust's runtime only calls a panic."""
PANIC_BEGINS = re.compile(r"thread '[^'\n]*'(?: \(\d+\))? panicked at (?:'(?P<message>.*)', )?\S+")
RUST_CAUSES = "\n\nCaused by:"

GO_KEYS = {"errorMessage", "errorType", "stackTrace"}
PANIC_TRAILER = "calling the handler function resulted in a panic, the process should exit"
"""What Go's runtime writes after its report."""


def from_rust(message: str, *, extra: str = "") -> FailureReport | None:
    """Read what lambda_runtime wrote at level ERROR inside its own span.

    It writes an error in its debug form: `OrderError("42")`, or a text in quotes.
    """
    if message.startswith(RUST_PANIC):
        told = message.removeprefix(RUST_PANIC).strip() or extra
        return FailureReport(HandlerError(type=PANIC, message=told), "mark")
    if extra:
        return None
    match = RUST_DEBUG.fullmatch(message)
    if match:
        quoted = match["message"]
        return FailureReport(
            HandlerError(type=match["type"] or "Error", message=quoted or message), "shape"
        )
    if RUST_CAUSES in message:  # how anyhow writes a chain of errors
        head, _, causes = message.partition(RUST_CAUSES)
        return FailureReport(HandlerError(type="Error", message=head, stack=causes), "shape")
    return None


class RustPanic:
    """What Rust's standard library wrote of the last panic, whether or not it was caught.

    Where it happened and its message are lines of their own; the runtime's report has neither.
    """

    def __init__(self) -> None:
        self.told: HandlerError | None = None
        self._place = ""

    @property
    def is_open(self) -> bool:
        """Whether the next line is the message."""
        return bool(self._place)

    def learn(self, line: str) -> None:
        """Take the next line."""
        if self._place:
            self.told = HandlerError(type=PANIC, message=line.strip(), stack=self._place)
            self._place = ""
        elif line.startswith(PANIC_WORD) and (begins := PANIC_BEGINS.match(line)):
            message = begins["message"]
            self._place = "" if message else line.strip()
            if message:
                self.told = HandlerError(type=PANIC, message=message, stack=line.strip())


def from_rust_fields(told: Mapping[str, Any]) -> FailureReport | None:
    """Read the JSON of Rust's tracing: what was said is in `fields`, where in `spans`."""
    fields, span = told.get("fields"), told.get("span")
    if not isinstance(fields, dict) or not isinstance(span, dict) or told.get("level") != "ERROR":
        return None
    message = fields.get("message")
    if span.get("name") != RUST_SPAN or not isinstance(message, str):
        return None
    more = [str(value) for key, value in fields.items() if key != "message"]
    return from_rust(message, extra=", ".join(more))


def from_go(told: Mapping[str, Any]) -> FailureReport | None:
    """Read the JSON that Go's runtime logs, and nothing else beside it."""
    if not {"errorMessage", "errorType"} <= told.keys() <= GO_KEYS:
        return None
    error = error_object(told)
    return FailureReport(error, "mark" if is_panic(told) else "shape") if error else None


def is_panic(told: Mapping[str, Any]) -> bool:
    """Tell whether the stack trace is one of Go's runtime, which only a panic has."""
    stack = told.get("stackTrace")
    frame = stack[0] if isinstance(stack, list) and stack else None
    return isinstance(frame, dict) and frame.keys() == {"path", "line", "label"}
