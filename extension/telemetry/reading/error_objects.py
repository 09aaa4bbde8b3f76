"""PURE: an exception as a value, and as the JSON object that runtimes and loggers make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from extension.process.frozen import Frozen

RUBY_TYPE = re.compile(r"(?:Function|Init|Runtime)<(.+)>")
"""Ruby's runtime wraps the class in where it came from."""

Evidence = Literal["", "mark", "shape"]
"""What makes a line the runtime's report of a failure: a mark, its shape alone, or nothing."""


class HandlerError(Frozen):
    """An exception that a line reports: type, message, stack trace as one text."""

    type: str
    message: str = ""
    stack: str = ""


class FailureReport(NamedTuple):
    """What the runtime reports, and how sure it is that it was the runtime."""

    error: HandlerError
    evidence: Evidence


# The clients of runtimes and loggers of Node.js; then .NET, log4j2, Quarkus, logback, structlog.
TYPE_NAMES = (
    "errorType", "type", "name", "class", "ClassName", "Type", "exception_class", "exceptionType",
    "className", "exc_type",
)  # fmt: skip
MESSAGE_NAMES = (
    "errorMessage", "message", "msg", "Message", "exception_message", "exc_value", "value",
)  # fmt: skip
STACK_NAMES = (
    "stackTrace", "stack", "stack_trace", "stacktrace", "StackTraceString", "trace", "StackTrace",
    "extendedStackTrace", "frames", "stepArray",
)  # fmt: skip
ERROR_NAMES = frozenset((*TYPE_NAMES, *MESSAGE_NAMES, *STACK_NAMES))
"""All that `error_object` may use of an object."""


def error_object(payload: Any) -> HandlerError | None:
    """Read an error as an object, as runtimes and loggers of many languages write it.

    One without a type is an `Error`; None if it has no message either.
    """
    if not isinstance(payload, Mapping):
        return None
    kind, message = _first(payload, TYPE_NAMES), _first(payload, MESSAGE_NAMES)
    if not isinstance(kind, str) or not kind:
        kind = "Error" if message else ""
    if not kind:
        return None
    ruby = RUBY_TYPE.fullmatch(kind)
    return HandlerError(
        type=ruby[1] if ruby else kind,
        message="" if message is None else str(message),
        stack=stack_text(_first(payload, STACK_NAMES)),
    )


def stack_text(stack: Any) -> str:
    """Return a stack trace as one text: Java writes objects, Go others, most a list of lines."""
    if isinstance(stack, list):
        return "\n".join(_frame(frame).rstrip("\n") for frame in stack)
    return stack if isinstance(stack, str) else ""


def _frame(frame: Any) -> str:
    match frame:
        case {"path": path, "line": line, "label": label}:
            return f"{label}\n\t{path}:{line}"
        case {"class": kind, "method": method, **more}:
            return _at(f"{kind}.{method}", more.get("file"), more.get("line"))
        case {"className": kind, "methodName": method, **more}:
            return _at(f"{kind}.{method}", more.get("fileName"), more.get("lineNumber"))
        case {"filename": file, "lineno": line, "name": name}:
            return _at(name, file, line)
    return str(frame)


def _at(method: Any, *place: Any) -> str:
    return f"\tat {method}({':'.join(str(part) for part in place if part is not None)})"


def _first(payload: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((payload[name] for name in names if payload.get(name) is not None), None)
