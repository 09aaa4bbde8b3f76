"""Our own lines: JSON, marked, filtered by level, limited in number."""

from __future__ import annotations

import pytest

from extension.lambda_api import ApiError
from extension.log import BURST, WINDOW_S, Log, describe
from tests.doubles import LogLines, ManualClock


def test_a_line_is_one_json_object_with_the_marker() -> None:
    """Whoever collects the lines can parse them, and we recognise ours."""
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
    """Beyond a burst lines are held back, and their number is told with the next window's first."""
    lines, clock = LogLines(), ManualClock()
    log = Log(clock=clock, sink=lines)
    for _ in range(BURST + 5):
        log.error("endpoint down")
    log.error("something else")
    assert lines.messages == ["endpoint down"] * BURST + ["something else"]
    clock.freeze(WINDOW_S)
    log.error("endpoint down")
    assert lines.parsed[-1]["suppressed"] == 5


def test_our_errors_are_told_whole_and_others_by_type() -> None:
    """The text of a library's exception may hold a URL, a header or a value."""
    assert describe(ApiError("/next answered 500")) == "ApiError: /next answered 500"
    assert describe(ValueError("https://key@host")) == "ValueError"
