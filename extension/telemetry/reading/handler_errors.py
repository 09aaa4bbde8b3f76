"""PURE: the runtime's own report of an exception that left the handler.

A caught exception reaches the platform as a success, so the line in which the *runtime* reports it
is the only witness. Some runtimes write a mark that no logger writes. Others write what the
function could have logged itself before it went on: there the report is only believed while nothing
follows it, because a runtime reports as the last thing of an invocation.

    mark    Python; Node.js as text; Java; Ruby; a panic of Go or Rust
    shape   Node.js as JSON (`console.error(error)` looks the same); .NET; an error that a handler
            of Go or Rust returned; a handler that Java does not find

Sources: the open-source runtime interface clients of these languages
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.process.frozen import replace
from extension.telemetry.reading.error_objects import (
    RUBY_TYPE,
    FailureReport,
    HandlerError,
    error_object,
)
from extension.telemetry.reading.native_errors import is_panic
from extension.telemetry.reading.read_json import read_json

EXIT_ERROR = "Runtime.ExitError"
"""The runtime's process ended: by itself, or killed because it ran out of memory."""

# Anybody whose text gets into the log can write what these are tried on, so each is linear in it:
# the first stack frame is found once, and the head before it is judged by itself.
PYTHON_HEAD = re.compile(r"\[ERROR\] (?P<type>[^\W\d][\w.]*)(?:: (?P<message>.*))?", re.DOTALL)
PYTHON_STACK = re.compile(r"[\r\n]Traceback \(most recent call last\):")
PYTHON_RAISED = re.compile(r"[\r\n](?=\S)")
"""A line below the frames, which names the exception: loggers write one, the runtime does not."""
JAVA_HEAD = re.compile(r": (?P<type>[A-Za-z_$][\w.$]*)\r?\n(?=(?P=type)(?::|\r?\n[ \t]+at ))")
JAVA_FIRST_LINE = re.compile(
    r"(?P<message>[^\r\n]*): (?P<type>[A-Za-z_$][\w.$]*)\r?\n(?![ \t]+at )"
)
DOTNET_HEAD = re.compile(r"(?P<type>[A-Za-z_][\w.+]*Exception)(?:: (?P<message>.*))?", re.DOTALL)
FRAME = re.compile(r"\r?\n(?=[ \t]+at )")
DOTNET_FRAME = re.compile(r"\r?\n(?= {3}at |at [\w.<>`+|\[\],&*]+\()")
"""Java indents with a tab, Node.js by four blanks. Without the indent, which a logger may take
away, only a method's name with its parameters."""
DOTNET_NESTED = "\n ---> "
JAVA_NO_METHOD = "No public method named "
JAVA_LOADER = re.compile(
    JAVA_NO_METHOD + r"[^\s]+ with appropriate method signature found on class [^\s]+\n?"
)
"""What Java's client writes of a handler that is not there: no exception, and no stack."""
HANDLER_NOT_FOUND = "Runtime.HandlerNotFound"
"""What the clients of other languages call it."""

RUNTIME = "Runtime."
"""How the types of the runtimes' own errors begin."""

COMPARED = 1024
"""Characters of a message that are looked for in the stack trace."""

NODE_MARKS = {"Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection"}

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


def from_text(text: str) -> FailureReport | None:
    """Read a whole line of text: Python's and Java's reports have no time and no level."""
    error = _python_error(text)
    return FailureReport(error, "mark") if error else java_report(text)


def _python_error(text: str) -> HandlerError | None:
    if not text.startswith("[ERROR] "):
        return None
    begins = list(PYTHON_STACK.finditer(text))
    if not begins:
        return None
    begin = begins[-1]  # the message may hold another one
    if PYTHON_RAISED.search(text, begin.end()):
        return None
    head = PYTHON_HEAD.fullmatch(text[: begin.start()].rstrip("\r\n"))
    if head is None:
        return None
    # The runtime joins the lines with \r and indents with no-break spaces to keep them one event.
    stack = text[begin.start() + 1 :].replace("\r", "\n").replace("\u00a0", " ")
    return HandlerError(
        type=head["type"], message=head["message"] or "", stack=stack.rstrip("\r\n")
    )


def java_report(text: str) -> FailureReport | None:
    """Read `message: type`, then the stack trace, which begins with the same two.

    Two line ends after it show that the runtime wrote it. Without them it came line by line, and
    the function may have printed it.
    """
    if "\n" not in text:
        return None
    is_whole = text.endswith("\n\n")
    error = _java_error(text, is_whole=is_whole)
    return FailureReport(error, "mark" if is_whole else "shape") if error else None


