"""Levels of many loggers as severities of OpenTelemetry."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.reading.levels import Level, read_level


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("TRACE", 1), ("debug", 5), ("Information", 9), ("notice", 10), ("warning", 13),
        ("error", 17), ("SEVERE", 17), ("critical", 21), ("panic", 22), ("dpanic", 21),
        ("alert", 22), ("emergency", 23), ("wArN", 13), ("INFO+2", 11), ("DEBUG-4", 1),
        ("ERROR+99", 24), ({"name": "WARNING", "no": 30}, 13), ("INFO  ", 9), ("50", 17),
        ("400", 17),
        ("\x1b[32minfo\x1b[39m", 9), ({"level": 40000, "levelStr": "ERROR"}, 17),
    ],
)  # fmt: skip
def test_names(value: Any, severity: int) -> None:
    """Names are known in any case; slog's levels may lie between two names."""
    assert read_level(value).severity == severity


@pytest.mark.parametrize(
    ("key", "value", "level"),
    [
        ("level", 30, Level(9, "INFO")),  # pino, bunyan
        ("level", 50, Level(17, "ERROR")),
        ("level", 400, Level(17, "ERROR")),  # Monolog
        ("level", 600, Level(23, "600")),
        ("levelno", 30, Level(13, "WARN")),  # Python
        ("severity_number", 18, Level(18, "18")),  # OpenTelemetry
    ],
)
def test_numbers(key: str, value: int, level: Level) -> None:
    """Which number means what depends on who writes it; the text is the severity's name."""
    assert read_level(value, key=key) == level


def test_numbers_of_gelf() -> None:
    """GELF has syslog's: 3 is an error, 7 is debug."""
    assert read_level(3, key="level", is_gelf=True).severity == 17
    assert read_level(7, key="level", is_gelf=True).severity == 5


@pytest.mark.parametrize(
    "value", ["gold", "UNDEFINED", "٣٠", "0030", 3, 42, -1, True, None, 1.5, [], {}]
)
def test_what_is_no_level_is_not_guessed(value: Any) -> None:
    """A word or number in no table has no severity."""
    assert read_level(value, key="level") == Level(0, "")


@pytest.mark.parametrize(
    ("value", "severity"), [*enumerate((23, 22, 21, 17, 13, 10, 9, 5, 0)), (-1, 0)]
)
def test_all_numbers_of_gelf(value: int, severity: int) -> None:
    """From an emergency to debug, and no other."""
    assert read_level(value, key="level", is_gelf=True).severity == severity


@pytest.mark.parametrize(
    ("key", "value", "severity"),
    [
        ("severity_number", 1, 1), ("SeverityNumber", 24, 24), ("severityNumber", 25, 0),
        ("severity_number", 0, 0), ("severity_number", -1, 0), ("levelno", 10, 5),
        ("levelno", 5, 0),
    ],
)  # fmt: skip
def test_the_bounds_of_numbers(key: str, value: int, severity: int) -> None:
    """OpenTelemetry counts from 1 to 24; Python's numbers between its levels are not guessed."""
    level = read_level(value, key=key)
    assert (level.severity, bool(level.text)) == (severity, severity > 0)


@pytest.mark.parametrize("key", ["level", "levelno", "severity_number"])
@pytest.mark.parametrize("is_gelf", [True, False])
def test_a_flag_is_no_level(key: str, *, is_gelf: bool) -> None:
    """Though Python takes it for a number."""
    assert read_level(True, key=key, is_gelf=is_gelf) == Level(0, "")


@pytest.mark.parametrize(
    ("severity", "names"),
    [
        (1, "TRACE TRCE TRC FINEST SILLY"), (3, "FINER"),
        (5, "DEBUG DBUG DBG FINE VERBOSE VRB"), (7, "HTTP"), (8, "CONFIG"),
        (9, "INFO INFORMATION INFORMATIONAL INF"), (10, "NOTICE"), (13, "WARN WARNING WRN"),
        (17, "ERROR FAIL ERR SEVERE"), (21, "CRITICAL CRIT FATAL FTL DPANIC"),
        (22, "PNC PANIC ALERT"), (23, "EMERGENCY EMERG"),
    ],
)  # fmt: skip
def test_all_names(severity: int, names: str) -> None:
    """Of Python, Node.js, Java, .NET, Go, PHP and syslog; the text stays as it was written."""
    for name in names.split():
        for text in (name, name.lower(), name.capitalize()):
            assert read_level(text) == Level(severity, text)


@pytest.mark.parametrize(
    ("key", "numbers"),
    [
        ("level", {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}),  # pino, bunyan
        ("level", {100: 5, 200: 9, 250: 10, 300: 13, 400: 17, 500: 21, 550: 22, 600: 23}),
        ("levelno", {10: 5, 20: 9, 30: 13, 40: 17, 50: 21}),  # Python
    ],
)
def test_all_numbers(key: str, numbers: dict[int, int]) -> None:
    """The text is what the severity is called, if it has a name."""
    called = {1: "TRACE", 5: "DEBUG", 9: "INFO", 10: "NOTICE", 13: "WARN", 17: "ERROR", 21: "FATAL"}
    for number, severity in numbers.items():
        assert read_level(number, key=key) == Level(severity, called.get(severity, str(number)))
        assert read_level(number + 1, key=key) == Level(0, "")
