"""An HTTP server on loopback in front of a function: each request is one invocation."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.errors import SandboxClosedError, SimulatorError
from simulator.http_events import Front, HttpRequest, to_answer, to_event
from simulator.sandbox.changes import Changes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from simulator.answers import Answer
    from simulator.local_lambda import LocalLambda

HOST = "127.0.0.1"
MOST_BYTES = 6 * 1024 * 1024
"""Lambda's limit of a request."""
_NOT_PASSED_ON = frozenset({"content-length", "transfer-encoding", "connection"})


class HttpFront:
    """Answers requests with whatever function is current; `on_answer` gets each answer.

    Requests wait while there is none: a function that watches its files comes and goes.
    """

    def __init__(self, *, front: Front, on_answer: Callable[[Answer], None]) -> None:
        self._front = front
        self._on_answer = on_answer
        self._function: asyncio.Future[LocalLambda] = asyncio.get_running_loop().create_future()
        self._changes = Changes()
        self._running = 0

    @asynccontextmanager
    async def before(self, function: LocalLambda) -> AsyncIterator[None]:
        """Lead the requests to this function meanwhile; the end waits for their answers."""
        self._function.set_result(function)
        try:
            yield
        finally:
            self._function = asyncio.get_running_loop().create_future()
        await self._changes.wait_for(lambda: not self._running)

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[str]:
        """Listen on this port; yields the URL.

        Raises:
            SimulatorError: the port is taken.
        """
        runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.05)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            reason = os.strerror(error.errno or 0)  # asyncio has its own text for it
            raise SimulatorError(f"--http {port}: {reason}") from None
        try:
            yield f"http://{HOST}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        if (request.content_length or 0) > MOST_BYTES:
            return web.Response(status=413)
        asked = HttpRequest(
            method=request.method,
            target=request.raw_path,
            headers=request.headers.items(),
            body=await request.read(),
            client=request.remote or HOST,
            now=datetime.now(UTC),
            request_id=str(uuid.uuid4()),
        )
        answer = await self._invoke(asked, trace_header=request.headers.get("X-Amzn-Trace-Id"))
        if answer is None:
            return web.Response(status=503)
        said = to_answer(answer, front=self._front)
        response = web.Response(status=said.status, body=said.body)
        for name, value in said.headers:
            if name == "content-type":
                response.headers["content-type"] = value
            elif name not in _NOT_PASSED_ON:
                response.headers.add(name, value)
        return response

    async def _invoke(self, asked: HttpRequest, *, trace_header: str | None) -> Answer | None:
        """Return the answer of the current function, None where it has just been ended."""
        function = await asyncio.shield(self._function)
        event = to_event(asked, front=self._front, settings=function.settings)
        self._running += 1
        try:
            answer = await function.invoke(event, trace_header=trace_header)
        except (SimulatorError, SandboxClosedError):
            return None
        finally:
            self._running -= 1
            self._changes.notify()
        self._on_answer(answer)
        return answer
