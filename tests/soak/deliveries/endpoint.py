"""An OTLP endpoint that takes its time, and knows which of its answers were heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

from simulator.intake.decoder import decode_logs, decode_traces
from simulator.intake.otlp import LogRecord, Span

MAX_BODY_BYTES = 64 * 1024 * 1024
FAREWELL_S = 2.0
MOMENT_S = 0.05


@dataclass
class Post:
    """One export: what it held, when it came, and when it was answered (0: not yet).

    `acknowledged` says that the sender was there when the answer left, `heard` that it was a
    moment later, too: it did not hang up at the same time.
    """

    came_s: float
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    answered_s: float = 0.0
    acknowledged: bool = False
    heard: bool = False


class SlowEndpoint:
    """`async with SlowEndpoint(draw) as endpoint`; then `url` and, afterwards, `posts`."""

    def __init__(self, draw_latency_s: Callable[[], float]) -> None:
        self.posts: list[Post] = []
        self.texts: set[object] = set()
        """The bodies of all log records that have come."""
        self.url = ""
        self._draw_latency_s = draw_latency_s
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/v1/traces", self._take_traces)
        app.router.add_post("/v1/logs", self._take_logs)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=FAREWELL_S)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _take_traces(self, request: web.Request) -> web.Response:
        post = Post(came_s=_now(), spans=decode_traces(await request.read()))
        return await self._answer(request, post)

    async def _take_logs(self, request: web.Request) -> web.Response:
        post = Post(came_s=_now(), logs=decode_logs(await request.read()))
        return await self._answer(request, post)

    async def _answer(self, request: web.Request, post: Post) -> web.Response:
        self.posts.append(post)
        self.texts.update(record.body for record in post.logs)
        await asyncio.sleep(self._draw_latency_s())
        post.answered_s = _now()
        post.acknowledged = request.transport is not None and not request.transport.is_closing()
        asyncio.get_running_loop().call_later(MOMENT_S, self._look_again, post, request)
        return web.Response(content_type="application/x-protobuf")

    @staticmethod
    def _look_again(post: Post, request: web.Request) -> None:
        post.heard = request.transport is not None and not request.transport.is_closing()


def _now() -> float:
    return asyncio.get_running_loop().time()
