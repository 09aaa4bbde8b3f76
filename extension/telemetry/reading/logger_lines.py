r"""PURE: a line of text, in the forms of loggers that write no JSON.

    time=… level=LEVEL msg="text" key=value              Go's slog and logrus, go-kit: logfmt
    [time] channel.LEVEL: text {context} {extra}         Monolog
    LEVEL\ttext\t{…}                                     Monolog in Bref
    [time LEVEL target] text                             Rust's env_logger
    time LEVEL text, time|LEVEL|text, time [level] text  zap, zerolog, NLog, structlog, winston
    LEVEL: text, LEVEL:logger:text                       java.util.logging, Python's logging

What has a time is believed only if that is the line's own, near the platform's; else it is a part
of the text. Levels in small letters are only read between tabs or in brackets, because they are
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from extension.telemetry.reading.handler_errors import JAVA_NO_METHOD
from extension.telemetry.reading.json_lines import around, read_json_text, read_object
from extension.telemetry.reading.levels import LEVELS, SEVERITIES, named
from extension.telemetry.reading.line_heads import with_head, with_inner
from extension.telemetry.reading.line_parts import LineParts
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.reading.times import own_time

BEGINNINGS = ("time=", "ts=", "level=", "NOTICE", JAVA_NO_METHOD)
"""Of lines whose first character says little; see `quick_lines`."""

LOGFMT_BEGINS = BEGINNINGS[:3]
PAIR = re.compile(r'([\w.@/-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: +|$)')
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|.)")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}

NAMES = "|".join(sorted(SEVERITIES, key=len, reverse=True))
STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"


# Compiled for the first line that may have the form: most functions never write one.
@cache
def timed_line() -> re.Pattern[str]:
    """Return the form of a line with time and level in front."""
    return re.compile(
        rf"({STAMP})(?:[ \t]+({NAMES})[ \t:]+|\|({NAMES})\||\t({NAMES.lower()})\t"
        rf"|[ \t]\[((?:{NAMES}|{NAMES.lower()})) *\]:?[ \t]+)(.+)",
        re.DOTALL,
    )


@cache
def env_line() -> re.Pattern[str]:
    """Return the form of env_logger."""
    return re.compile(rf"\[({STAMP}) ({NAMES}) +([^\s\]]+)\] (.+)", re.DOTALL)


@cache
def monolog_line() -> re.Pattern[str]:
    """Return the form of Monolog."""
    return re.compile(rf"\[({STAMP})\] ([\w-]+)\.({NAMES}): (.*)", re.DOTALL)


@cache
def level_line() -> re.Pattern[str]:
    """Return the form of a line with a level in front."""
    return re.compile(rf"({NAMES}):(?: |([\w.$-]{{1,64}}):)(.+)", re.DOTALL)


def logfmt(text: str, platform_ns: int) -> LineParts | None:
    """Read pairs of keys and values as the same loggers' JSON; all of the line, or nothing."""
    if not text.startswith(LOGFMT_BEGINS):
        return None
    pairs = dict(_pairs(text))
    if "" in pairs or "level" not in pairs or pairs.keys().isdisjoint(("msg", "message")):
        return None
    return read_object(pairs, platform_ns=platform_ns, text=text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Give each pair, and an empty one where the text is something else."""
    at = 0
    while at < len(text):
        match = PAIR.match(text, at)
        if match is None:
            yield "", ""
            return
        key, value = match.groups()
        yield key, _unquote(value) if value[:1] == '"' else value
        at = match.end()


def _unquote(text: str) -> str:
    return ESCAPE.sub(_unescape, text[1:-1]) if "\\" in text else text[1:-1]


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else ESCAPED.get(code, code)


def timed(text: str, platform_ns: int) -> LineParts | None:
    """Read a line with its time and level in front."""
    match = timed_line().fullmatch(text)
    if match is None or own_time(match[1], platform_ns=platform_ns) is None:
        return None
    time, *levels, body = match.groups()
    level = next(filter(None, levels))
    return with_head(body, level, time, "", platform_ns)


def env_logger(text: str, platform_ns: int) -> LineParts | None:
    """Read a line of Rust's env_logger."""
    match = env_line().fullmatch(text)
    if match is None or own_time(match[1], platform_ns=platform_ns) is None:
        return None
    time, level, target, body = match.groups()
    parts = with_head(body, level, time, "", platform_ns)
    return parts._replace(attributes={"target": target, **parts.attributes})


def monolog(text: str, platform_ns: int) -> LineParts | None:
    """Read a line of Monolog; what follows its text is read as its JSON is."""
    match = monolog_line().fullmatch(text)
    if match is None:
        return None
    time, channel, level, said = match.groups()
    body, context = _context(said)
    told = {"message": body, "level": level, "datetime": time, "channel": channel, **context}
    return read_object(told, platform_ns=platform_ns, text=text)


def _context(said: str) -> tuple[str, Mapping[str, Any]]:
    """Return the text, and what its context and the processors' extra hold."""
    said = said.rstrip(" ").removesuffix(" []")
    body, blank, behind = said.removesuffix(" []").partition(' {"')
    context, _, extra = behind.rpartition('} {"')
    if not blank:
        return body, {}
    try:
        return body, read_json('{"' + behind)
    except ValueError:
        pass
    try:
        return body, {**read_json('{"' + context + "}"), **read_json('{"' + extra)}
    except ValueError:
        return said, {}


def bref(text: str, platform_ns: int) -> LineParts | None:
    """Read a line of Bref, which has the text twice: for people, and in the JSON after it."""
    level, _, said = text.partition("\t")
    if level not in LEVELS:
        return None
    body, brace, behind = said.rpartition("\t{")
    inner = read_json_text("{" + behind, platform_ns, is_inner=True) if brace else None
    return around(inner, LineParts(body, *named(level))) if inner else None


def levelled(text: str, platform_ns: int) -> LineParts | None:
    """Read a line with its level in front, and perhaps the logger's name."""
    match = level_line().fullmatch(text)
    if match is None:
        return None
    level, logger, body = match.groups()
    parts = with_inner(LineParts(body, *named(level)), platform_ns)
    return parts._replace(attributes={"logger": logger, **parts.attributes}) if logger else parts
