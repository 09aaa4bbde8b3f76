"""The connections to endpoints: kept for the next request while they are young, or new.

In a freeze a connection dies unseen, and the clock by which aiohttp would drop it may stand still.
So their age is read off both clocks; and the second attempt of a request gets a connection of its
own, because several of those that are kept may have died together.
"""

from __future__ import annotations

import sys
from collections import Counter

import aiohttp

from extension import __version__
from extension.process.clock import Clock
from extension.telemetry.export.cookies import NoCookies

USER_AGENT = f"lambda-dispatch/{__version__} Python/{'.'.join(map(str, sys.version_info[:3]))}"

KEPT_S = 15.0
"""How long an idle connection, and an address that was looked up, are kept, as aiohttp does."""


class Connections:
    """One client for requests that share connections, and one where each has its own."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._sharing = _open_session()
        self._alone: aiohttp.ClientSession | None = None
        self._under_way: Counter[aiohttp.ClientSession] = Counter()
        self._begun = clock.now()

    async def begin(self, *, alone: bool) -> aiohttp.ClientSession:
        """Return the client for a request, over a connection that is kept or one of its own.

        `end` is to be called after it.
        """
        session = self._one_of_its_own() if alone else await self._kept()
        self._under_way[session] += 1
        return session

    async def end(self, session: aiohttp.ClientSession) -> None:
        """Take note that a request of a client is over, however it ended."""
        self._under_way[session] -= 1
        if session not in (self._sharing, self._alone):
            await self._close_unused(session)

    async def close(self) -> None:
        """Close all connections."""
        await self._sharing.close()
        if self._alone is not None:
            await self._alone.close()

    async def _kept(self) -> aiohttp.ClientSession:
        """Return the client that shares; a new one if its connections are old.

        Their age is that of the last request's beginning: it may have ended after a freeze.
        """
        now = self._clock.now()
        is_old, self._begun = now.since(self._begun) > KEPT_S, now
        if is_old:
            old, self._sharing = self._sharing, _open_session()
            await self._close_unused(old)
        return self._sharing

    async def _close_unused(self, session: aiohttp.ClientSession) -> None:
        if not self._under_way[session]:
            del self._under_way[session]
            await session.close()

    def _one_of_its_own(self) -> aiohttp.ClientSession:
        if self._alone is None:
            self._alone = _open_session(aiohttp.TCPConnector(force_close=True, use_dns_cache=False))
        return self._alone


def _open_session(connector: aiohttp.TCPConnector | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=NoCookies(),
        # What the answer is encoded in must not decide whether the batch has arrived.
        auto_decompress=False,
        headers={"User-Agent": USER_AGENT},
        # Its own timers would count a freeze; the budget does not.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )
