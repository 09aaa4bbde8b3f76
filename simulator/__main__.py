"""Runs a function in a local Lambda from the command line and prints what happened."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from simulator.answers import Answer
from simulator.command_line import EXIT_BAD_INPUT, Request, parse_arguments
from simulator.errors import SimulatorError
from simulator.local_lambda import LocalLambda
from simulator.report.recorder import record
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


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
    _end_when_asked()
    if request.report is None:
        answers = await _invoke(request, request.settings)
    else:
        answers = await _invoke_and_report(request, path=request.report)
    return 0 if all(answer.status == "success" for answer in answers) else EXIT_FAILED


async def _invoke_and_report(request: Request, *, path: Path) -> list[Answer]:
    async with record(request.settings) as recording:
        answers = await _invoke(request, recording.settings)
        payload = json.dumps(request.payload, ensure_ascii=False)
        page = recording.report({answer.request_id: payload for answer in answers})
    _write(page, path=path)
    return answers


async def _invoke(request: Request, settings: FunctionSettings) -> list[Answer]:
    function = LocalLambda(settings, on_line=_print_line)
    answers = []
    try:
        async with function:
            for turn in range(request.times):
                if turn:
                    await function.idle(request.gap_s)
                answer = await function.invoke(request.payload, trace_header=request.trace_header)
                answers.append(answer)
                _print_answer(answer)
    finally:
        _print_ends(function, request)
    return answers


def _end_when_asked() -> None:
    """Treat SIGTERM as Ctrl-C, so that no process stays behind.

    Both explicitly: a shell starts what it puts in the background with SIGINT ignored.
    """
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _print_line(line: OutputLine) -> None:
    for part in line.text.splitlines():
        print(f"{line.name} | {part}", flush=True)


def _print_answer(answer: Answer) -> None:
    start = "cold" if answer.cold_start else "warm"
    print(
        f"=> {answer.status} in {answer.duration_ms:.1f} ms ({start}), "
        f"{answer.after_response_ms:.1f} ms more until everybody was ready: "
        f"{answer.payload.decode(errors='replace')}",
        flush=True,
    )


def _write(page: str, *, path: Path) -> None:
    path.write_text(page, encoding="utf-8")
    print(f"report: {path}", flush=True)


def _print_ends(function: LocalLambda, request: Request) -> None:
    if request.prints_events:
        for event in function.events:
            print(event.to_json("2025-01-29").decode())
    for ended in function.exits:
        killed = ", killed" if ended.killed else ""
        print(f"{ended.name} (process {ended.pid}) ended: {ended}{killed}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
