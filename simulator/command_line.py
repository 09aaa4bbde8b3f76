"""The arguments of `python -m simulator`, turned into what to run."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

from layer.commands import named
from simulator import arguments as read
from simulator.aws.endpoints import Trouble
from simulator.http_events import Front
from simulator.settings import FunctionSettings, InitializationType, LogFormat, Tracing

if TYPE_CHECKING:
    from simulator.aws.seeds import Kind, Seed

EXIT_BAD_INPUT = 2
_A_DAY_S = 86_400.0
_MILLION = 1_000_000
_NO_HANDLER = "handler"
"""What Lambda's console writes for runtimes that ignore it."""
_BESIDE = (
    "lambda-dispatch, if a parameter, a secret, a report or CloudWatch is asked for "
    "without --extensions."
)
_DEFAULT = "default: %(default)s"
_SEEDED: tuple[tuple[str, Kind, str], ...] = (
    ("--parameter", "String", "a parameter"),
    ("--secure-string", "SecureString", "an encrypted parameter"),
    ("--secret", "secret", "a secret"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run, how often, in which surroundings, and what to print."""

    settings: FunctionSettings
    payload: object
    times: int
    gap_s: float
    trace_header: str | None
    prints_events: bool
    seeds: tuple[Seed, ...]
    report: Path | None
    cloudwatch: Trouble | None
    http_port: int | None
    front: Front
    watches: bool

    @property
    def lasts(self) -> bool:
        """Whether it goes on until Ctrl-C."""
        return self.watches or self.http_port is not None


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        line = " ".join(message.splitlines())
        sys.stderr.write(f"simulator: {line} (--help lists the options)\n")
        raise SystemExit(EXIT_BAD_INPUT)


def parse_arguments(arguments: list[str] | None = None) -> Request:
    """Return the request; ends the process with code 2 and one line for what makes no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    code, handler = options.function
    if not handler and options.command is None:
        parser.error(f"argument --function: {code} should be {read.FUNCTION_FORM}")
    environment = dict(options.env)
    if options.report and environment.get("DISPATCH_FORMAT", "").strip().lower() == "json":
        parser.error("--report draws OTLP: leave out DISPATCH_FORMAT=json")
    if options.seeds and "AWS_ENDPOINT_URL" in environment:
        parser.error("--parameter, --secure-string and --secret bring their own AWS_ENDPOINT_URL")
    if options.report and options.cloudwatch:
        parser.error("telemetry goes either to --report or to --cloudwatch")
    if options.http is not None and (options.times > 1 or options.gap):
        parser.error("--times and --gap are for --event; with --http each request is an invocation")
    if (options.denied or options.no_transaction_search) and not options.cloudwatch:
        parser.error("--deny and --no-transaction-search are for --cloudwatch")
    return Request(
        settings=FunctionSettings(
            code=code,
            handler=handler or _NO_HANDLER,
            runtime=_runtime(options.command, code, parser),
            extensions=options.extensions,
            name=options.name,
            region=options.region,
            memory_mb=options.memory,
            timeout_s=options.timeout,
            init_timeout_s=options.init_timeout,
            environment=environment,
            tracing=options.tracing,
            log_format=options.log_format,
            initialization_type=options.initialization,
            port=options.port,
            cpu_share=options.cpu_share,
            freeze=not options.no_freeze,
            time_compression=options.compress,
        ),
        payload=options.event,
        times=options.times,
        gap_s=options.gap,
        trace_header=options.trace_header,
        prints_events=options.print_events,
        seeds=tuple(options.seeds),
        report=options.report,
        cloudwatch=_trouble(options) if options.cloudwatch else None,
        http_port=options.http,
        front=options.http_as,
        watches=options.watch,
    )


def _runtime(
    command: tuple[str, ...] | None, code: Path, parser: argparse.ArgumentParser
) -> tuple[str, ...] | None:
    """Return the command with the path of its program: in the folder of the code, or on PATH."""
    if command is None:
        return None
    own = (code / command[0]).resolve()
    program = str(own) if own.is_file() else shutil.which(command[0])
    if program is None:
        parser.error(f"argument --command: {command[0]} is neither in {code} nor on PATH")
    return (program, *command[1:])


def _trouble(options: argparse.Namespace) -> Trouble:
    return Trouble(denied=set(options.denied), transaction_search_off=options.no_transaction_search)


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m simulator",
        description="Run a function in a local Lambda, with its extensions.",
        epilog="Exit code: 0 all invocations succeeded, 1 one did not, 2 wrong input, 130 Ctrl-C.",
    )
    _add_function(parser.add_argument_group("the function"))
    _add_surroundings(parser.add_argument_group("what is beside it", _BESIDE))
    _add_run(parser.add_argument_group("the run"))
    return parser


def _add_function(group: argparse._ArgumentGroup) -> None:
    add, defaults = group.add_argument, FunctionSettings(code=Path())
    seconds = read.number(0.001, _A_DAY_S)
    add(
        "--function",
        type=read.function,
        required=True,
        metavar="PATH:HANDLER",
        help=f"{read.FUNCTION_FORM}; with --command also FOLDER",
    )
    add(
        "--command",
        type=read.command,
        metavar="COMMAND",
        help="the runtime, for any language: 'node index.mjs', './bootstrap'; default: Python's",
    )
    add(
        "--env",
        type=read.variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable, also of its extensions; repeatable",
    )
    add("--timeout", type=seconds, default=defaults.timeout_s, metavar="S", help=_DEFAULT)
    add("--init-timeout", type=seconds, metavar="S", help="default: as Lambda has it")
    add(
        "--memory",
        type=read.number(1, _MILLION),
        default=defaults.memory_mb,
        metavar="MB",
        help=_DEFAULT,
    )
    add("--tracing", choices=get_args(Tracing), default=defaults.tracing, help=_DEFAULT)
    add("--log-format", choices=get_args(LogFormat), default=defaults.log_format, help=_DEFAULT)
    add(
        "--initialization",
        choices=get_args(InitializationType),
        default=defaults.initialization_type,
        help=_DEFAULT,
    )
    add("--name", type=read.word, default=defaults.name, help=_DEFAULT)
    add("--region", type=read.word, default=defaults.region, help=_DEFAULT)


def _add_surroundings(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--extensions", type=named, metavar="FOLDER", help="its files are started as extensions")
    for option, kind, what in _SEEDED:
        add(
            option,
            type=read.seed(kind),
            action="append",
            dest="seeds",
            default=[],
            metavar="NAME=VALUE",
            help=f"{what}, in a local AWS; repeatable; VALUE may be @FILE",
        )
    add("--report", type=read.report_file, metavar="FILE", help="draw the run as an HTML page")
    add(
        "--cloudwatch",
        action="store_true",
        help="send telemetry to a local X-Ray and CloudWatch, which check signatures and limits",
    )
    add(
        "--deny",
        action="append",
        dest="denied",
        default=[],
        metavar="ACTION",
        help="the role lacks xray:PutTraceSegments, or the like; repeatable",
    )
    add("--no-transaction-search", action="store_true", help="X-Ray refuses all spans")


def _add_run(group: argparse._ArgumentGroup) -> None:
    add, seconds = group.add_argument, read.number(0.0, _A_DAY_S)
    add(
        "--event",
        type=read.event,
        default="{}",
        metavar="JSON",
        help="or @FILE, or the name of a sample, such as sqs (simulator/samples); " + _DEFAULT,
    )
    add("--http", type=read.number(0, 65535), metavar="PORT", help="each request is an invocation")
    add("--http-as", choices=get_args(Front), default="api-gateway", help=_DEFAULT)
    add("--watch", action="store_true", help="start again whenever a file changes")
    add("--times", type=read.number(1, _MILLION), default=1, metavar="N", help=_DEFAULT)
    add("--gap", type=seconds, default=0.0, metavar="S", help="idle time between invocations")
    add(
        "--compress",
        type=read.number(1e-3, 1e6),
        default=1.0,
        metavar="N",
        help="divides gaps and timeouts",
    )
    add("--cpu-share", action="store_true", help="only the CPU of this memory size, after init")
    add("--no-freeze", action="store_true", help="let processes run between invocations")
    add("--trace-header", type=read.header, metavar="HEADER", help="the caller's X-Amzn-Trace-Id")
    add("--port", type=read.number(0, 65535), default=0, help="of the Runtime API; 0: any free one")
    add("--print-events", action="store_true", help="print every telemetry event as JSON")
