"""One HTTP/1.1 exchange over one plain socket, for the moments when nothing else may be imported.

Rule of the room: built-in modules only. `_socket` is what `socket` wraps; importing `socket` costs
5 ms, json and re another 6, and every millisecond before registering delays each cold start.
"""

from __future__ import annotations

import _socket

READ_BYTES = 65_536


class Answer:
    """Status, headers (names in lower case) and body of an HTTP answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, *, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def exchange(
    address: str,
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    timeout_s: float | None,
) -> Answer:
    """Send one request to `address` (host:port) and read the answer to its end.

    Raises:
        OSError: no connection, or nothing within `timeout_s` (None: wait for ever).
        ValueError: the address or the answer is not what HTTP says.
    """
    host, _, port = address.rpartition(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect((host, int(port)))
        connection.sendall(_request(address, method, path, headers, body))
        return _answer(_read_to_end(connection))
    finally:
        connection.close()


def _request(address: str, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {address}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _read_to_end(connection: _socket.socket) -> bytes:
    """Read until the peer closes, as it is asked to, or all that it announced is here."""
    data = bytearray()
    while received := connection.recv(READ_BYTES):
        data += received
        head, separator, body = bytes(data).partition(b"\r\n\r\n")
        _, announced, rest = head.lower().partition(b"\r\ncontent-length:")
        length = rest.split(b"\r\n")[0].strip()
        if separator and announced and length.isdigit() and len(body) >= int(length):
            break
    return bytes(data)


def _answer(data: bytes) -> Answer:
    head, separator, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    parts = status_line.split(" ")
    if not separator or len(parts) < 2 or not parts[1].isdigit():
        raise ValueError("not an HTTP answer")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answer(status=int(parts[1]), headers=headers, body=body)
