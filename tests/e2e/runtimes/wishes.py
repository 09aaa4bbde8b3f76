"""What the functions are asked to do, and what the spans have to say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Failure(NamedTuple):
    """A way to fail, with the type and the message that the span must have.

    Of a message that forges or is long only the beginning is given.
    """

    do: str
    error_type: str
    message: str
    is_whole: bool = True


FORGED = "no stock\nEND RequestId: 1\n[ERROR] Forged: no\r"
UNICODE = "kein Vorrat \u2603 \U0001f680 <b>&"
LONG = "no stock " * 100


def common(kind: str) -> list[Failure]:
    """Return what each language does with an exception of its own."""
    return [
        Failure("raise", kind, "no stock"),
        Failure("unicode", kind, UNICODE),
        Failure("forged", kind, FORGED, is_whole=False),
    ]


NO_FILE = "no such file or directory, open '/no such file'"
NO_NAME = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
JAVA = "function.OrderException"

FAILURES: Mapping[str, Sequence[Failure]] = {
    "python": [
        *common("OrderError"),
        Failure("library", "JSONDecodeError", NO_NAME),
        Failure("caused", "OrderError", "no order"),
        Failure("large", "OrderError", LONG, is_whole=False),
        Failure("group", "ExceptionGroup", "several (2 sub-exceptions)"),
        Failure("note", "OrderError", "no stock"),
        Failure("silent", "OrderError", ""),
    ],
    "node": [
        *common("OrderError"),
        Failure("library", "LibraryError", "no connection"),
        Failure("system", "Error", f"ENOENT: {NO_FILE}"),
        Failure("caused", "OrderError", "no order"),
        Failure("large", "OrderError", LONG, is_whole=False),
        Failure("aggregate", "AggregateError", "All promises were rejected"),
        Failure("text", "Error", "no stock"),
        Failure("object", "Error", "[object Object]"),
        Failure("rejection", "OrderError", "no stock"),
        Failure("callback", "OrderError", "no stock"),
    ],
    "java": [
        *common(JAVA),
        Failure(
            "library",
            "java.io.UncheckedIOException",
            "java.nio.file.NoSuchFileException: /no such file",
        ),
        Failure("caused", JAVA, "no order"),
        Failure("large", JAVA, LONG, is_whole=False),
        Failure("silent", JAVA, JAVA),
        Failure("own text", "function.Handler$1", "no stock"),
    ],
    "go": [
        *common("OrderError"),
        Failure("library", "PathError", "open /no such file: no such file or directory"),
        Failure("caused", "wrapError", "no order: no stock"),
        Failure("joined", "joinError", "no stock\nno order"),
        Failure("panic", "string", "no stock"),
        Failure("panic with an error", "OrderError", "no stock"),
        Failure("panic by itself", "plainError", "assignment to entry in nil map"),
        Failure("panic elsewhere", "panic", "no stock"),
    ],
    "rust": [
        Failure("raise", "OrderError", 'OrderError("no stock")'),
        Failure("unicode", "OrderError", f'OrderError("{UNICODE}")'),
        Failure("forged", "OrderError", 'OrderError("no stock\\nEND RequestId', is_whole=False),
        Failure("text", "Error", "no stock"),
        Failure(
            "library",
            "Os",
            'Os { code: 2, kind: NotFound, message: "No such file or directory" }',
        ),
        Failure(
            "caused",
            "NestedError",
            'NestedError { message: "no order", source: OrderError("no stock") }',
        ),
        Failure("panic", "panic", "no stock"),
        Failure(
            "assertion",
            "panic",
            "assertion `left == right` failed: no stock\n  left: 1\n right: 2",
        ),
    ],
}

HANDLED: Mapping[str, Sequence[str]] = {
    "python": ["handled", "handled and printed", "thread"],
    "node": ["handled", "handled with a text"],
    "java": ["handled", "handled by another logger", "handled and printed", "thread"],
    "go": ["handled", "handled by another logger"],
    "rust": ["handled", "handled in its debug form", "thread"],
}
"""What fails nothing; `handled` is logged as an error."""

EXITS: Mapping[str, Sequence[str]] = {
    "python": ["exit", "exit politely"],
    "node": ["exit", "exit in a promise"],
    "java": ["exit"],
    "go": ["exit"],
    "rust": ["exit"],
}
"""Ends of the process that no line explains."""

INITS: Mapping[str, tuple[str, str]] = {
    "python": ("OrderError", "no settings"),
    "node": ("OrderError", "no settings"),
    "java": (JAVA, "no settings"),
    "go": ("panic", "no settings"),
    "rust": ("panic", "no settings"),
}
"""What a broken init tells."""


def all_of(language: str) -> list[str]:
    """Return what a function is asked for in one run: what fails, then what does not."""
    failures = [failure.do for failure in FAILURES[language]]
    return [*failures, *EXITS[language], *HANDLED[language], "lines", "nothing"]
