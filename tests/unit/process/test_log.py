"""Our own log lines: JSON, marked, filtered by level, limited in number."""

from __future__ import annotations

import io
import json
import logging  # noqa: TID251  # it must be silent
import os
import sys
from contextlib import suppress

import pytest

from extension.http.messages import BadMessageError
from extension.process.log import (
    BURST,
    PIPE_BYTES,
    WINDOW_S,
    Log,
    describe,
    silence_libraries,
    write_to_stdout,
)
from extension.redaction.redactor import Redactor
from tests.doubles import LogLines, ManualClock


def test_a_line_is_one_json_object_with_the_marker() -> None:
    """Any collector can parse the lines, and we recognise our own."""
    lines = LogLines()
    Log(clock=ManualClock(), sink=lines).warning("cache\nfull", entries=3)
    assert lines.parsed == [
        {"extension": "lambda-dispatch", "level": "WARN", "message": "cache\nfull", "entries": 3}
    ]
    assert "\n" not in lines.lines[0]


def test_no_character_of_a_name_breaks_the_line() -> None:
    """Line separators and terminal escapes stand in it as escapes, half characters too."""
    lines = LogLines()
    Log(clock=ManualClock(), sink=lines).error("x", name="a\u2028b\x9bc\ud800d")
    assert lines.lines[0].isascii()
    assert lines.lines[0].isprintable()


def redacting(name: str, value: str) -> tuple[Log, LogLines]:
    """Return a log that knows one secret, and what it writes."""
    lines, redactor = LogLines(), Redactor()
    redactor.learn(name, value)
    log = Log(clock=ManualClock(), sink=lines)
    log.redact = lambda text: redactor.redact(text).text
    return log, lines


@pytest.mark.parametrize("character", ['"', "\n", "\\", "\x1b", "\u2028", "\ud800", "\x00"])
def test_a_key_of_a_secret_does_not_break_the_line(character: str) -> None:
    """The author of a secret cannot forge a line of ours."""
    key = f'a{character}\n{{"extension": "forged"'
    log, lines = redacting("db", json.dumps({key: "correct-horse-battery"}))
    log.error("failed", cause="correct-horse-battery")
    [line] = lines.parsed
    assert line["extension"] == "lambda-dispatch"
    assert line["cause"].startswith("[REDACTED:db#a")
    assert lines.lines[0].isprintable()


@pytest.mark.parametrize(
    "value",
    ["lambda-dispatch", '"extension": "lambda-dispatch"', '", "message": "', '"level": "ERROR"'],
)
def test_a_secret_cannot_redact_the_form_of_a_line(value: str) -> None:
    """A secret that looks like a part of our lines is replaced in values only."""
    log, lines = redacting("odd", value)
    log.error("failed", cause=f"<{value}>", count=3)
    assert lines.parsed == [
        {
            "extension": "lambda-dispatch",
            "level": "ERROR",
            "message": "failed",
            "cause": "<[REDACTED:odd]>",
            "count": 3,
        }
    ]


@pytest.mark.parametrize(
    "field",
    [
        "hunter2-hunter2",
        ["hunter2-hunter2"],
        ("a", "hunter2-hunter2"),
        {"a": {"hunter2-hunter2": ["hunter2-hunter2"]}},
        ValueError("hunter2-hunter2"),
    ],
)
def test_fields_of_any_shape_are_redacted(field: object) -> None:
    """Texts, lists, tables with their keys, and what is written as its text."""
    log, lines = redacting("db", "hunter2-hunter2")
    log.error("hunter2-hunter2", field=field)
    assert "hunter2" not in lines.lines[0]
    assert lines.parsed[0]["message"] == "[REDACTED:db]"


@pytest.mark.parametrize("field", [None, True, 3, 1.5, [1, None], {"a": 1}])
def test_other_fields_keep_their_type(field: object) -> None:
    """Numbers and flags are written as such."""
    log, lines = redacting("db", "hunter2-hunter2")
    log.error("x", field=field)
    assert lines.parsed[0]["field"] == field


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", ["d", "i", "w", "e"]),
        ("INFO", ["i", "w", "e"]),
        ("WARN", ["w", "e"]),
        ("ERROR", ["e"]),
        ("NONE", []),
    ],
)
def test_level(level: str, written: list[str]) -> None:
    """Only lines at or above the level are written."""
    lines = LogLines()
    log = Log(clock=ManualClock(), level=level, sink=lines)
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert lines.messages == written


