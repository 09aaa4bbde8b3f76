"""PURE: an exception that left the handler, found in the runtime's own report of it.

A caught exception reaches the platform as a success, so the line in which the *runtime* reports it
is the only witness. It is told apart from an exception that the function logged itself, and whose
handler went on, by forms that loggers do not have; for .NET there is no such form, and an exception
that the function printed as an error counts.

Sources: the open-source runtime interface clients of Python, Node.js, Java, Ruby and .NET
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.frozen import Frozen
from extension.telemetry.reading.read_json import read_json

EXIT_ERROR = "Runtime.ExitError"
"""The runtime's process ended: by itself, or killed for want of memory."""

# Anybody whose text gets into the log can write what these are tried on, so each is linear in it:
# the first stack frame is found once, and the head before it is judged by itself.
PYTHON_HEAD = re.compile(r"\[ERROR\] (?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?", re.DOTALL)
PYTHON_STACK = re.compile(r"[\r\n]Traceback \(most recent call last\):")
JAVA_HEAD = re.compile(r": (?P<type>[A-Za-z_$][\w.$]*)\r?\n(?=(?P=type)(?::|\r?\n[ \t]+at ))")
DOTNET_HEAD = re.compile(r"(?P<type>[A-Za-z_][\w.+]*Exception)(?:: (?P<message>.*))?", re.DOTALL)
FRAME = re.compile(r"\r?\n(?=[ \t]+at )")
RUBY_TYPE = re.compile(r"(?:Function|Init|Runtime)<(.+)>")
MEMORY_WORDS = (
    "MemoryError",
    "JavaScript heap out of memory",
    "java.lang.OutOfMemoryError",
    "System.OutOfMemoryException",
    "Failed to allocate memory (NoMemoryError)",
    "fatal error: runtime: out of memory",
    "signal: killed",
)
"""What the runtimes write when they die of memory."""


class HandlerError(Frozen):
    """An exception that left the handler: type, message, stack trace as one text."""

    type: str
    message: str = ""
    stack: str = ""


def from_text(text: str) -> HandlerError | None:
    """Read a whole line of text: Python's and Java's reports have no time and no level."""
    return _python_error(text) or _java_error(text)


def _python_error(text: str) -> HandlerError | None:
    begin = PYTHON_STACK.search(text) if text.startswith("[ERROR] ") else None
    head = PYTHON_HEAD.fullmatch(text[: begin.start()].rstrip("\r\n")) if begin else None
    if begin is None or head is None:
        return None
    # The runtime joins the lines with \r and indents with no-break spaces to keep them one event.
    stack = text[begin.start() + 1 :].replace("\r", "\n").replace("\u00a0", " ")
    return HandlerError(type=head["type"], message=head["message"] or "", stack=stack)


def _java_error(text: str) -> HandlerError | None:
    head = JAVA_HEAD.search(text)
    if head is None or not FRAME.search(text, head.end()):
        return None
    message, stack = text[: head.start()], text[head.end() :]
    return HandlerError(type=head["type"], message=message, stack=stack)


def from_dotnet_body(text: str) -> HandlerError | None:
    """Read what .NET wrote at level `fail`."""
    frame = FRAME.search(text)
    head = DOTNET_HEAD.fullmatch(text[: frame.start()]) if frame else None
    if frame is None or head is None:
        return None
    stack = text[frame.end() :]
    return HandlerError(type=head["type"], message=head["message"] or "", stack=stack)


def from_node_body(body: str) -> HandlerError | None:
    """Read what Node wrote after time, request id and level: a mark and the error as JSON."""
    mark, _, told = body.partition("\t")
    if mark.strip() not in {"Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection"}:
        return None
    try:
        return _json_error(read_json(told))
    except ValueError:
        return None


def from_json(told: Mapping[str, Any]) -> HandlerError | None:
    """Tell the runtime's own report from an exception that the function logged itself."""
    message = told.get("message")
    if isinstance(message, dict):  # Node puts the error under the message
        return None if "logger" in told else _json_error(message)
    if message is None:  # Python and Ruby report without one; loggers always have one
        return _json_error(told) if "stackTrace" in told else None
    if not isinstance(message, str) or str(told.get("level", "")).upper() != "ERROR":
        return None
    return _java_error(message) or from_dotnet_body(message)


def _json_error(told: Any) -> HandlerError | None:
    if not isinstance(told, dict) or not told.get("errorType"):
        return None
    stack = told.get("stackTrace", told.get("stack", ""))
    lines = stack if isinstance(stack, list) else [stack]
    ruby = RUBY_TYPE.fullmatch(str(told["errorType"]))
    return HandlerError(
        type=ruby[1] if ruby else str(told["errorType"]),
        message=str(told.get("errorMessage") or ""),
        stack="\n".join(str(line).rstrip("\n") for line in lines),
    )


def names_memory(body: str) -> bool:
    """Tell whether a runtime says here that it died for want of memory."""
    return any(words in body for words in MEMORY_WORDS)
