"""On a repeated start: answer GETs that the cache cannot serve before the function times out.

They wait in the kernel until the cache is imported. A function that waits for one until its timeout
is started again, with the extension, and waits again. Built-in modules only.
"""

from __future__ import annotations

import _socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWER_S = 0.75
"""So long before its timeout a function gets its answers: it needs some time to use them."""

READ_S = 0.05
"""How long requests may take to arrive, all together; those that wait are there already. A function
may have opened thousands of connections, and /next is not requested meanwhile."""

MAX_BYTES = 65_536
"""What is not read before a connection is closed resets it, and the answer with it."""

TEXT = b"not ready to serve traffic, please wait"
NOT_READY = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: close\r\n\r\n" % len(TEXT)
) + TEXT
"""The answer of AWS's extension before it is ready; the same as `parameters.response.NOT_READY`."""


def refuse_waiting(listeners: Iterable[_socket.socket]) -> None:
    """Answer all requests that wait; never raises."""
    until_s = _now_s() + READ_S
    for listener in listeners:
        try:
            listener.settimeout(0)
            while True:
                descriptor, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # as `socket` does
                _refuse(_socket.socket(fileno=descriptor), until_s)
        except OSError:
            continue  # nothing waits any more, or there is no descriptor for it


def _refuse(connection: _socket.socket, until_s: float) -> None:
    try:
        connection.settimeout(max(until_s - _now_s(), 0.0))
        connection.recv(MAX_BYTES)
        connection.sendall(NOT_READY)
    except OSError:
        return
    finally:
        connection.close()


def _now_s() -> float:
    return time.monotonic()  # noqa: TID251  # `clock` imports more