def test_a_fault_that_repeats_stays_small() -> None:
    """Lines beyond a burst are suppressed; the first line of the next window says how many."""
    lines, clock = LogLines(), ManualClock()
    log = Log(clock=clock, sink=lines)
    for _ in range(BURST + 5):
        log.error("endpoint down")
    log.error("something else")
    assert lines.messages == ["endpoint down"] * BURST + ["something else"]
    clock.freeze(WINDOW_S)
    log.error("endpoint down")
    assert lines.parsed[-1]["suppressed"] == 5


def test_our_errors_are_logged_with_their_text_and_others_by_type() -> None:
    """The text of a library's exception may hold a URL, a header or a value."""
    assert describe(BadMessageError("no status line")) == "BadMessageError: no status line"
    assert describe(ValueError("https://key@host")) == "ValueError"


@pytest.mark.parametrize(
    ("statement", "description"),
    [
        ("import no_such_library.part", "ModuleNotFoundError: no_such_library"),
        ("from json import no_such_name", "ImportError: json"),
        ("raise ImportError('https://key@host')", "ImportError"),
    ],
)
def test_what_cannot_be_imported_is_named(statement: str, description: str) -> None:
    """The user needs the name of the module, and it is not a secret."""
    with pytest.raises(ImportError) as raised:
        exec(statement)
    assert describe(raised.value) == description


def test_a_window_is_open_for_its_time_from_its_first_line() -> None:
    """However often the line comes; what was suppressed is told once."""
    lines, clock = LogLines(), ManualClock()
    log = Log(clock=clock, sink=lines)
    for _ in range(BURST):
        log.error("down")
    clock.advance(WINDOW_S - 0.1)
    log.error("down")
    assert len(lines.lines) == BURST
    clock.advance(0.1)
    for _ in range(BURST + 1):
        log.error("down")
    assert [line.get("suppressed") for line in lines.parsed[BURST:]] == [1, *[None] * (BURST - 1)]


class Pipe:
    """A pipe as standard output, of which a test reads the other end."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.output = os.fdopen(writing, "w")

    def read(self) -> str:
        """Return what has been written."""
        try:
            return os.read(self._reading, 1_048_576).decode()
        except BlockingIOError:
            return ""

    def __enter__(self) -> Pipe:
        self._before, sys.stdout = sys.stdout, self.output
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout = self._before
        os.close(self._reading)
        with suppress(OSError):
            self.output.close()


@pytest.mark.parametrize("length", [0, 1, PIPE_BYTES - 1, PIPE_BYTES, 3 * PIPE_BYTES])
def test_a_line_is_written_whole_and_at_once(length: int) -> None:
    """Lambda would put what is not flushed into another invocation."""
    with Pipe() as pipe:
        write_to_stdout("x" * length)
        assert pipe.read() == "x" * length + "\n"


def test_a_full_pipe_blocks_nobody() -> None:
    """What does not fit is lost."""
    with Pipe() as pipe:
        for _ in range(100):
            write_to_stdout("x" * PIPE_BYTES)
        assert 0 < len(pipe.read()) < 100 * PIPE_BYTES


def test_a_closed_output_is_no_error() -> None:
    """Nor one of which nothing reads the other end."""
    with Pipe() as pipe:
        pipe.output.close()
        write_to_stdout("x")
        assert pipe.read() == ""


def test_a_process_without_output_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was started with its output closed."""
    monkeypatch.setattr(sys, "stdout", None)
    write_to_stdout("x")


def test_an_output_without_a_descriptor_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be asked whether it would block."""
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    write_to_stdout("x")
    assert output.getvalue() == "x\n"


def test_libraries_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Their lines may hold values."""
    try:
        silence_libraries()
        logging.getLogger("a.library").critical("secret")
    finally:
        logging.disable(logging.NOTSET)
    assert caplog.records == []
