"""Runs that last until Ctrl-C: behind an HTTP server, or again whenever a file changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.http_front import HttpFront
from simulator.watch import Snapshot, look_at, until_changed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from simulator.answers import Answer
    from simulator.command_line import Request
    from simulator.local_lambda import LocalLambda
    from simulator.settings import FunctionSettings


async def run_again(
    turn: Callable[[], Awaitable[object]],
    settings: FunctionSettings,
    *,
    say: Callable[[str], None],
) -> None:
    """Take a turn, and another one whenever a file of the function or its extensions changes."""
    folders = watched(settings)
    while True:
        seen = look_at(folders)
        try:
            await turn()
        except SimulatorError as error:
            say(f"simulator: {error}")
        say("watching the files; Ctrl-C ends it")
        await until_changed(folders, since=seen)


async def serve(
    request: Request,
    open_function: Callable[[], LocalLambda],
    *,
    on_answer: Callable[[Answer], None],
    say: Callable[[str], None],
) -> None:
    """Serve HTTP until Ctrl-C, with `--watch` by a new function whenever a file changes.

    Raises:
        SimulatorError: the port is taken, or the function cannot start and nothing is watched.
    """
    front = HttpFront(front=request.front, on_answer=on_answer)
    async with front.serving(request.http_port or 0) as url:
        say(f"http: {url}")
        if not request.watches:
            await _serve_with(front, open_function(), until=asyncio.Event().wait)
        folders = watched(request.settings)
        while True:
            seen = look_at(folders)

            async def changed(seen: Snapshot = seen) -> None:
                await until_changed(folders, since=seen)

            try:
                await _serve_with(front, open_function(), until=changed)
            except SimulatorError as error:
                say(f"simulator: {error}")
                say("requests wait until a file changes")
                await changed()
            say("a file has changed: the function starts again")


def watched(settings: FunctionSettings) -> list[Path]:
    """Return the folders whose files make a run."""
    return [settings.code, *([settings.extensions] if settings.extensions else [])]


async def _serve_with(
    front: HttpFront, function: LocalLambda, *, until: Callable[[], Awaitable[object]]
) -> None:
    async with function:
        await function.start()
        async with front.before(function):
            await until()
