"""Regular expressions: none takes more than linear time, whatever somebody gets into a log line.

A catastrophic one takes seconds to years for these inputs, a linear one a millisecond or two.
The user's own expressions (DISPATCH_EXCLUDE_REGEX and the like) are his to bound.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import extension
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.records import read_record

LINE = 65_536
"""A quarter of the longest line that Lambda delivers: a linear reading takes a millisecond or two,
a quadratic one at least four seconds."""

DEADLINE_S = 2
WHOLE_TEXTS_ONLY = {
    "DOTNET_HEAD", "DOTNET_LEVEL", "DOTNET_LINE", "GO_LEVEL", "GO_LINE", "HEAD", "HEADER_NAME",
    "JAVA_FIRST_LINE", "JAVA_LINE", "JAVA_LOADER", "KEY", "LOG4J_LINE", "NEAR",
    "NODE_LINE", "OPEN_KEYS", "PAIR", "PHP_HEAD", "PYTHON_HEAD", "PYTHON_LINE", "env_line",
    "level_line", "monolog_line", "timed_line",
    "REGION", "ROOT", "RUBY_LINE", "RUBY_TYPE", "RUST_DEBUG", "RUST_LINE", "SPAN_ID",
    "TRACE_ID", "TRACEPARENT", "WEBHOOK_KEY", "WORD",
    "_CHUNK_LINE", "_NAME", "_REQUEST_LINE", "_STATUS_LINE",
}  # fmt: skip
"""Used by `match` and `fullmatch` alone; all others are also searched for."""

PIECES = [
    "a", "A", "Z", "\n", "\r", "\r\n", "\n ", "\t", " ", "\n\tat ", ": ", ": a", ": A\n", ": A\nA:",
    ": A\nA\n", ": Type", "Exception", "AException: ", "[ERROR] ", "[ERROR] X: ", "Z\t", "-a", "-",
    "Traceback (most recent call last):", "\nTraceback (most recent call last)", "/v1/traces", "/",
    "http:/", "http://", "${ssm:", "${ssm:a}", "%41", "%", "Function<", ">", "dbidentifier", "db",
    "1-", "0", "00-", "é", "\u00a0", "\\", '"', '\\"', "{", "[", "us-", ".a",
    ' {"', '} {"', "\t{", 'a="', '" ', "\x1b[", "\x1b[0m", " at ", ":1",
]  # fmt: skip
BEGINNINGS = [
    "A: ", ": A\nA:", ": A\nA", "AException: ", "AException", "[ERROR] X: ", "[ERROR] X", "[A]\t",
    "1", "us", "db", "Function<", "${ssm:", '["', 'time=a level=INFO msg="', "level=INFO msg=a ",
    "[1970-01-01T00:00:00Z] a.INFO: ", '[1970-01-01T00:00:00Z] a.INFO: {"a": "', "INFO\t",
    "1970-01-01T00:00:00Z INFO ", "\x1b[0mINFO: ", "[object] (A(code: 0): ",
    "00-" + "a" * 32 + "-" + "b" * 16 + "-01-",
]  # fmt: skip
BLANKS = ['\\"', "\n", "\n ", "\r", "\r\n", " ", "a", ": ", "Z", "-a", ".a"]


class TooSlowError(Exception):
    """The deadline has passed."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Interrupt what takes more CPU time; the engine of `re` looks for signals as it runs.

    A machine that is busy with something else is not counted.
    """

    def interrupt(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every expression of a module of the extension, compiled now or when needed."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(extension.__path__, "extension."):
        if module.name == "extension.__main__":
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = value
            elif is_compiled_when_needed(value):
                found[f"{module.name}.{name}"] = value()
    return found


def is_compiled_when_needed(value: Any) -> bool:
    """Tell whether it is a cached function that returns one expression."""
    hints = getattr(value, "__annotations__", {})
    return hasattr(value, "cache_info") and hints == {"return": "re.Pattern[str]"}


def attacks() -> Iterator[str]:
    """Repeat each piece, blanks after each beginning, and two pieces half and half."""
    for piece in PIECES:
        yield piece * (LINE // len(piece))
    for beginning in BEGINNINGS:
        for blank in BLANKS:
            yield beginning + blank * (LINE // len(blank))
    for first in (": A\nA:", ": A\n", "Exception", "\n", "[ERROR] X: "):
        for second in BLANKS:
            yield first * (LINE // 2 // len(first)) + second * (LINE // 2 // len(second))


def test_there_are_expressions_to_attack() -> None:
    """The search finds those of both jobs, and of redaction."""
    packages = {name.split(".")[1] for name in patterns()}
    assert packages >= {"telemetry", "parameters", "redaction"}


@pytest.mark.parametrize("name", sorted(patterns()))
def test_expression_is_linear(name: str) -> None:
    """However it is used: from the beginning, as a whole, or anywhere."""
    pattern = patterns()[name]
    for text in attacks():
        attack = text.encode() if isinstance(pattern.pattern, bytes) else text
        with within(DEADLINE_S):
            pattern.fullmatch(attack)
            if name.rpartition(".")[2] not in WHOLE_TEXTS_ONLY:
                assert pattern.sub(attack[:0], attack) is not None


@pytest.mark.parametrize("level", [None, "ERROR"])
def test_line_is_read_in_linear_time(level: str | None) -> None:
    """The whole way of a line, as text and as a JSON record of the level that is looked at."""
    for attack in attacks():
        written = attack if level is None else {"level": level, "message": attack}
        with within(DEADLINE_S):
            record = read_record(LogLine(time_ns=1, stream="function", record=written))
        assert record.body or not attack.strip()
