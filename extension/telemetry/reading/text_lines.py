r"""PURE: a line of text, in the forms of the managed runtimes and of Go and Rust.

    [LEVEL]\ttime\trequest id\ttext                      Python
    time\trequest id\tLEVEL\ttext                        Node.js, .NET
    time\trequest id\ttext                               .NET
    [LEVEL] text                                          Java's LambdaLogger
    2026-01-31 12:00:00 request id LEVEL Logger - text    Java's log4j2, in the layout AWS gives
    L, [time #pid] LEVEL request id -- : text             Ruby's Logger
    LEVEL span{request id}: text                          Rust's tracing
    2026/01/31 12:00:00 text                              Go's log
    2026/01/31 12:00:00 LEVEL text                        Go's slog, through its log

`logger_lines` has those of other loggers. A line in none of them is a text without severity. A
text that is JSON is read as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from extension.telemetry.reading.error_objects import FailureReport
from extension.telemetry.reading.handler_errors import (
    from_dotnet_body,
    from_node_body,
    from_text,
    java_loader_report,
)
from extension.telemetry.reading.json_lines import read_json_text
from extension.telemetry.reading.levels import COLOUR, ERROR, named
from extension.telemetry.reading.line_heads import with_head, with_inner
from extension.telemetry.reading.line_parts import LineParts
from extension.telemetry.reading.logger_lines import (
    bref,
    env_logger,
    levelled,
    logfmt,
    monolog,
    timed,
)
from extension.telemetry.reading.native_errors import RUST_SPAN, from_go, from_rust
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.reading.times import own_time

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PYTHON_LINE = re.compile(rf"\[([A-Z]+)\]\t(\S+Z)\t({UUID})?\t(.*)", re.DOTALL)
NODE_LEVELS = ("trce", "dbug", "info", "warn", "fail", "crit")
"""Of .NET; those of Node.js are in capitals."""
NODE_LINE = re.compile(
    rf"(\d\S+Z)\t({UUID}|undefined|)\t([A-Z]+|{'|'.join(NODE_LEVELS)})\t(.*)", re.DOTALL
)
DOTNET_LINE = re.compile(rf"(\d\S+Z)\t({UUID})\t(.*)", re.DOTALL)
DOTNET_LEVEL = re.compile(r"\[(Trace|Debug|Information|Warning|Error|Critical)\] (.+)", re.DOTALL)
"""Of Amazon.Lambda.Logging.AspNetCore."""
NAMES = "TRACE|DEBUG|INFO|WARN|ERROR|FATAL"
JAVA_LINE = re.compile(rf"\[({NAMES})\] (.*)", re.DOTALL)
LOG4J_LINE = re.compile(
    rf"(\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?) ({UUID})? *({NAMES}) +(\S+) - (.*)",
    re.DOTALL,
)
RUBY_LINE = re.compile(
    rf"[DIWEFA], \[(\S+) #\d+\] +(DEBUG|INFO|WARN|ERROR|FATAL|ANY) ({UUID})?"
    r"[^\n]{0,64}? ?-- [^\n:]{0,64}: (.*)",
    re.DOTALL,
)
RUST_LINE = re.compile(r"(?:(\d\S+Z) +)?(TRACE|DEBUG| INFO| WARN|ERROR) (.*)", re.DOTALL)
INNER_SPAN = "}:"
"""The runtime's span holds another one, so the line is the function's."""
RUST_REQUEST = re.compile(rf'requestId="({UUID})"')
SLOG = re.compile(r"((?:DEBUG|INFO|WARN|ERROR)(?:[+-]\d{1,2})?) (.*)", re.DOTALL)
GO_LINE = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) (.*)", re.DOTALL)

Reader = Callable[[str, int], LineParts | None]


def read_text(text: str, *, platform_ns: int, raw: str = "") -> LineParts:
    """Read a line without its end; `raw` is the line with it."""
    for reader in READERS.get(text[:1], ()):
        parts = reader(text, platform_ns)
        if parts:
            return parts
    report = from_text(raw or text) if "\n" in text or "\r" in text else None
    if report:
        return _failed(LineParts(text), report)
    return LineParts(text)


def _python(text: str, platform_ns: int) -> LineParts | None:
    match = PYTHON_LINE.fullmatch(text)
    if match is None:
        return None
    level, time, request_id, body = match.groups()
    return with_head(body, level, time, request_id, platform_ns)


def _node(text: str, platform_ns: int) -> LineParts | None:
    match = NODE_LINE.fullmatch(text)
    if match is None:
        return None
    time, request_id, level, body = match.groups()
    known = "" if request_id == "undefined" else request_id
    report = None
    if level == "ERROR":
        report = from_node_body(body)
    elif level == "fail":
        report = from_dotnet_body(body)
    if report:
        severity, _ = named(level)
        time_ns = own_time(time, platform_ns=platform_ns) or 0
        return _failed(LineParts(body, severity, level, time_ns, known), report)
    return with_head(body, level, time, known, platform_ns)


def _dotnet(text: str, platform_ns: int) -> LineParts | None:
    """Read a line without a level, or with one that a logger has put into the text."""
    match = DOTNET_LINE.fullmatch(text)
    if match is None:
        return None
    time, request_id, body = match.groups()
    levelled = DOTNET_LEVEL.fullmatch(body)
    level, body = levelled.groups() if levelled else ("", body)
    return with_head(body, level, time, request_id, platform_ns)


def _java(text: str, platform_ns: int) -> LineParts | None:
    match = JAVA_LINE.fullmatch(text)
    if match is None or from_text(text):
        return None
    return with_head(match[2], match[1], "", "", platform_ns)


def _java_loader(text: str, platform_ns: int) -> LineParts | None:
    report = java_loader_report(text)
    return _failed(LineParts(text), report) if report else None


def _log4j(text: str, platform_ns: int) -> LineParts | None:
    match = LOG4J_LINE.fullmatch(text)
    if match is None:
        return None
    time, request_id, level, logger, body = match.groups()
    parts = with_head(body, level, time, request_id, platform_ns)
    return parts._replace(attributes={"logger": logger, **parts.attributes})


def _ruby(text: str, platform_ns: int) -> LineParts | None:
    match = RUBY_LINE.fullmatch(text)
    if match is None:
        return None
    time, level, request_id, body = match.groups()
    return with_head(body, level, time, request_id, platform_ns)


def _rust(text: str, platform_ns: int) -> LineParts | None:
    match = RUST_LINE.fullmatch(text)
    if match is None:
        return None
    time, level, said = match.groups()
    if time and own_time(time, platform_ns=platform_ns) is None:
        return None
    span, end, body = said.partition("}: ") if said.startswith(RUST_SPAN) else ("", "", said)
    request = RUST_REQUEST.search(span)
    parts = with_head(
        body if end else said, level.strip(), time or "", request and request[1], platform_ns
    )
    is_own = end and level == "ERROR" and INNER_SPAN not in span
    report = from_rust(body) if is_own else None
    return _failed(parts, report) if report else parts


def _go(text: str, platform_ns: int) -> LineParts | None:
    match = GO_LINE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, body = match.groups()
    time_ns = own_time(f"{year}-{month}-{day} {clock}", platform_ns=platform_ns)
    if time_ns is None:  # it is not the line's own time, so it is part of the text
        return None
    parts = with_inner(LineParts(body, time_ns=time_ns), platform_ns)
    if slog := SLOG.fullmatch(body):
        level, said = slog.groups()
        return LineParts(said, named(level).severity, level, time_ns)
    report = _go_report(body)
    return _failed(parts, report) if report else parts


def _go_report(body: str) -> FailureReport | None:
    try:
        payload = read_json(body) if body.startswith('{"error') else None
    except ValueError:
        return None
    return from_go(payload) if isinstance(payload, dict) else None


def _failed(parts: LineParts, report: FailureReport) -> LineParts:
    level = ERROR if not parts.severity else None
    return parts._replace(
        error=report.error,
        evidence=report.evidence,
        severity=level.severity if level else parts.severity,
        severity_text=level.text if level else parts.severity_text,
    )


def _coloured(text: str, platform_ns: int) -> LineParts | None:
    """Read a line that has a form without its colours; any other is left as it is."""
    bare = COLOUR.sub("", text)
    readers = READERS.get(bare[:1], ()) if bare[:1] != ESCAPE else ()
    return next(filter(None, (reader(bare, platform_ns) for reader in readers)), None)


ESCAPE = "\x1b"
DIGIT_READERS: tuple[Reader, ...] = (_node, _dotnet, _go, _log4j, _rust, timed)
READERS: dict[str, tuple[Reader, ...]] = {
    "[": (_python, _java, monolog, env_logger),
    "{": (read_json_text,),
    **dict.fromkeys("0123456789", DIGIT_READERS),
    **dict.fromkeys("ED", (_rust, _ruby, levelled, bref)),
    **dict.fromkeys("IWFA", (_ruby, levelled, bref)),
    **dict.fromkeys("SC", (levelled, bref)),
    "N": (levelled, bref, _java_loader),
    **dict.fromkeys(" T", (_rust, levelled)),
    **dict.fromkeys("tl", (logfmt,)),
    ESCAPE: (_coloured,),
}
"""Which forms a line may have, by its first character."""

TEXT_FORMS = frozenset(READERS) - {"{"}
"""Those of runtimes whose logs the platform may wrap in JSON; others write JSON themselves."""
