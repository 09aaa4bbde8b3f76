"""On a repeated start: answer GETs that the cache cannot serve before the function times out.

They wait in the kernel until the cache is imported. A function that waits for one until its timeout
is started again, with the extension, and waits again. Built-in modules only.
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

READ_S = 0.05
"""How long a request may take to arrive; one that waits is there already."""

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
    for listener in listeners:
        try:
            listener.settimeout(0)
            while True:
                descriptor, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # as `socket` does
                _refuse(_socket.socket(fileno=descriptor))
        except OSError:
            continue  # nothing waits any more, or there is no descriptor for it


def _refuse(connection: _socket.socket) -> None:
    try:
        connection.settimeout(READ_S)
        connection.recv(MAX_BYTES)
        connection.sendall(NOT_READY)
    except OSError:
        return
    finally:
        connection.close()
