"""The arguments of `python -m simulator`, turned into settings."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar, get_args

from simulator.errors import SimulatorError
from simulator.settings import (
    FunctionSettings,
    InitializationType,
    LogFormat,
    Tracing,
)

EXIT_BAD_INPUT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run, how often, and what to print."""

    settings: FunctionSettings
    payload: object
    times: int
    gap_s: float
    trace_header: str | None
    prints_events: bool
    report: Path | None


_Number = TypeVar("_Number", int, float)


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"simulator: {message} (--help lists the options)\n")
        raise SystemExit(EXIT_BAD_INPUT)


def parse_arguments(arguments: list[str] | None = None) -> Request:
    """Return the request; ends the process with code 2 and one line on a wrong option.

    Raises SimulatorError for a value that makes no sense.
    """
    options = _parser().parse_args(arguments)
    code, handler = _split_function(options.function)
    settings = FunctionSettings(
        code=code,
        handler=handler,
        extensions=options.extensions,
        name=options.name,
        region=options.region,
        memory_mb=options.memory,
        timeout_s=options.timeout,
        init_timeout_s=options.init_timeout,
        environment=dict(_split_variable(each) for each in options.env),
        tracing=options.tracing,
        log_format=options.log_format,
        initialization_type=options.initialization,
        port=options.port,
        freeze=not options.no_freeze,
        time_compression=options.compress,
    )
    return Request(
        settings=settings,
        payload=_parse_event(options.event),
        times=options.times,
        gap_s=options.gap,
        trace_header=options.trace_header,
        prints_events=options.print_events,
        report=options.report,
    )


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m simulator",
        description="Run a Python function in a local Lambda, with its extensions.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="Exit code: 0 all invocations succeeded, 1 one did not, 2 wrong input.",
    )
    defaults = FunctionSettings(code=Path())
    add = parser.add_argument
    add(
        "--function",
        required=True,
        metavar="PATH:HANDLER",
        help="FOLDER:MODULE.FUNCTION or FILE.py:FUNCTION",
    )
    add("--extensions", type=Path, metavar="FOLDER", help="its files are started as extensions")
    add("--event", default="{}", metavar="JSON", help="the event, or @FILE to read it from")
    add("--times", type=_positive_int, default=1, help="number of invocations")
    add("--gap", type=_seconds, default=0.0, metavar="S", help="idle time between invocations")
    add("--timeout", type=_positive, default=defaults.timeout_s, metavar="S")
    add("--init-timeout", type=_positive, metavar="S", help="default: as Lambda has it")
    add("--memory", type=_positive_int, default=defaults.memory_mb, metavar="MB")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    add("--tracing", choices=get_args(Tracing), default=defaults.tracing)
    add("--trace-header", metavar="HEADER", help="the caller's X-Amzn-Trace-Id")
    add("--log-format", choices=get_args(LogFormat), default=defaults.log_format)
    add(
        "--initialization",
        choices=get_args(InitializationType),
        default=defaults.initialization_type,
    )
    add("--name", default=defaults.name, help="the function's name")
    add("--region", default=defaults.region)
    add("--port", type=_port, default=defaults.port, help="of the Runtime API; 0: any free one")
    add("--no-freeze", action="store_true", help="let processes run between invocations")
    add("--compress", type=_positive, default=1.0, metavar="N", help="divides gaps and timeouts")
    add("--print-events", action="store_true", help="print every telemetry event as JSON")
    add(
        "--report",
        type=report_file,
        metavar="FILE",
        help="write the run as an HTML page; without --extensions lambda-dispatch runs beside it",
    )
    return parser


def report_file(text: str) -> Path:
    """A file that can be written, found out before anything runs; raises ArgumentTypeError."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} should be a file in a folder that is there")
    return path


def _split_function(function: str) -> tuple[Path, str]:
    path, colon, handler = function.rpartition(":")
    if not (path and colon and handler):
        raise SimulatorError(
            f"--function {function}: should be FOLDER:MODULE.FUNCTION or FILE.py:FUNCTION"
        )
    code = Path(path)
    if code.suffix == ".py":
        if not code.is_file():
            raise SimulatorError(f"--function {function}: there is no file {code}")
        return code.parent, f"{code.stem}.{handler}"
    return code, handler


def _split_variable(variable: str) -> tuple[str, str]:
    name, equals, value = variable.partition("=")
    if not (name and equals):
        raise SimulatorError(f"--env {variable}: should be NAME=VALUE")
    return name, value


def _parse_event(event: str) -> object:
    try:
        text = Path(event[1:]).read_text() if event.startswith("@") else event
        return json.loads(text)
    except OSError as error:
        raise SimulatorError(f"--event {event}: {error.strerror}") from None
    except ValueError as error:
        raise SimulatorError(f"--event: is not JSON: {error}") from None


def _seconds(text: str) -> float:
    value = _number(text, float)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} should not be negative")
    return value


def _positive(text: str) -> float:
    value = _number(text, float)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} should be greater than 0")
    return value


def _positive_int(text: str) -> int:
    value = _number(text, int)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} should be at least 1")
    return value


def _port(text: str) -> int:
    value = _number(text, int)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} should be from 0 to 65535")
    return value


def _number(text: str, kind: type[_Number]) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} should be a number") from None
