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
PANIC_WORDS = (PANIC_WORD, "panic: ", "fatal error: ")
"""How the first line of a panic begins, in Rust and Go."""
PANIC = "panic"
"""The type of what is only called a panic."""
PANIC_BEGINS = re.compile(r"thread '[^'\n]*'(?: \(\d+\))? panicked at (?:'(?P<message>.*)', )?\S+")
RUST_NOTE = "note: "
RUST_STACK = "stack backtrace:"
GO_PANIC_BEGINS = re.compile(r"(?P<kind>panic|fatal error): (?P<message>.*)", re.DOTALL)
GOROUTINE = re.compile(r"goroutine \d+ [^\n]{0,64}?\[")
MOST_PANIC_LINES = 64
"""Of the message and of the stack trace each."""
RUST_CAUSES = "\n\nCaused by:"

GO_KEYS = {"errorMessage", "errorType", "stackTrace"}
PANIC_TRAILER = "calling the handler function resulted in a panic, the process should exit"
"""What Go's runtime writes after its report."""


def from_rust(message: str, *, extra: str = "") -> FailureReport | None:
    """Read what lambda_runtime wrote at level ERROR inside its own span.

    It writes an error in its debug form: `OrderError("42")`, or a text in quotes.
    """
    if message.startswith(RUST_PANIC):
        payload = message.removeprefix(RUST_PANIC).strip() or extra
        return FailureReport(HandlerError(type=PANIC, message=payload), "mark")
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


class LastPanic:
    """What Rust's standard library or Go's runtime wrote of the last panic, caught or not.

    Each of its lines is a record. Rust writes the place, then the message, which its runtime's
    report lacks; Go a message and the stack of a goroutine, and no report follows.
    """

    def __init__(self) -> None:
        self.is_open = False
        """Whether the next line may belong to it."""
        self._kind = PANIC
        self._message: list[str] = []
        self._stack: list[str] = []
        self._is_go = False
        self._has_message = False
        self._has_stack = False

    @property
    def error(self) -> HandlerError | None:
        """The panic, once its message is known."""
        if not self._message:
            return None
        message, stack = "\n".join(self._message), "\n".join(self._stack)
        return HandlerError(type=self._kind, message=message, stack=stack)

    @property
    def ended_process(self) -> HandlerError | None:
        """The panic, if nothing was written after it; Go's lists goroutines only then."""
        return self.error if self.is_open and (self._has_stack or not self._is_go) else None

    def might_take(self, line: str) -> bool:
        """Return whether a line may say anything of a panic; most do not."""
        return self.is_open or line.startswith(PANIC_WORDS)

    def learn(self, line: str) -> None:
        """Take the next line."""
        line = line.rstrip()
        if line.startswith(PANIC_WORD) and (rust := PANIC_BEGINS.match(line)):
            self._begin(PANIC, rust["message"], [line], is_go=False)
        elif not self._has_stack and (go := GO_PANIC_BEGINS.match(line)):
            self._begin(go["kind"], go["message"], [], is_go=True)
        elif self._is_go:
            self._learn_go(line)
        elif self.is_open:
            self._learn_rust(line)

    def _begin(self, kind: str, message: str | None, stack: list[str], *, is_go: bool) -> None:
        self._kind, self._message, self._stack = kind, [message] if message else [], stack
        self._is_go, self.is_open = is_go, True
        self._has_message = self._has_stack = False

    def _learn_rust(self, line: str) -> None:
        """Take the message; of several lines if the next are indented, as assertions write it."""
        if not self._message:
            self._message = [line]
        elif self._has_stack and line.startswith(" "):
            self._add(self._stack, line)
        elif line.startswith(" ") and not self._has_message:
            self._add(self._message, line)
        elif line.startswith(RUST_STACK):
            self._has_message = self._has_stack = True
        else:
            self.is_open = not line or line.startswith(RUST_NOTE)
            self._has_message = True

    def _learn_go(self, line: str) -> None:
        """Take the message up to an empty line, then the stack of the first goroutine."""
        if GOROUTINE.match(line):
            self._has_message = self._has_stack = True
        if self._has_stack and not (self._stack and self._stack[-1] == ""):
            self._add(self._stack, line)
        elif not line:
            self._has_message = True
        elif not self._has_message:
            self._add(self._message, line)
        elif not self._has_stack and not line.startswith("[signal "):
            self.is_open = self._is_go = False

    def _add(self, lines: list[str], line: str) -> None:
        if len(lines) < MOST_PANIC_LINES:
            lines.append(line)


def from_rust_fields(payload: Mapping[str, Any]) -> FailureReport | None:
    """Read the JSON of Rust's tracing: what was said is in `fields`, where in `spans`."""
    fields, span = payload.get("fields"), payload.get("span")
    if (
        not isinstance(fields, dict)
        or not isinstance(span, dict)
        or payload.get("level") != "ERROR"
    ):
        return None
    message = fields.get("message")
    if span.get("name") != RUST_SPAN or not isinstance(message, str):
        return None
    more = [str(value) for key, value in fields.items() if key != "message"]
    return from_rust(message, extra=", ".join(more))


def from_go(payload: Mapping[str, Any]) -> FailureReport | None:
    """Read the JSON that Go's runtime logs, and nothing else beside it."""
    if not {"errorMessage", "errorType"} <= payload.keys() <= GO_KEYS:
        return None
    error = error_object(payload)
    return FailureReport(error, "mark" if is_panic(payload) else "shape") if error else None


def is_panic(payload: Mapping[str, Any]) -> bool:
    """Return whether the stack trace is one of Go's runtime, which only a panic has."""
    stack = payload.get("stackTrace")
    frame = stack[0] if isinstance(stack, list) and stack else None
    return isinstance(frame, dict) and frame.keys() == {"path", "line", "label"}
