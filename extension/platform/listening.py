"""The sockets that the bootstrap bound for a part, as asyncio takes them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

from extension.platform.bootstrap import Start


class ListeningSockets(list[socket.socket]):
    """Those of one part; none if it is off."""

    def __init__(self, raw: Iterable[Any], *, start: Start) -> None:
        super().__init__(socket.socket(fileno=each.detach()) for each in raw)
        self._start = start

    def close(self) -> None:
        """Refuse callers; the event loop must forget a descriptor before it is used again."""
        for listening in self:
            if (descriptor := listening.fileno()) >= 0:
                asyncio.get_running_loop().remove_reader(descriptor)
                self._start.listening.discard(descriptor)
                listening.close()
