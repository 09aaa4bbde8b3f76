"""The sockets of a part that is switched off refuse callers and leave nothing behind."""

from __future__ import annotations

import asyncio
import socket

from extension.platform.bootstrap import Start
from extension.platform.listening import ListeningSockets


async def test_a_closed_socket_is_forgotten_by_the_event_loop() -> None:
    """The next file that is opened has its descriptor, and nothing to do with it."""
    start = Start("127.0.0.1:1")
    listening = socket.create_server(("127.0.0.1", 0))
    descriptor = listening.fileno()
    start.listening.add(descriptor)
    sockets = ListeningSockets([listening], start=start)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, lambda: None)
    sockets.close()
    assert not loop.remove_reader(descriptor)
    assert start.listening == set()
    assert [each.fileno() for each in sockets] == [-1]


async def test_sockets_may_be_closed_twice() -> None:
    """A part that failed is switched off by whatever notices it first."""
    sockets = ListeningSockets([socket.create_server(("127.0.0.1", 0))], start=Start("127.0.0.1:1"))
    sockets.close()
    sockets.close()
    assert [each.fileno() for each in sockets] == [-1]
