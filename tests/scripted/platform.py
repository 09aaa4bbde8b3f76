"""The Extensions and the Telemetry API as one extension sees them, and a sandbox that freezes it.

Every time is that of the event loop: the outside clock, which goes on while the process is frozen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.sandbox import FAREWELL, free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]
IDENTIFIER = "11111111-2222-4333-8444-555555555555"
EXTENSION = "/2020-01-01/extension"
ANSWER_S = 60.0
"""What a listener takes at most for an acknowledgement, freezes included."""

TOKEN = "token"
"""Of the sandbox, which opens the cache."""


class Platform:
    """One sandbox with the extension alone in it: the sender of events is the function.

    `setup` are statements that the process runs first, with the names of `tests.sabotage`.
    """

    def __init__(self, environment: dict[str, str], *, setup: str = "") -> None:
        self.asked_next = 0
        """How often the extension has asked for the next event."""
        self.asked_next_s = 0.0
        """When it did so last."""
        self.frozen: list[tuple[float, float]] = []
        """From when to when the process stood still."""
        self.problems: list[str] = []
        self.lines: list[dict[str, Any]] = []
        """What the extension wrote, parsed."""
        self.max_bytes = 0
        """`maxBytes` of its subscription."""
        self.cache_port = free_port()
        self._environment = environment
        self._setup = setup
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._deliveries: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._destination = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped_s: float | None = None
        app = web.Application()
        app.router.add_post(f"{EXTENSION}/register", self._register)
        app.router.add_get(f"{EXTENSION}/event/next", self._next)
        app.router.add_put("/2022-07-01/telemetry", self._subscribe)
        app.router.add_post(f"{EXTENSION}/{{kind}}/error", self._error)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _program(self._setup)),
            env=self._environment | self._sandbox(self._runner.addresses[0][1]),
            stdout=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
        )
        self._tasks = [asyncio.create_task(each) for each in (self._deliver(), self._read())]
        await until(lambda: self.asked_next)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thaw()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    @property
    def farewell(self) -> dict[str, Any]:
        """The closing line; empty when there is none."""
        return next((line for line in self.lines if line.get("message") == FAREWELL), {})

    def send(self, event: dict[str, Any]) -> None:
        """Answer the extension's call for the next event."""
        self._events.put_nowait(event)

    def deliver(self, body: bytes, *, after_s: float) -> None:
        """Post telemetry, one after the other; the order stays even where the times differ."""
        self._deliveries.put_nowait((_now() + after_s, body))

    async def delivered(self) -> None:
        """Wait until everything is acknowledged."""
        await self._deliveries.join()

    def freeze(self) -> None:
        """Stop the process; a second time changes nothing."""
        if self._stopped_s is None and self.is_alive:
            self._process.send_signal(signal.SIGSTOP)
            self._stopped_s = _now()

    def thaw(self) -> None:
        """Let the process go on."""
        if self._stopped_s is not None and self.is_alive:
            self._process.send_signal(signal.SIGCONT)
            self.frozen.append((self._stopped_s, _now()))
        self._stopped_s = None

    def frozen_s(self, begin_s: float, end_s: float) -> float:
        """Return how much of a period the process stood still."""
        return sum(max(min(end, end_s) - max(begin, begin_s), 0.0) for begin, end in self.frozen)

    async def exited(self, *, within_s: float) -> None:
        """Wait for the end of the process, and for its last line."""
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
                await self._tasks[1]
        except TimeoutError:
            self.problems.append(f"the extension did not end within {within_s} s of SHUTDOWN")

    def _sandbox(self, port: int) -> dict[str, str]:
        return {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "soak",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_SESSION_TOKEN": TOKEN,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.cache_port),
            "PATH": os.environ.get("PATH", ""),
        }

    async def _register(self, request: web.Request) -> web.Response:
        await request.read()
        answer = {"functionName": "soak", "functionVersion": "$LATEST", "handler": "h.h"}
        headers = {"Lambda-Extension-Identifier": IDENTIFIER}
        return web.json_response(answer, headers=headers)

    async def _subscribe(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.max_bytes = asked["buffering"]["maxBytes"]
        uri = asked["destination"]["URI"]
        self._destination = uri.replace("sandbox.localdomain", "127.0.0.1")
        return web.Response(text="OK")

    async def _next(self, _: web.Request) -> web.Response:
        self.asked_next_s = _now()
        self.asked_next += 1
        return web.json_response(await self._events.get())

    async def _error(self, request: web.Request) -> web.Response:
        self.problems.append(f"the extension reported an error: {await request.text()}")
        return web.json_response({"status": "OK"}, status=202)

    async def _deliver(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                due_s, body = await self._deliveries.get()
                await asyncio.sleep(max(due_s - _now(), 0))
                try:
                    async with session.post(self._destination, data=BytesIO(body)) as answer:
                        if answer.status != 200:
                            self.problems.append(f"a delivery was answered {answer.status}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.problems.append(f"a delivery failed: {type(error).__name__}")
                finally:
                    self._deliveries.task_done()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))


def _program(setup: str) -> str:
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    sabotage = f"from tests.sabotage import *; {setup}; " if setup else ""
    return f"{path}; {sabotage}from extension.__main__ import main; main()"


def _now() -> float:
    return asyncio.get_running_loop().time()
