"""HTTP/1.1 over a plain socket, for the calls that are made before anything else may be imported.

Built-in modules only. `_socket` is what `socket` wraps; importing `socket` costs 5 ms, json and re
another 6, and every millisecond before registering delays each cold start.
"""

from __future__ import annotations

import _socket

READ_BYTES = 65_536
HTTP_PORT = 80


class Address:
    """Where an API is: a host name or address, a port, and what every path begins with."""

    __slots__ = ("authority", "host", "port", "prefix")

    def __init__(self, text: str) -> None:
        """Read `host:port`, as Lambda sets it, or what local tools make of it.

        They add a scheme, a path in front of the API's own, or brackets around an IPv6 address.

        Raises:
            ValueError: it is none of these.
        """
        scheme, found, rest = text.strip().partition("://")
        if found and scheme.lower() != "http":
            raise ValueError(f"the Extensions API speaks http, not {scheme}")
        self.authority, _, path = (rest if found else scheme).partition("/")
        self.prefix = f"/{path.strip('/')}".rstrip("/")
        if self.authority.startswith("["):
            self.host, _, port = self.authority[1:].partition("]")
        elif self.authority.count(":") > 1:
            self.host, port = self.authority, ""
        else:
            self.host, _, port = self.authority.partition(":")
        port = port.removeprefix(":") or str(HTTP_PORT)
        if not self.host or not (port.isascii() and port.isdigit()):
            raise ValueError(f"no address of an API: {text[:80]!r}")
        self.port = int(port)

    def places(self) -> list[tuple[int, int, int, tuple[object, ...]]]:
        """Return family, type, protocol and socket address of each place to connect to."""
        # In bytes: a text would import the codec for international names.
        found = _socket.getaddrinfo(self.host.encode(), self.port, 0, _socket.SOCK_STREAM)
        return [(family, kind, protocol, place) for family, kind, protocol, _, place in found]


class Answer:
    """Status, headers (names in lower case) and body of an HTTP answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, *, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def error_type(self) -> str:
        """AWS's name of an error, empty where the body has none."""
        _, found, rest = self.body.partition(b'"errorType"')
        name = rest.partition(b'"')[2].partition(b'"')[0]
        return name.decode("ascii", "replace")[:80] if found else ""


def exchange(
    address: Address,
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    timeout_s: float | None,
) -> Answer:
    """Send one request and read the answer to its end.

    Raises:
        OSError: no connection, or nothing within `timeout_s` (None: wait for ever).
        ValueError: the answer is not what HTTP says.
    """
    closing = {"Connection": "close", **headers}
    connection = connect(address, timeout_s=timeout_s)
    try:
        connection.sendall(request(address, method=method, path=path, headers=closing, body=body))
        return receive(connection)
    finally:
        connection.close()


def connect(address: Address, *, timeout_s: float | None) -> _socket.socket:
    """Return a connection to the first place that takes one; raises OSError."""
    failure = OSError("the name of the API has no address")
    for family, kind, protocol, place in address.places():
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(place)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def request(
    address: Address, *, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> bytes:
    """Return a request as it is sent; headers hold no line breaks."""
    lines = [
        f"{method} {address.prefix}{path} HTTP/1.1",
        f"Host: {address.authority}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def receive(connection: _socket.socket) -> Answer:
    """Read an answer until its end, or until the peer closes; raises OSError or ValueError."""
    data = bytearray()
    while received := connection.recv(READ_BYTES):
        data += received
        if _is_whole(bytes(data)):
            break
    return _answer(bytes(data))


def _is_whole(data: bytes) -> bool:
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    lines = head.lower()
    _, announced, rest = lines.partition(b"\r\ncontent-length:")
    length = rest.split(b"\r\n")[0].strip()
    if announced and length.isdigit():
        return len(body) >= int(length)
    return b"\r\ntransfer-encoding: chunked" in lines and body.endswith(b"0\r\n\r\n")


def _answer(data: bytes) -> Answer:
    head, separator, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    parts = status_line.split(" ")
    if not separator or len(parts) < 2 or not parts[1].isdigit():
        raise ValueError("not an HTTP answer")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answer(status=int(parts[1]), headers=headers, body=body)
