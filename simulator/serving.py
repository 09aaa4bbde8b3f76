"""How the servers on loopback begin and end, and how a test waits for what reaches them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

_FAREWELL_S = 0.05
"""How long the end waits for unfinished answers; aiohttp reads 0 as for ever."""


class Opened:
    """`async with` opens it: a subclass does so in `_open`, and the end closes in reverse order.

    What was opened before an error is closed, too.
    """

    def __init__(self) -> None:
        self._opened = AsyncExitStack()

    async def _open(self, stack: AsyncExitStack) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()


@asynccontextmanager
async def serving(
    app: web.Application | web.Server, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve on loopback; yields the port.

    The bodies that an Application gets are as they were sent, still compressed.
    """
    runner: web.BaseRunner = (
        web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=_FAREWELL_S)
        if isinstance(app, web.Application)
        else web.ServerRunner(app, shutdown_timeout=_FAREWELL_S)
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Arrivals:
    """Lets a test wait for what must reach a server."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()

    async def notify(self) -> None:
        """Say that something has arrived."""
        async with self._condition:
            self._condition.notify_all()

    async def wait_for(
        self, condition: Callable[[], bool], *, deadline_s: float, summary: Callable[[], str]
    ) -> None:
        """Return when the condition holds; raises TimeoutError with what did arrive."""
        try:
            async with asyncio.timeout(deadline_s), self._condition:
                await self._condition.wait_for(condition)
        except TimeoutError:
            raise TimeoutError(f"not within {deadline_s:g} s; arrived: {summary()}") from None
