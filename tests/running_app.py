"""The whole extension in a test's own event loop, beside an API and an endpoint for its exports."""

from __future__ import annotations

import asyncio
import gc
import gzip
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from extension import app as module
from extension import opening
from extension.app import App
from extension.platform.bootstrap import Start, bind_and_register
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.config import read_config
from extension.telemetry.telemetry import Telemetry
from tests.doubles import LogLines
from tests.extensions_api import ExtensionsApi
from tests.waiting import PATIENCE_S

GZIP = b"\x1f\x8b"


def leave_the_process_alone(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave out what concerns a whole process, and have the mark of the start in a folder."""
    patch.setattr("extension.platform.start_mark.FOLDER", str(folder))
    patch.setattr("extension.process.private_memory.keep_memory_private", lambda: None)
    patch.setattr(module, "silence_libraries", lambda: None)
    patch.setattr(opening, "resume_garbage_collection", lambda: None)
    patch.setattr(opening, "is_compiled", lambda _: True)


class Endpoint:
    """Takes what is posted to it."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer 200 to each request."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].split()[0])
                body = await reader.readexactly(length)
                is_packed = body.startswith(GZIP)
                self.bodies.append(gzip.decompress(body) if is_packed else body)
                self.paths.append(head.split()[1])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@dataclass
class Running:
    """A process, what it wrote, and its exit status once it has ended."""

    api: ExtensionsApi
    app: App
    start: Start
    ended: asyncio.Task[int]
    lines: LogLines
    endpoint: Endpoint = field(default_factory=Endpoint)

    def has_exported(self, text: str) -> bool:
        """Whether the endpoint has got a text."""
        return any(text.encode() in body for body in self.endpoint.bodies)

    async def status(self) -> int:
        """Wait for the end."""
        return await asyncio.wait_for(self.ended, PATIENCE_S)


@asynccontextmanager
async def running(
    api: ExtensionsApi,
    variables: Mapping[str, str] | None = None,
    *,
    tap: socket.socket | None = None,
    **more: str,
) -> AsyncIterator[Running]:
    """Run a process that exports to an endpoint; the cache is off unless a variable says else.

    `tap` is what the pump's copies come through.
    """
    endpoint, lines, clock = Endpoint(), LogLines(), SystemClock()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    async with server, api.running():
        before = _open_things()
        environ = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.port}",
            "DISPATCH_POST_URI": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "DISPATCH_SIGNALS": "traces",
            "DISPATCH_CACHE": "off",
            **(variables or {}),
            **more,
        }
        start = await asyncio.to_thread(bind_and_register, environ)
        start.tap_channel = tap
        log = Log(clock=clock, sink=lines)
        app = App(start=start, environ=environ, config=config_of(environ), clock=clock, log=log)
        ended = asyncio.create_task(app.run())
        try:
            yield Running(api, app, start, ended, lines, endpoint)
        finally:
            app._opening.telemetry.give_up()
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            loop.set_exception_handler(None)
            await asyncio.gather(*_cancelled(), return_exceptions=True)
            await _close_all(app, but=before)
            gc.collect()


def _cancelled() -> set[asyncio.Task[Any]]:
    """Cancel all that still runs, and return it."""
    others = {each for each in asyncio.all_tasks() if each is not asyncio.current_task()}
    for each in others:
        each.cancel()
    return others


def _open_things() -> list[asyncio.Transport | socket.socket]:
    """Return all sockets and transports."""
    return [
        each for each in gc.get_objects() if isinstance(each, asyncio.Transport | socket.socket)
    ]


async def _close_all(app: App, *, but: list[asyncio.Transport | socket.socket]) -> None:
    """Close what the kernel closes when a process ends."""
    others = {*map(id, but)}
    for job in app._opening.jobs:
        if isinstance(job, Telemetry):
            await job.close()
    for each in _open_things():
        if id(each) not in others:
            each.close()
    await asyncio.sleep(0)


def config_of(environ: Mapping[str, str]) -> Any:
    """Return the configuration, which has no problem."""
    config, problems = read_config(environ)
    assert not problems
    return config
