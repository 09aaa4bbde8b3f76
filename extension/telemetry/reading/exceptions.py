"""PURE: an exception that the function logged itself, in the fields that loggers put it in.

The line's record carries it in the conventional attributes; it says nothing of the invocation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.telemetry.reading.aliases import Field, Fields, put, value_of, without
from extension.telemetry.reading.error_objects import (
    ERROR_NAMES,
    HandlerError,
    error_object,
    stack_text,
)

HEAD = re.compile(r"(?P<type>[^\W\d][\w.$+]*)(?: \[\w+\])?(?:: (?P<message>.*))?")
"""The first line of a trace, which names the exception; Node.js adds its code in brackets."""
PYTHON_HEAD = re.compile(
    r"(?P<type>[^\W\d](?:[\w.]|<locals>)*)(?:: (?P<message>.*)|\n.*)?", re.DOTALL
)
"""What a trace of Python ends with; the message, and notes after it, may have several lines."""

FRAME = re.compile(r"\n[ \t]+at ")
PHP_BEGINS = "[object] ("
PHP_HEAD = re.compile(
    r"\[object\] \((?P<type>[\w\\]+)\(code: [^()\s]{0,64}\): (?P<message>.*)"
    r" at (?P<place>\S+:\d+)\)",
    re.DOTALL,
)
PHP_STACK = "\n[stacktrace]\n"
PYTHON = "Traceback (most recent call last):"
CHAINED = re.compile(
    rf"(?:of the following exception|another exception occurred):\n\n{re.escape(PYTHON)}"
)
"""Where the trace of an exception follows that of its cause."""
NOT_INDENTED = re.compile(r"\n(?=\S)")

PARTS = ("error", "error_type", "error_message", "stack")
Held = Mapping[str, list[tuple[Field, Any]]]

EXCEPTION_PARTS = frozenset(("error", "error_type", "stack"))
"""Parts of a line of which an exception has at least one."""


def take_exception(
    payload: Mapping[str, Any], found: Fields, rest: dict[str, Any]
) -> HandlerError | None:
    """Return the exception in a structured line, and take its fields out of the rest."""
    held = {
        part: [(field, value_of(payload, field)) for field in found.get(part, ())] for part in PARTS
    }
    return _of_object(held, rest) or _of_fields(held, rest) or _of_trace(held, rest)


def _of_object(held: Held, rest: dict[str, Any]) -> HandlerError | None:
    """Read an error from a field that holds all of it; what else it holds stays there.

    structlog writes a list: the error, then its causes.
    """
    for field, value in held["error"]:
        first = value[0] if isinstance(value, list) and value else value
        error = error_object(first)
        if error is None or not (error.stack or (error.message and error.type != "Error")):
            continue
        more = {key: each for key, each in first.items() if key not in ERROR_NAMES}
        if isinstance(value, list) and len(value) > 1:
            put(rest, field, value[1:])
        elif more:
            put(rest, field, more)
        else:
            without(rest, field)
        return error if error.stack else _with_stack(error, held, rest)
    return None


def _with_stack(error: HandlerError, held: Held, rest: dict[str, Any]) -> HandlerError:
    """Add the stack that is in a field of its own, if one does."""
    stack = _first(held, "stack")
    if stack is None:
        return error
    without(rest, stack[0])
    return HandlerError(type=error.type, message=error.message, stack=stack_text(stack[1]))


def _of_fields(held: Held, rest: dict[str, Any]) -> HandlerError | None:
    """Read type, message and stack from fields of their own."""
    kind, message, stack = (_first(held, part) for part in ("error_type", "error_message", "stack"))
    if kind is None:
        return None
    trace = "" if stack else _take_trace(held, rest)
    if not (message or stack or trace):
        return None
    for each in (kind, message, stack):
        if each:
            without(rest, each[0])
    told = from_trace(trace)
    return HandlerError(
        type=str(kind[1]),
        message=str(message[1]) if message else told.message if told else "",
        stack=stack_text(stack[1]) if stack else trace,
    )


def _of_trace(held: Held, rest: dict[str, Any]) -> HandlerError | None:
    """Read a field that holds a stack trace, in which the type is named."""
    for field, value in (*held["stack"], *held["error"]):
        trace = stack_text(value)
        if error := from_trace(trace) or from_php(trace):
            without(rest, field)
            return error
    return None


def from_trace(trace: str) -> HandlerError | None:
    """Read type and message from a stack trace as it is printed."""
    trace = trace.strip("\r\n")
    if trace.startswith(PYTHON):
        head = _python_head(trace)
    else:
        head = HEAD.fullmatch(trace.partition("\n")[0]) if FRAME.search(trace) else None
    if head is None:
        return None
    return HandlerError(type=head["type"], message=head["message"] or "", stack=trace)


def _python_head(trace: str) -> re.Match[str] | None:
    """Find the exception below the frames: of several, it is the last one that was raised."""
    *_, begin = 0, *(each.end() for each in CHAINED.finditer(trace))
    frames_end = NOT_INDENTED.search(trace, begin)
    return PYTHON_HEAD.fullmatch(trace, frames_end.end()) if frames_end else None


def from_php(text: str) -> HandlerError | None:
    """Read what Monolog writes of an exception in a line of text."""
    head, _, stack = text.partition(PHP_STACK)
    match = PHP_HEAD.fullmatch(head) if text.startswith(PHP_BEGINS) else None
    if match is None:
        return None
    return HandlerError(type=match["type"], message=match["message"], stack=stack or match["place"])


def _take_trace(held: Held, rest: dict[str, Any]) -> str:
    """Return the trace of an exception whose type has a field of its own."""
    for field, value in held["error"]:
        if isinstance(value, str):
            without(rest, field)
            return value
    return ""


def _first(held: Held, part: str) -> tuple[Field, Any] | None:
    return next((each for each in held[part] if each[1] and isinstance(each[1], str | list)), None)