def java_loader_report(text: str) -> FailureReport | None:
    """Read what Java's client says of a handler that it cannot find."""
    if not text.startswith(JAVA_NO_METHOD) or not JAVA_LOADER.fullmatch(text):
        return None
    error = HandlerError(type=HANDLER_NOT_FOUND, message=text.rstrip("\n"))
    return FailureReport(error, "shape")


def _java_error(text: str, *, is_whole: bool) -> HandlerError | None:
    """Find the head that the trace agrees with: a message may hold another report.

    An exception may have a text of its own that does not: it is believed of a whole report.
    """
    heads = list(JAVA_HEAD.finditer(text))
    agreeing = next((head for head in reversed(heads) if _agrees(text, head)), None)
    if agreeing or not is_whole:
        return _after(text, agreeing) if agreeing else None
    head = heads[0] if heads else JAVA_FIRST_LINE.match(text)
    return _after(text, head) if head else None


def _agrees(text: str, head: re.Match[str]) -> bool:
    """Return whether the trace begins with the type and the message of the head."""
    message, kind = text[: min(head.start(), COMPARED)], head["type"]
    behind = head.end() + len(kind)
    if message in (kind, "null") and not text.startswith(":", behind):
        return True  # it has no message
    return text.startswith(f": {message}", behind)


def _after(text: str, head: re.Match[str]) -> HandlerError | None:
    if not FRAME.search(text, head.end()):
        return None
    message, stack = text[: head.start("type") - 2], text[head.end() :]
    return HandlerError(type=head["type"], message=message, stack=stack.rstrip("\r\n"))


def from_dotnet_body(text: str) -> FailureReport | None:
    """Read what .NET wrote at level `fail`."""
    frame = DOTNET_FRAME.search(text)
    head = DOTNET_HEAD.fullmatch(text[: frame.start()]) if frame else None
    if frame is None or head is None:
        return None
    message, nested, _ = (head["message"] or "").partition(DOTNET_NESTED)
    begin = head.start("message") + len(message) + 1 if nested else frame.end()
    error = HandlerError(type=head["type"], message=message, stack=text[begin:])
    return FailureReport(error, "shape")


def from_node_body(body: str) -> FailureReport | None:
    """Read what Node wrote after time, request id and level: a mark and the error as JSON.

    The mark decides: an error with a `toJSON` of its own is written without type and stack.
    """
    mark, _, payload = body.partition("\t")
    mark = mark.rstrip()
    if mark not in NODE_MARKS:
        return None
    try:
        read = read_json(payload)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        return FailureReport(HandlerError(type="Error", message=payload), "mark")
    return FailureReport(_node_error(read) or HandlerError(type="Error", message=payload), "mark")


def _node_error(payload: Mapping[str, Any]) -> HandlerError | None:
    """Read an error; that of a rejected promise is the reason of the runtime's own.

    As JSON, the runtime's own types lack a part that the stack has.
    """
    error = error_object(payload.get("reason")) or error_object(payload)
    if error and error.stack.startswith(f"{RUNTIME}{error.type}:"):
        return replace(error, type=f"{RUNTIME}{error.type}")
    return error


def from_json(payload: Mapping[str, Any]) -> FailureReport | None:
    """Distinguish the runtime's own report from an exception that the function logged itself."""
    message = payload.get("message")
    if message is None:
        return _without_message(payload)
    level = payload.get("level") or payload.get("log_level")
    if not isinstance(level, str) or level.upper() != "ERROR" or "logger" in payload:
        return None
    if isinstance(message, str):
        return java_report(message) or from_dotnet_body(message) or java_loader_report(message)
    if isinstance(message, dict) and _has_stack(message):  # Node puts the error under the message
        error = _node_error(message)
        return FailureReport(error, "shape") if error else None
    return None


def _without_message(payload: Mapping[str, Any]) -> FailureReport | None:
    """Python, Ruby and Go report without a message; loggers always have one."""
    if not {"errorMessage", "errorType", "stackTrace"} <= payload.keys():
        return None
    is_python = "timestamp" in payload and "ERROR" in (
        payload.get("level"),
        payload.get("log_level"),
    )
    is_ruby = RUBY_TYPE.fullmatch(str(payload["errorType"]))
    error = error_object(payload) if is_python or is_ruby or is_panic(payload) else None
    return FailureReport(error, "mark") if error else None


def _has_stack(error: Mapping[str, Any]) -> bool:
    return "stackTrace" in error or "stack" in error


def names_memory(body: str) -> bool:
    """Return whether a runtime says here that it ran out of memory."""
    return may_name_memory(body) and any(words in body for words in MEMORY_WORDS)


def may_name_memory(text: str) -> bool:
    """Return whether a closer look at a text, or at several in one, is worth its time."""
    return "emory" in text or "signal: killed" in text
