"""Runs a function in a local Lambda from the command line and prints what happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from simulator.aws.endpoints.summary import summary
from simulator.command_line import EXIT_BAD_INPUT, Request, parse_arguments
from simulator.errors import SimulatorError
from simulator.interruption import EXIT_INTERRUPTED, cancel_on_signals
from simulator.local_lambda import LocalLambda
from simulator.report.file import write_report
from simulator.staying import run_again, serve
from simulator.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from simulator.answers import Answer
    from simulator.sandbox.output import OutputLine
    from simulator.settings import FunctionSettings
    from simulator.surroundings import Surroundings

EXIT_FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run as the arguments say; returns the exit code."""
    try:
        return asyncio.run(_run(parse_arguments(arguments)))
    except SimulatorError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED


async def _run(request: Request) -> int:
    cancel_on_signals()
    async with surroundings(request) as around:
        answers: list[Answer] = []
        try:
            await _take_turns(request, around, answers)
        except asyncio.CancelledError:
            if request.lasts:  # Ctrl-C is its usual end
                _tell_what_came(request, around, answers)
            raise
        _tell_what_came(request, around, answers)
    return 0 if all(answer.status == "success" for answer in answers) else EXIT_FAILED


async def _take_turns(request: Request, around: Surroundings, answers: list[Answer]) -> None:
    """Invoke as often as the request says; with `--http` and `--watch` until Ctrl-C."""
    settings = around.settings

    def on_answer(answer: Answer) -> None:
        answers.append(answer)
        _print_answer(answer)

    async def turn() -> None:
        await _invoke(request, settings, on_answer)

    if request.http_port is not None:
        await serve(
            request,
            lambda: LocalLambda(settings, on_line=_print_line),
            on_answer=on_answer,
            say=_print,
        )
    elif request.watches:
        await run_again(turn, settings, say=_print)
    else:
        await turn()


async def _invoke(
    request: Request, settings: FunctionSettings, on_answer: Callable[[Answer], None]
) -> None:
    function = LocalLambda(settings, on_line=_print_line)
    try:
        async with function:
            for turn in range(request.times):
                if turn:
                    await function.idle(request.gap_s)
                on_answer(await function.invoke(request.payload, trace_header=request.trace_header))
    finally:
        _print_ends(function, request)


def _tell_what_came(request: Request, around: Surroundings, answers: Sequence[Answer]) -> None:
    if request.report is not None:
        _draw(request, around, answers, path=request.report)
    if around.cloudwatch is not None:
        for line in summary(around.cloudwatch):
            _print(f"cloudwatch: {line}")
    if hint := _hint(request, around, answers):
        print(f"simulator: {hint}", file=sys.stderr)


def _hint(request: Request, around: Surroundings, answers: Sequence[Answer]) -> str:
    """Return what may have been left out of the command line where something failed, or nothing."""
    if around.settings.extensions is None and any(each.status != "success" for each in answers):
        return (
            "no extension is beside the function: --parameter, --secret, --report and "
            "--cloudwatch start lambda-dispatch, --extensions your own"
        )
    asks_aws = not request.seeds and "AWS_ENDPOINT_URL" not in around.settings.environment
    if asks_aws and any(get.status != HTTPStatus.OK for get in around.gets):
        return "the cache asked AWS itself: --parameter and --secret start a local AWS with them"
    return ""


def _draw(request: Request, around: Surroundings, answers: Sequence[Answer], *, path: Path) -> None:
    assert around.intake is not None
    payload = json.dumps(request.payload, ensure_ascii=False)
    write_report(
        path,
        intake=around.intake,
        gets=around.gets,
        payloads=dict.fromkeys((answer.request_id for answer in answers), payload)
        if request.http_port is None
        else {},
        code=request.settings.code,
    )
    what = "" if around.intake.spans else " is empty: no span has arrived"
    _print(f"report: {path}{what}")


def _print_line(line: OutputLine) -> None:
    for part in line.text.splitlines():
        _print(f"{line.name} | {part}")


def _print_answer(answer: Answer) -> None:
    start = "cold" if answer.cold_start else "warm"
    _print(
        f"=> {answer.status} in {answer.duration_ms:.1f} ms ({start}), "
        f"ready for the next {answer.after_response_ms:.1f} ms later: "
        f"{answer.payload.decode(errors='replace')}"
    )


def _print_ends(function: LocalLambda, request: Request) -> None:
    if request.prints_events:
        for event in function.events:
            _print(event.to_json("2025-01-29").decode())
    for ended in function.exits:
        how = "killed by the platform" if ended.killed else str(ended)
        _print(f"{ended.name} (process {ended.pid}) ended: {how}")


def _print(line: str) -> None:
    try:
        # UTF-8 whatever the locale: what a function prints must not break the run.
        sys.stdout.buffer.write(f"{line}\n".encode(errors="replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Who reads has seen enough, as `head` has; nothing must fail because of that any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
