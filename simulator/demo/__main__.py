"""`make demo`: the example function in a local Lambda with this extension, and what came of it.

Everything runs on loopback, in processes that end with the demo, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.console import Console

from simulator.arguments import report_file
from simulator.demo.outcome import HEADING, Outcome
from simulator.demo.printout import (
    section,
    show_cloudwatch,
    show_gets,
    show_places,
    show_surprises,
    show_traces,
    write_picture,
)
from simulator.demo.stage import ENDPOINT_VARIABLES, open_stage
from simulator.demo.waterfall import WIDTH
from simulator.errors import SimulatorError
from simulator.interruption import EXIT_INTERRUPTED, cancel_on_signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.demo.stage import Stage
    from simulator.invocation import Status

STEPS: tuple[tuple[Mapping[str, object], Status], ...] = (
    ({}, "success"),
    ({}, "success"),
    ({"fail": True}, "error"),
    ({}, "success"),
    ({"sleep": 10}, "timeout"),
    ({}, "success"),
    ({}, "success"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # the bars, whatever the locale
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False, soft_wrap=True)
    demo = _demo(
        console,
        otlp_url=options.otlp or "",
        page=options.report,
        to_cloudwatch=options.cloudwatch,
    )
    try:
        return asyncio.run(demo)
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print("Interrupted: everything that the demo had started has been stopped.")
        return EXIT_INTERRUPTED
    except SimulatorError as error:
        console.print(f"\nThe demo cannot run: {error}")
        return 1


async def _demo(console: Console, *, otlp_url: str, page: Path, to_cloudwatch: bool) -> int:
    started_s = time.monotonic()
    cancel_on_signals(lambda: console.print("\nStopping …"))
    console.print("lambda-dispatch beside a function in a local Lambda\n", style="bold")
    async with open_stage(otlp_url, to_cloudwatch=to_cloudwatch) as stage:
        show_places(stage, console)
        outcomes = await _invoke_all(stage, console)
        # SHUTDOWN makes the platform report the last invocation, and the extension send the rest.
        await stage.function.shutdown()
        code = await show_traces(stage, console, outcomes)
        show_cloudwatch(stage, console)
        show_gets(stage, console, outcomes)
        write_picture(stage, console, outcomes, path=page)
    if not (otlp_url or to_cloudwatch):
        console.print("To see the traces elsewhere: make demo OTLP=http://localhost:4318")
    console.print(f"Everything has been shut down; {time.monotonic() - started_s:.1f} s in all.")
    return max(code, show_surprises(console, outcomes))


async def _invoke_all(stage: Stage, console: Console) -> list[Outcome]:
    section(console, "Invocations")
    console.print(HEADING, style="dim")
    outcomes = []
    for number, (payload, expected) in enumerate(STEPS, start=1):
        calls_before = len(stage.aws.calls)
        answer = await stage.function.invoke(payload)
        calls = tuple(stage.aws.calls[calls_before:])
        outcomes.append(
            Outcome(
                number=number,
                payload=payload,
                expected=expected,
                answer=answer,
                aws_calls=calls,
            )
        )
        console.print(outcomes[-1].line)
    return outcomes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.demo",
        description="Run the example function with this extension in a local Lambda: cold and warm "
        "invocations, one that raises and one that times out. Shows their traces and which GETs "
        "came from the cache. Needs no AWS account and no network; ends every process it starts.",
        epilog="Exit codes: 0 all as expected, 1 not so (and what), 2 bad input, 130 Ctrl-C.",
    )
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--cloudwatch",
        action="store_true",
        help="send traces, logs and metrics to a local X-Ray and CloudWatch",
    )
    places.add_argument(
        "--otlp",
        metavar="URL",
        type=_endpoint,
        help="send the traces to this OTLP/HTTP endpoint, for example http://localhost:4318, "
        f"instead of showing them here; {', '.join(ENDPOINT_VARIABLES)} are passed on",
    )
    places.add_argument(
        "--report",
        metavar="FILE",
        type=report_file,
        default="demo.html",
        help="the page that shows the run in a browser, if the traces stay here "
        "(default: demo.html)",
    )
    return parser


def _endpoint(text: str) -> str:
    """An HTTP URL where something listens; raises ArgumentTypeError for anything else."""
    try:
        url = urlsplit(text)
        address = url.hostname or "", url.port or {"http": 80, "https": 443}[url.scheme]
    except (KeyError, ValueError):
        address = "", 0
    if not address[0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL like http://localhost:4318")
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"nothing listens at {text}: {error}") from None
    return text


if __name__ == "__main__":
    sys.exit(main())
