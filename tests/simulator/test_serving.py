"""A server closes what it has opened, also when it could not be opened in full."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from simulator.serving import Arrivals, Opened, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Two(Opened):
    """Opens one thing and then another, and notes what happens."""

    def __init__(self, *, second_fails: bool = False) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._second_fails = second_fails

    @asynccontextmanager
    async def _one(self, name: str) -> AsyncIterator[None]:
        self.notes.append(f"open {name}")
        try:
            yield
        finally:
            self.notes.append(f"close {name}")

    async def _open(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self._one("first"))
        if self._second_fails:
            raise OSError("no second")
        await stack.enter_async_context(self._one("second"))


async def test_what_was_opened_is_closed_in_reverse_order() -> None:
    """A later part may use an earlier one until its end."""
    async with Two() as two:
        pass

    assert two.notes == ["open first", "open second", "close second", "close first"]


async def test_what_was_opened_before_an_error_is_closed() -> None:
    """The error is passed on, and nothing stays open."""
    two = Two(second_fails=True)
    with pytest.raises(OSError, match="no second"):
        await two.__aenter__()

    assert two.notes == ["open first", "close first"]


async def test_the_port_is_free_after_the_end() -> None:
    """Another server can have it at once."""
    async with serving(web.Application()) as port:
        pass
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_what_did_not_arrive_in_time_is_an_error_with_what_did() -> None:
    """A failed test shows what came instead."""
    with pytest.raises(TimeoutError, match=r"not within 0.01 s; arrived: one, two"):
        await Arrivals().wait_for(lambda: False, deadline_s=0.01, summary=lambda: "one, two")
