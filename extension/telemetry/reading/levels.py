"""PURE: the levels of loggers, by name or number, as severities of OpenTelemetry.

A level that is in no table is not guessed: the record has no severity, and the field stays an
attribute.
Source: https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

SEVERITIES = {
    "TRACE": 1, "TRCE": 1, "TRC": 1, "FINEST": 1, "SILLY": 1, "FINER": 3,
    "DEBUG": 5, "DBUG": 5, "DBG": 5, "FINE": 5, "VERBOSE": 5, "VRB": 5, "HTTP": 7, "CONFIG": 8,
    "INFO": 9, "INFORMATION": 9, "INFORMATIONAL": 9, "INF": 9, "NOTICE": 10,
    "WARN": 13, "WARNING": 13, "WRN": 13,
    "ERROR": 17, "FAIL": 17, "ERR": 17, "SEVERE": 17,
    "CRITICAL": 21, "CRIT": 21, "FATAL": 21, "FTL": 21, "DPANIC": 21,
    "PNC": 22, "PANIC": 22, "ALERT": 22, "EMERGENCY": 23, "EMERG": 23,
}  # fmt: skip
"""Names to severity numbers of OpenTelemetry's log data model; 0 is unspecified."""

HIGHEST = 24
MOST_DIGITS = 3
"""Of a level that is a number."""
GO_LEVEL = re.compile(r"(DEBUG|INFO|WARN|ERROR)([+-]\d{1,2})")
"""Of slog: between two names there are four steps, as in OpenTelemetry."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What terminals understand, and some loggers write wherever they run."""

SYSLOG = (23, 22, 21, 17, 13, 10, 9, 5)
"""0 is an emergency, 7 is debug; GELF has the same."""

PYTHON = {10: 5, 20: 9, 30: 13, 40: 17, 50: 21}
PINO = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}
"""And bunyan."""
MONOLOG = {100: 5, 200: 9, 250: 10, 300: 13, 400: 17, 500: 21, 550: 22, 600: 23}

NAMES = {1: "TRACE", 5: "DEBUG", 9: "INFO", 10: "NOTICE", 13: "WARN", 17: "ERROR", 21: "FATAL"}
"""What the severity of a number is called."""


class Level(NamedTuple):
    """A severity number and the text that stands for it."""

    severity: int
    text: str


LEVELS = {
    text: Level(severity, text)
    for name, severity in SEVERITIES.items()
    for text in (name, name.lower(), name.capitalize())
}
OF_NUMBERS = {
    number: Level(severity, NAMES.get(severity, str(number)))
    for number, severity in {**MONOLOG, **PINO}.items()
}
UNREAD = Level(0, "")
ERROR = Level(17, "ERROR")
INFORMATION = Level(9, "Information")


def named(text: str) -> Level:
    """Read a level by its name, in any case, with colours or blanks around it."""
    if level := LEVELS.get(text):
        return level
    text = COLOUR.sub("", text).strip()
    if severity := SEVERITIES.get(text.upper(), 0):
        return Level(severity, text)
    if match := GO_LEVEL.fullmatch(text):
        return Level(min(max(SEVERITIES[match[1]] + int(match[2]), 1), HIGHEST), text)
    return UNREAD


def numbered(value: int, *, key: str, is_gelf: bool) -> Level:
    """Read a level that is a number, of which each logger has numbers of its own."""
    match key:
        case "severity_number" | "severityNumber" | "SeverityNumber":
            severity = value if 0 < value <= HIGHEST else 0
        case "levelno" | "level_number":
            severity = PYTHON.get(value, 0)
        case _ if is_gelf:
            severity = SYSLOG[value] if 0 <= value < len(SYSLOG) else 0
        case _:
            return OF_NUMBERS.get(value, UNREAD)
    return Level(severity, NAMES.get(severity, str(value))) if severity else UNREAD


def read_level(value: Any, *, key: str = "", is_gelf: bool = False) -> Level:
    """Read a level as a structured line has it; loguru and log4js write an object."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("levelStr")
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS):
            return named(value)
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return numbered(value, key=key, is_gelf=is_gelf)
    return UNREAD
